"""Words for requests that must be refused: scenes before them, the requests, and what a refusal has to say."""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from typing import Any

from sqlalchemy import text

from tests.support.builders import account, catalogue, credit, insert, rows
from tests.support.house import House
from tests.support.shopping import caller, newcomer, ordered, quoted, wish
from tests.support.sources import python_sources
from tests.support.stories import customer, subscription_of
from worker.billing.holdings import Wish
from worker.billing.money import Currency
from worker.billing.states import Payer
from worker.desk.order import cancel_order, order
from worker.desk.order_state import show_order
from worker.desk.quote import quote
from worker.desk.request import Role

Scene = Callable[[House], str]
"""Makes the account `shop` and what stands around it; returns a name, such as a quote's, that the request needs."""
Request = Callable[[House, str], object]
"""Asks for what cannot be had; is handed the name that the scene returned."""

SHOP = "shop"
STANDARD = wish("standard", "month", 3)
CONFIRM = "payment_intents.confirm"

_VERBS = (
    "add|ask|buy|change|check|choose|compare|compose|contact|correct|enter|fill|give|leave|look|name|open|order|pay"
    "|put|save|say|shorten|switch|try|type|wait|write"
)
INSTRUCTION = re.compile(rf"(?:^|[:;,(] |\bplease |\bor |\bthen |\bfirst )(?:please )?(?:{_VERBS})\b")
"""An imperative where one may stand: at the beginning, after a colon or a comma, after `please`, `or`, `then`."""


def live(**facts: Any) -> Scene:
    """A live subscription in the middle of its term, unless told otherwise."""

    def make(house: House) -> str:
        of = customer(house, **{"external_id": SHOP, "ends_on": house.clock.today() + timedelta(days=10), **facts})
        return str(subscription_of(house, of)["id"])

    return make


def free(**facts: Any) -> Scene:
    """A Free account."""
    return lambda house: str(newcomer(house, SHOP, **facts))


def bare(house: House) -> str:
    """A Free account of which nothing but the name is known."""
    catalogue(house.engine)
    return str(insert(house.engine, "accounts", external_id=SHOP, locale="en", currency="EUR"))


def quoted_for(scene: Scene, asked: Wish, then: Callable[[House], object] = lambda _: None) -> Scene:
    """A quote was made, and then something happened; hands on the quote."""

    def make(house: House) -> str:
        scene(house)
        name = str(quoted(house, SHOP, asked, request_id="quote-1")["quote"])
        then(house)
        return name

    return make


def with_order(scene: Scene, asked: Wish, *, payer: Payer = Payer.PAGE) -> Scene:
    """A quote was ordered; hands on the order."""

    def make(house: House) -> str:
        shown = quoted_for(scene, asked)(house)
        name = str(ordered(house, SHOP, shown, payer=payer, request_id="order-1")["order"])
        house.drain()
        return name

    return make


def used_quote(house: House) -> str:
    """A quote that was ordered already."""
    name = quoted_for(free(saved=False), STANDARD)(house)
    ordered(house, SHOP, name, payer=Payer.PAGE, request_id="order-1")
    house.drain()
    return name


def overtaken_quote(house: House) -> str:
    """An older quote, after a newer one was ordered and not paid yet."""
    name = quoted_for(free(saved=False), STANDARD, lambda house: house.wait(seconds=5))(house)
    newer = quoted(house, SHOP, wish("pro", "month", 1), request_id="quote-2")["quote"]
    ordered(house, SHOP, newer, payer=Payer.PAGE, request_id="order-1")
    house.drain()
    return name


def quote_of_another(house: House) -> str:
    """A quote, and an account that it is not of."""
    newcomer(house, "neighbour")
    free()(house)
    return str(quoted(house, "neighbour", STANDARD, request_id="quote-1")["quote"])


def order_of_another(house: House) -> str:
    """An order, and an account that it is not of."""
    name = quote_of_another(house)
    return str(ordered(house, "neighbour", name, request_id="order-1")["order"])


def mail_waits(house: House) -> str:
    """A purchase whose invoice is issued and not mailed yet."""
    newcomer(house, SHOP)
    ordered(house, SHOP, quoted(house, SHOP, STANDARD, request_id="quote-0")["quote"], request_id="order-0")
    house.drain(pick=lambda job: job != "deliver_mail")
    return SHOP


def late(house: House) -> None:
    """The quarter of an hour is over."""
    house.wait(minutes=15)


def dearer(house: House) -> None:
    """New prices hold from today."""
    columns = '(package, "interval", currency, valid_from, agent_price_minor, conversation_price_minor)'
    _execute(
        house,
        f"INSERT INTO catalogue_prices {columns} SELECT package, \"interval\", currency, '{house.clock.today()}',"  # noqa: S608 - the day is a date
        " agent_price_minor + 1, conversation_price_minor FROM catalogue_prices",
    )


