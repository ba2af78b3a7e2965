"""Words for buying and changing: quote, order, and what came of it."""

from typing import Any

from tests.support.builders import account, catalogue, method
from tests.support.house import API_KEY, House
from worker.billing.calendar import Interval
from worker.billing.catalogue import Package
from worker.billing.holdings import Wish
from worker.billing.money import Currency
from worker.billing.states import Payer
from worker.desk.order import order
from worker.desk.quote import quote
from worker.desk.request import Caller, Role


def newcomer(house: House, name: str, *script: str, currency: str = "EUR", saved: bool = True, **facts: Any) -> int:
    """A Free account with billing details and, unless told otherwise, a saved card; its number."""
    catalogue(house.engine)
    number = account(house.engine, external_id=name, currency=currency, **facts)
    house.emulator.seed([{"id": f"cus_{name}"}], [])
    if saved:
        method(house.engine, number, provider_method=f"pm_{name}")
        card = {"type": "card", "brand": "visa", "last4": "4242", "exp_year": 2099, "exp_month": 12}
        house.emulator.seed(
            [], [{"id": f"pm_{name}", "customer": f"cus_{name}", **card, "script": list(script or ("ok",))}]
        )
    return number


def caller(name: str, role: Role = Role.CUSTOMER) -> Caller:
    """The customer on the account page, or somebody of support."""
    return Caller(role, "page" if role is Role.CUSTOMER else "eva", name)


def wish(
    package: str | None = None, interval: str | None = None, agents: int | None = None, extra: int | None = None
) -> Wish:
    """What an order asks for."""
    return Wish(
        None if package is None else Package(package),
        None if interval is None else Interval(interval),
        agents,
        extra,
    )


def quoted(
    house: House,
    name: str,
    asked: Wish,
    *,
    currency: str | None = None,
    request_id: str | None = None,
    role: Role = Role.CUSTOMER,
) -> dict[str, Any]:
    """A quote, as the buyer sees it."""
    done = quote(
        house.runtime,
        caller(name, role),
        asked,
        currency=None if currency is None else Currency(currency),
        request_id=request_id or fresh(house, "quote"),
    )
    return dict(done.result)


def ordered(
    house: House,
    name: str,
    quote_id: str,
    *,
    payer: Payer = Payer.SAVED_METHOD,
    request_id: str | None = None,
    role: Role = Role.CUSTOMER,
) -> dict[str, Any]:
    """An order of a quote, as it stands when the customer is answered."""
    done = order(
        house.runtime, caller(name, role), quote_id, payer=payer, request_id=request_id or fresh(house, "order")
    )
    return dict(done.result)


def buy(house: House, name: str, asked: Wish, **how: Any) -> dict[str, Any]:
    """Quote and order at once, and do what that causes; the order's result."""
    shown = quoted(house, name, asked, currency=how.pop("currency", None))
    result = ordered(house, name, shown["quote"], **how)
    house.drain()
    return result


def fresh(house: House, what: str) -> str:
    """A request id that was not used yet."""
    used = house.fetch("SELECT count(*) AS n FROM desk_requests")[0]["n"]
    refused = house.fetch("SELECT count(*) AS n FROM audit_log")[0]["n"]
    return f"{what}-{used}-{refused}"


def pay_on_page(house: House, name: str, *, card: str = "pm_card_visa") -> None:
    """The customer pays the open order on the provider's page."""
    house.emulator.pay_on_page(intent_of(house, name), card=card, api_key=API_KEY)


def intent_of(house: House, name: str) -> str:
    """The PaymentIntent of the account's newest order."""
    found = house.fetch(
        """SELECT provider_intent FROM charges c JOIN accounts a ON a.id = c.account_id
           WHERE a.external_id = :name AND c.purpose <> 'renewal' ORDER BY c.id DESC LIMIT 1""",
        name=name,
    )
    return str(found[0]["provider_intent"])


def credit_of(house: House, name: str) -> int:
    """The account's credit, all currencies together."""
    return int(
        house.fetch(
            """SELECT coalesce(sum(e.amount_minor), 0) AS s FROM credit_entries e JOIN accounts a ON a.id = e.account_id
               WHERE a.external_id = :name""",
            name=name,
        )[0]["s"]
    )


def entitled(house: House, name: str) -> dict[str, Any]:
    """What the chat product reads (R21)."""
    return house.fetch("SELECT * FROM entitlements WHERE account = :name", name=name)[0]
