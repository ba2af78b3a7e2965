"""Several processes that act at once on the test's servers, each with a runtime of its own, as a product has them."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import create_engine

from tests.support.counter import DETAILS, given, second, with_second_method
from tests.support.house import House, build_house
from tests.support.mail_sink import MailSink
from tests.support.shopping import buy, caller, intent_of, newcomer, ordered, quoted, wish
from tests.support.stories import customer, minute
from worker.billing.states import Payer
from worker.desk.billing_details import change_billing_details
from worker.desk.correct_invoice import correct_invoice
from worker.desk.disputes import release_dispute
from worker.desk.erase import erase
from worker.desk.extend_term import extend_term
from worker.desk.goodwill import grant_credit
from worker.desk.interval_change import keep_yearly, schedule_monthly
from worker.desk.invoice_note import write_invoice_note
from worker.desk.new_prices import move_to_new_prices
from worker.desk.open_account import open_account
from worker.desk.order import cancel_order, order
from worker.desk.payment_methods import attach_method, remove_method, set_up_method, use_method
from worker.desk.quote import quote
from worker.desk.refund import refund
from worker.desk.renewal import renewal_off, renewal_on
from worker.desk.request import Caller, Done, Role
from worker.desk.to_free import to_free
from worker.errors import ActRefusedError

PROCESSES = 8
MODULE = "tests.support.crowd"
STANDARD = wish("standard", "month", 3)
MONEY_JOBS = ("renew", "charge_orders", "follow_payments")


@dataclass(frozen=True, slots=True)
class Place:
    """The servers of a test and its time: all that a process needs to take part."""

    database: str
    redis: str
    emulator: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process was answered: a result, or the code of a refusal."""

    result: Mapping[str, Any]
    repeated: bool = False
    refused: str | None = None


def eva(name: str) -> Caller:
    """Somebody of support, about that account."""
    return caller(name, Role.SUPPORT)


def _set_up(house: House, name: str, request: str) -> Done:
    made = set_up_method(house.runtime, caller(name), request_id=request)
    return Done({"setup": made.setup}, made.repeated)


_ACTS: Mapping[str, Callable[[House, str, str, str], Done]] = {
    "dispute_release": lambda house, name, request, made: release_dispute(
        house.runtime, eva(name), made, request_id=request, reason="the bank has decided"
    ),
    "open_account": lambda house, name, request, _: open_account(
        house.runtime, caller(name), locale="en", currency="EUR", request_id=request
    ),
    "quote": lambda house, name, request, _: quote(
        house.runtime, caller(name), wish("standard", "month", 3), request_id=request
    ),
    "order": lambda house, name, request, made: order(house.runtime, caller(name), made, request_id=request),
    "order_on_page": lambda house, name, request, made: order(
        house.runtime, caller(name), made, payer=Payer.PAGE, request_id=request
    ),
    "cancel_order": lambda house, name, request, made: cancel_order(
        house.runtime, caller(name), made, request_id=request
    ),
    "renewal_on": lambda house, name, request, _: renewal_on(house.runtime, caller(name), request_id=request),
    "renewal_off": lambda house, name, request, _: renewal_off(house.runtime, caller(name), request_id=request),
    "method_set_up": lambda house, name, request, _: _set_up(house, name, request),
    "method_attach": lambda house, name, request, made: attach_method(
        house.runtime, caller(name), made, request_id=request
    ),
    "method_remove": lambda house, name, request, made: remove_method(
        house.runtime, caller(name), made, request_id=request
    ),
    "method_use": lambda house, name, request, made: use_method(house.runtime, caller(name), made, request_id=request),
    "billing_details": lambda house, name, request, _: change_billing_details(
        house.runtime, caller(name), DETAILS, request_id=request
    ),
    "invoice_note": lambda house, name, request, _: write_invoice_note(
        house.runtime, caller(name), note="PO 7", request_id=request
    ),
    "refund": lambda house, name, request, _: refund(house.runtime, caller(name), request_id=request),
    "to_free": lambda house, name, request, _: to_free(house.runtime, eva(name), request_id=request, reason="asked"),
    "invoice_correct": lambda house, name, request, made: correct_invoice(
        house.runtime, eva(name), number=made, request_id=request, reason="another name"
    ),
    "erase": lambda house, name, request, _: erase(house.runtime, eva(name), request_id=request, reason="asked"),
    "schedule_monthly": lambda house, name, request, _: schedule_monthly(
        house.runtime, eva(name), request_id=request, reason="asked"
    ),
    "keep_yearly": lambda house, name, request, _: keep_yearly(house.runtime, caller(name), request_id=request),
    "new_prices": lambda house, name, request, _: move_to_new_prices(
        house.runtime, eva(name), request_id=request, reason="a new list"
    ),
    "grant_credit": lambda house, name, request, _: grant_credit(
        house.runtime, eva(name), amount_minor=500, currency="EUR", request_id=request, reason="a slow week"
    ),
    "extend_term": lambda house, name, request, _: extend_term(
        house.runtime, eva(name), days=5, request_id=request, reason="a slow week"
    ),
}
ACTS = tuple(_ACTS)


