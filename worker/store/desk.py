"""What the desk reads and writes for one account: its requests, its standing, and the effect of each act.

The account's row is locked first, without blocking those who only refer to it; then its charges, then the rest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.store.claims import FREE, USABLE
from worker.store.configurations import PURSE, SCHEDULED
from worker.store.vat_numbers import EVIDENCE, EVIDENCE_JOIN

_ACCOUNT = text("SELECT id FROM accounts WHERE external_id = :name")
_LOCK_ACCOUNT = text("SELECT id FROM accounts WHERE external_id = :name FOR NO KEY UPDATE")


def account_id(connection: Connection, external_id: str) -> int | None:
    """The account of that external id, not locked."""
    found: int | None = connection.execute(_ACCOUNT, {"name": external_id}).scalar_one_or_none()
    return found


def lock_account(connection: Connection, external_id: str) -> int | None:
    """Let one act of an account happen at a time, and none while its charges are priced."""
    found: int | None = connection.execute(_LOCK_ACCOUNT, {"name": external_id}).scalar_one_or_none()
    return found


_ERASURE_BEGAN = text("SELECT erasure_began_at IS NOT NULL FROM accounts WHERE id = :account")


def erasure_began(connection: Connection, account: int) -> bool:
    """Whether the account's personal data is being erased, or was."""
    return bool(connection.execute(_ERASURE_BEGAN, {"account": account}).scalar_one())


_LOCK_CHARGES = text("""
    SELECT c.id, c.state, c.provider_intent FROM charges c
    WHERE c.account_id = :account AND c.state NOT IN ('succeeded', 'failed', 'cancelled') ORDER BY c.id FOR UPDATE
""")


def lock_open_charges(connection: Connection, account: int) -> Sequence[Row[Any]]:
    """The account's charges that are still open, as they stand; none moves on until the transaction ends."""
    return connection.execute(_LOCK_CHARGES, {"account": account}).all()


_STANDING = text(f"""
    SELECT a.id, a.external_id, a.locale, a.currency, a.provider_customer,
           b.version AS details_version, b.company, b.street, b.city, b.postcode, b.country, b.email, b.vat_number,
           s.id AS subscription_id, s.status, s.auto_renew, s.paid_until, s.term_number,
           t.starts_on, t.ends_on,
           f.package, f.interval, f.agents, f.extra_conversations, f.conversation_block, f.agent_lots, f.block_lots,
           f.currency AS bought_in,
           m.id AS method_id, m.type AS method_type, m.brand, m.last4,
           {PURSE.format(currency="a.currency")}, {SCHEDULED}, {EVIDENCE}, vn.state AS vat_state,
           c.state AS charge_state, c.amount_minor AS charge_minor, c.currency AS charge_currency, c.next_try_on
    FROM accounts a
    LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    {EVIDENCE_JOIN}
    LEFT JOIN LATERAL (
        SELECT * FROM subscriptions WHERE account_id = a.id AND status NOT IN ('pending', 'ended')
        ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1
    ) s ON true
    LEFT JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    LEFT JOIN terms t ON t.subscription_id = s.id AND t.number = s.term_number
    LEFT JOIN payment_methods m ON m.account_id = a.id AND m.state = 'in_use'
    LEFT JOIN LATERAL (
        SELECT * FROM charges
        WHERE subscription_id = s.id AND purpose = 'renewal' AND state NOT IN ('succeeded', 'failed', 'cancelled')
        ORDER BY id DESC LIMIT 1
    ) c ON true
    WHERE a.id = :account
""")  # noqa: S608 - no value is put into the text


def standing(connection: Connection, account: int) -> Row[Any]:
    """How the account stands: details, subscription that has not ended, term, method in use, open renewal."""
    return connection.execute(_STANDING, {"account": account}).one()


_ENTITLEMENT = text("SELECT * FROM entitlements WHERE account = :name")
_NOTICES = text("""
    SELECT kind, ends_on FROM notices WHERE account_id = :account AND withdrawn_at IS NULL ORDER BY id
""")


def entitlement(connection: Connection, external_id: str) -> Row[Any]:
    """What the chat product reads of the account (R21)."""
    return connection.execute(_ENTITLEMENT, {"name": external_id}).one()


def notices(connection: Connection, account: int) -> Sequence[Row[Any]]:
    """The notices that stand in the account (R9b)."""
    return connection.execute(_NOTICES, {"account": account}).all()


_REQUEST = text("""
    SELECT act, content_sha256, result FROM desk_requests WHERE account_id = :account AND request_id = :request
""")
_KEEP = text("""
    INSERT INTO desk_requests (account_id, request_id, act, content_sha256, result)
    VALUES (:account, :request, :act, :hash, :result)
""").bindparams(bindparam("result", type_=JSONB))


def earlier_request(connection: Connection, account: int, request_id: str) -> Row[Any] | None:
    """The request of that id, if it was carried out."""
    return connection.execute(_REQUEST, {"account": account, "request": request_id}).one_or_none()