def richer(house: House) -> None:
    """The account has more credit."""
    number = rows(house.engine, "SELECT id FROM accounts WHERE external_id = :name", name=SHOP)[0]["id"]
    credit(house.engine, number, 100)


def before_midnight(scene: Scene) -> Scene:
    """The scene, five minutes before midnight."""

    def make(house: House) -> str:
        house.go_to(house.clock.today(), at=time(23, 55))
        return scene(house)

    return make


def renewal_without_answer(fault: str) -> Callable[[House], None]:
    """The renewal is being paid, or its answer was lost."""

    def happen(house: House) -> None:
        if fault == "processing":
            (method,) = house.fetch("SELECT provider_method FROM payment_methods")
            house.emulator.script(method["provider_method"], "processing:succeeded:90000")
        else:
            house.emulator.fault(fault, CONFIRM)
        house.run("renew")

    return happen


def without_prices(scene: Scene) -> Scene:
    """The price list lacks what costs US dollars."""

    def make(house: House) -> str:
        name = scene(house)
        _execute(house, "DELETE FROM catalogue_prices WHERE currency = 'USD'")
        return name

    return make


def without_details(**facts: str) -> Scene:
    """A Free account whose billing details lack something."""

    def make(house: House) -> str:
        catalogue(house.engine)
        return str(account(house.engine, external_id=SHOP, **facts))

    return make


def disputed(house: House) -> str:
    """A live subscription whose payment the customer's bank takes back."""
    name = live()(house)
    number = rows(house.engine, "SELECT id FROM accounts WHERE external_id = :name", name=SHOP)[0]["id"]
    charge = with_order_paid(house)
    insert(
        house.engine,
        "disputes",
        account_id=number,
        charge_id=charge,
        provider_dispute="du_1",
        currency="EUR",
        amount_minor=100,
        reason="fraudulent",
        status="open",
        opened_at=house.clock.now(),
    )
    return name


def with_order_paid(house: House) -> int:
    """The customer of the scene has raised the agents; the charge's number."""
    shown = quoted(house, SHOP, wish(agents=9), request_id="quote-0")
    ordered(house, SHOP, shown["quote"], request_id="order-0")
    house.drain()
    return int(house.fetch("SELECT max(id) AS n FROM charges")[0]["n"])


def asks_quote(asked: Wish, *, currency: str | None = None, request_id: str = "r-1") -> Request:
    """The customer asks what something costs."""
    chosen = None if currency is None else Currency(currency)
    return lambda house, _: quote(house.runtime, caller(SHOP), asked, currency=chosen, request_id=request_id)


def asks_order(name: str | None = None, *, payer: Payer = Payer.SAVED_METHOD, request_id: str = "r-1") -> Request:
    """The customer orders the quote of the scene, or one of that name."""
    return lambda house, made: order(
        house.runtime, caller(SHOP), made if name is None else name, payer=payer, request_id=request_id
    )


def asks_cancel(name: str | None = None, *, request_id: str = "r-1") -> Request:
    """The customer gives up the order of the scene, or one of that name."""
    return lambda house, made: cancel_order(
        house.runtime, caller(SHOP), made if name is None else name, request_id=request_id
    )


def asks_to_see(name: str | None = None) -> Request:
    """The customer looks at the order of the scene, or at one of that name."""
    return lambda house, made: show_order(house.runtime, caller(SHOP), made if name is None else name)


def asks(act: Callable[..., object], *given: object, role: Role = Role.CUSTOMER, **more: Any) -> Request:
    """The customer, unless told otherwise, asks for any other act."""
    return lambda house, _: act(house.runtime, caller(SHOP, role), *given, **{"request_id": "r-1", **more})


def unsaid() -> Iterator[str]:
    """Refusals in the code of the desk whose sentence does not tell what to do; constants are looked up by name."""
    sources = [source for source in python_sources() if source.under("worker/desk")]
    constants: dict[str, str] = {}
    for source in sources:
        for said_once in source.tree.body:
            if isinstance(said_once, ast.Assign) and isinstance(said_once.targets[0], ast.Name):
                constants[said_once.targets[0].id] = _words(said_once.value, constants)
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ActRefusedError":
                said = _words(node.args[1], constants)
                if said.strip("*") and not INSTRUCTION.search(said):
                    yield source.at(node, said)


def _words(node: ast.AST, constants: dict[str, str]) -> str:
    """What an expression says; a value that is put in is a star, and of two ways to say it the one that says less."""
    match node:
        case ast.Constant(value=str(said)):
            return said
        case ast.JoinedStr(values=parts):
            return "".join(_words(part, constants) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name)) | ast.Name(id=name):
            return constants.get(name, "*")
        case ast.IfExp(body=one, orelse=other):
            both = (_words(one, constants), _words(other, constants))
            return next((said for said in both if not INSTRUCTION.search(said)), both[0])
    return "*"


def _execute(house: House, statement: str) -> None:
    with house.engine.begin() as connection:
        connection.execute(text(statement))