def prepared(house: House, what: str) -> str:
    """The account that the act is about, bearing the act's name; returns the quote, order or method it needs."""
    if what == "open_account":
        return ""
    if what == "invoice_correct":
        return invoice_of_another_name(house, what)
    if what == "dispute_release":
        return dispute_won(house, what)
    if what in {"quote", "order", "order_on_page", "cancel_order", "refund", "erase"}:
        newcomer(house, what, saved=what in {"order", "refund"})
    if what == "refund":
        buy(house, what, STANDARD)
    if what in {"order", "order_on_page", "cancel_order"}:
        made = str(quoted(house, what, STANDARD)["quote"])
        if what == "cancel_order":
            return str(ordered(house, what, made, payer=Payer.PAGE)["order"])
        return made
    if what in {"quote", "refund", "erase"}:
        return ""
    facts: dict[str, Any] = (
        {"interval": "year", "agent_price_minor": 19000} if what in {"schedule_monthly", "keep_yearly"} else {}
    )
    facts |= {"agent_price_minor": 1700} if what == "new_prices" else {}
    of = customer(house, external_id=what, ends_on=house.clock.today() + timedelta(days=10), **facts)
    with_second_method(house, of)
    if what == "keep_yearly":
        schedule_monthly(house.runtime, caller(what, Role.SUPPORT), request_id="r-0", reason="asked")
    return given(house, of) if what == "method_attach" else second(of)


def invoice_of_another_name(house: House, name: str) -> str:
    """A purchase was invoiced to a name that is corrected since; returns the invoice's number."""
    newcomer(house, name)
    buy(house, name, STANDARD)
    change_billing_details(house.runtime, caller(name), DETAILS, request_id="d-1")
    house.drain()
    return str(house.fetch("SELECT number FROM invoices ORDER BY id DESC LIMIT 1")[0]["number"])


def dispute_won(house: House, name: str) -> str:
    """A purchase was disputed, and the bank has decided for us; returns the dispute."""
    newcomer(house, name)
    buy(house, name, STANDARD)
    dispute = house.emulator.open_dispute(intent_of(house, name), reason="fraudulent")
    house.emulator.close_dispute(dispute, "won")
    house.wait(minutes=16)
    minute(house)
    return dispute


_houses: list[House] = []


def _enter(place: Place) -> None:
    """Begin to take part: once per process."""
    engine = create_engine(place.database)
    nobody = cast("MailSink", SimpleNamespace(port=1, folder=Path("/dev/null/mails")))  # these send and print nothing
    house = build_house(engine=engine, redis_url=place.redis, emulator_url=place.emulator, sink=nobody, start=place.now)
    engine.dispose()
    _houses.append(house)


def act_here(house: House, name: str, account: str, request_id: str, made: str = "") -> Done:
    """Do an act; `made` is the quote, order or method that it is about, as `prepared` returned it."""
    return _ACTS[name](house, account, request_id, made)


def act(name: str, account: str, request_id: str, made: str = "") -> Outcome:
    """Do an act in this process of the crowd."""
    try:
        done = act_here(_houses[0], name, account, request_id, made)
    except ActRefusedError as refusal:
        return Outcome({}, refused=refusal.code)
    return Outcome(dict(done.result), repeated=done.repeated)


def night(only: int) -> Outcome:
    """Renew a subscription in this process, as the timetable would."""
    planned = _houses[0].plan("renew", only=only)
    _houses[0].drain(pick=lambda job: job == "renew")
    return Outcome({"items": len(planned.items)})


@contextmanager
def crowd(house: House, redis_url: str) -> Iterator[ProcessPoolExecutor]:
    """Processes that share the house's servers and stand at its time; ended with the block."""
    place = Place(
        house.engine.url.render_as_string(hide_password=False),
        redis_url,
        house.emulator.url,
        house.clock.now(),
    )
    # one process imports everything, the others are its copies: eight starts cost as much as one
    context = get_context("forkserver")
    context.set_forkserver_preload([MODULE])
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_enter, initargs=(place,)) as pool:
        yield pool
