"""Payments made at the provider by hand, with our marks on them: what a comparison with it must find."""

from tests.support.house import House
from worker.gateways.answers import AnswerKind
from worker.gateways.stripe import ConfirmRequest, IntentRequest


def marks(house: House, charge: int) -> dict[str, str]:
    """The metadata that this charge's PaymentIntent bears."""
    (row,) = house.fetch(
        "SELECT c.uid, a.external_id, c.term_number FROM charges c JOIN accounts a ON a.id = c.account_id"
        " WHERE c.id = :charge",
        charge=charge,
    )
    return {"charge": str(row["uid"]), "account": row["external_id"], "term": str(row["term_number"])}


def paid_by_hand(
    house: House, account: str, metadata: dict[str, str], *, amount_minor: int = 5700, currency: str = "EUR"
) -> str:
    """A PaymentIntent of the account's customer that succeeds; returns its id."""
    (row,) = house.fetch(
        "SELECT a.provider_customer, m.provider_method FROM accounts a JOIN payment_methods m ON m.account_id = a.id"
        " WHERE a.external_id = :name AND m.state = 'in_use'",
        name=account,
    )
    key = f"by-hand-{len(house.emulator.journal())}-{account}"
    wish = IntentRequest(key, amount_minor, currency, row["provider_customer"], metadata)
    (made,) = house.runtime.payments.create([wish])
    assert made.intent is not None, made
    parameters = {"payment_method": row["provider_method"]}  # no attempt of ours, so the customer is there
    (paid,) = house.runtime.payments.confirm([ConfirmRequest(f"{key}-yes", made.intent, parameters)])
    assert paid.kind is AnswerKind.SUCCEEDED, paid
    return made.intent


def charge_of(house: House, account: str) -> int:
    """The newest charge of the account."""
    (row,) = house.fetch(
        "SELECT max(c.id) AS id FROM charges c JOIN accounts a ON a.id = c.account_id WHERE a.external_id = :name",
        name=account,
    )
    return int(row["id"])


def charged_twice(house: House, account: str) -> tuple[str, str]:
    """Charge the account's newest charge once more; returns the PaymentIntent of our books and the other one."""
    charge = charge_of(house, account)
    (row,) = house.fetch("SELECT provider_intent AS name FROM charges WHERE id = :charge", charge=charge)
    return row["name"], paid_by_hand(house, account, marks(house, charge))