def keep_request(
    connection: Connection, account: int, *, request_id: str, act: str, content_hash: str, result: Mapping[str, object]
) -> None:
    """Keep a request with its result, in the transaction that carried it out."""
    values = {"account": account, "request": request_id, "act": act, "hash": content_hash, "result": dict(result)}
    connection.execute(_KEEP, values)


_SWITCH = text("UPDATE subscriptions SET auto_renew = :on WHERE id = :subscription")
_TAKE_BACK = text("""
    UPDATE mails SET state = 'withdrawn', last_answer = :because
    WHERE subscription_id = :subscription AND state = 'waiting' AND kind = ANY(:kinds)
""")


def switch_renewal(connection: Connection, subscription: int, *, on: bool) -> None:
    """Switch automatic renewal."""
    connection.execute(_SWITCH, {"subscription": subscription, "on": on})


def take_back_mails(connection: Connection, subscription: int, kinds: Sequence[str], *, because: str) -> None:
    """Withdraw unsent mails of these kinds."""
    connection.execute(_TAKE_BACK, {"subscription": subscription, "kinds": list(kinds), "because": because})


_NEW_DETAILS = text("""
    INSERT INTO billing_details (account_id, version, company, street, city, postcode, country, email, vat_number)
    SELECT :account, 1 + coalesce((SELECT max(version) FROM billing_details WHERE account_id = :account), 0),
           :company, :street, :city, :postcode, :country, :email, :vat_number
    RETURNING version
""")
_SUPERSEDE_DETAILS = text("""
    UPDATE billing_details SET superseded_at = now() WHERE account_id = :account AND superseded_at IS NULL
""")


def new_details(connection: Connection, account: int, details: Mapping[str, str | None]) -> int:
    """The account's details from now on; the older versions stay. Returns the version."""
    connection.execute(_SUPERSEDE_DETAILS, {"account": account})
    return int(connection.execute(_NEW_DETAILS, {"account": account, **details}).scalar_one())


_INVOICE = text("""
    SELECT id, charge_id FROM invoices WHERE account_id = :account AND number = :number AND kind = 'invoice'
""")
_NOTE = text("""
    INSERT INTO invoice_notes (account_id, invoice_id, version, note)
    SELECT :account, :invoice, 1 + coalesce(max(version), 0), :note FROM invoice_notes
    WHERE account_id = :account AND invoice_id IS NOT DISTINCT FROM cast(:invoice AS bigint)
    RETURNING version
""")


def invoice(connection: Connection, account: int, number: str) -> Row[Any] | None:
    """The account's invoice of that number; credit notes bear no note of the customer (R17)."""
    return connection.execute(_INVOICE, {"account": account, "number": number}).one_or_none()


def add_note(connection: Connection, account: int, *, invoice: int | None, note: str) -> int:
    """A new version of the note of an invoice, or of all invoices to come. Returns the version."""
    return int(connection.execute(_NOTE, {"account": account, "invoice": invoice, "note": note}).scalar_one())


_END = text("UPDATE subscriptions SET status = 'ended', auto_renew = false WHERE id = :subscription")


def end_subscription(connection: Connection, subscription: int) -> None:
    """The account is Free from now on (R11)."""
    connection.execute(_END, {"subscription": subscription})


_TO_WITHDRAW = text(f"""
    SELECT c.id FROM charges c WHERE c.id = ANY(:ids)
      AND c.state IN ('planned', 'priced', 'created', 'declined', 'cancelling') AND {FREE.format(alias="c")}
""")  # noqa: S608 - no value is put into the text
_WITHDRAW = text("""
    UPDATE charges SET state = CASE state WHEN 'planned' THEN 'cancelled' ELSE 'cancelling' END,
                       parked_at = NULL, parked_reason = NULL, parked_detail = NULL
    WHERE id = ANY(:ids)
""")


def withdraw_charges(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Set locked charges on their way to be cancelled at the provider; returns those that nobody else holds.

    Parked ones among them too: giving the charge up is a decision that a parked charge waits for (R8d).
    """
    free = list(connection.execute(_TO_WITHDRAW, {"ids": list(ids)}).scalars())
    connection.execute(_WITHDRAW, {"ids": free})
    return free


_TRY_NOW = text(f"""
    SELECT c.id FROM charges c JOIN subscriptions s ON s.id = c.subscription_id
    JOIN payment_methods m ON {USABLE}
    WHERE c.account_id = :account AND c.state = 'declined' AND c.parked_at IS NULL AND s.auto_renew
      AND s.status IN ('active', 'past_due') AND m.id IS DISTINCT FROM c.last_method_id
      AND {FREE.format(alias="c")}
    ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text


def charges_for_new_method(connection: Connection, account: int) -> list[int]:
    """Declined charges that the method now in use is to be tried for at once (R8b), held by nobody."""
    return list(connection.execute(_TRY_NOW, {"account": account}).scalars())
