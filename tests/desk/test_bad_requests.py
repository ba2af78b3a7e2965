"""Requests that cannot be granted, over every act: a code, a sentence that says what to do, and no trace but one row.

The sentences are held against a shape, too: each must hold an instruction, not only a fact.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from tests.support.builders import counts
from tests.support.counter import DETAILS, audited
from tests.support.house import House
from tests.support.refusing import (
    INSTRUCTION,
    SHOP,
    STANDARD,
    Request,
    Scene,
    asks,
    asks_cancel,
    asks_order,
    asks_quote,
    asks_to_see,
    bare,
    before_midnight,
    dearer,
    disputed,
    free,
    late,
    live,
    mail_waits,
    order_of_another,
    overtaken_quote,
    quote_of_another,
    quoted_for,
    renewal_without_answer,
    richer,
    unsaid,
    used_quote,
    with_order,
    without_details,
    without_prices,
)
from tests.support.shopping import buy, caller, newcomer, wish
from worker.billing.catalogue import Package
from worker.billing.holdings import Wish
from worker.billing.states import Payer
from worker.desk.billing_details import change_billing_details
from worker.desk.correct_invoice import correct_invoice
from worker.desk.disputes import release_dispute
from worker.desk.erase import erase
from worker.desk.invoice_note import write_invoice_note
from worker.desk.open_account import open_account
from worker.desk.order import order
from worker.desk.payment_methods import attach_method, remove_method, use_method
from worker.desk.refund import refund
from worker.desk.renewal import renewal_off, renewal_on
from worker.desk.request import Role
from worker.desk.resend_invoice import resend_invoice
from worker.desk.to_free import to_free
from worker.errors import ActRefusedError

SUSPENDED = {"status": "suspended"}
YEARLY = {"interval": "year"}
PRO = {"package": "pro", "extra_conversations": 600}
NO_METHOD: dict[str, Any] = {"method": None}
NOWHERE = "00000000-0000-0000-0000-000000000000"


class Bad(NamedTuple):
    """A request, the scene before it, and the code of its refusal."""

    name: str
    scene: Scene
    request: Request
    code: str


def details(**changes: str) -> Request:
    """Billing details with a fault."""
    return asks(change_billing_details, replace(DETAILS, **changes))


def opening(**changes: str) -> Request:
    """An account with a fault."""
    given: dict[str, Any] = {"locale": "en", "currency": "EUR", **changes}
    return asks(open_account, **given)


def due_today(house: House) -> str:
    """A subscription whose term ends today, before its renewal is made."""
    return live(ends_on=house.clock.today())(house)


def past_due(house: House) -> str:
    """A declined renewal, and then the customer's method was removed."""
    name = quoted_for(due_today, wish(agents=1))(house)
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE payment_methods SET state = 'removed'")
    house.run("renew")
    return name


def erasing(**more: bool) -> Request:
    """Support erases the account."""
    return asks(erase, role=Role.SUPPORT, reason="asked", request_id="r-9", **more)


def erased(house: House) -> str:
    """A Free account that was erased."""
    free()(house)
    erasing()(house, "")
    return ""


def rich(house: House) -> str:
    """A Free account with credit."""
    free()(house)
    richer(house)
    return ""


def over(house: House) -> None:
    """Whatever it had has ended, by hand."""
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET status = 'ended', auto_renew = false")


def disputed_and_over(house: House) -> str:
    """A chargeback stands against an account without a subscription."""
    disputed(house)
    over(house)
    return ""


def paper_due(house: House) -> str:
    """Bought and ended before the invoice was issued."""
    quoted_for(free(), STANDARD)(house)
    order(house.runtime, caller(SHOP), newest_quote(house), request_id="order-1")
    over(house)
    return ""


def payout_open(house: House) -> str:
    """Given back, and the provider has not been told yet."""
    newcomer(house, SHOP)
    buy(house, SHOP, STANDARD)
    refund(house.runtime, caller(SHOP), request_id="refund-1")
    house.drain(pick=lambda job: job == "issue_invoices")
    return ""


def newest_quote(house: House) -> str:
    """The last one that was made."""
    return str(house.fetch("SELECT uid FROM quotes ORDER BY id DESC LIMIT 1")[0]["uid"])


QUOTES = [
    Bad("no agent", free(), asks_quote(wish("standard", "month", 0)), "cannot_be_had"),
    Bad("fewer than no agents", free(), asks_quote(wish("standard", "month", -5)), "cannot_be_had"),
    Bad("no agent left", live(), asks_quote(wish(agents=0)), "cannot_be_had"),
    Bad("fewer than no agents left", live(), asks_quote(wish(agents=-1)), "cannot_be_had"),
    Bad("a thousand million agents", free(), asks_quote(wish("standard", "month", 10**9)), "too_many_agents"),
    Bad("more agents than a number holds", live(), asks_quote(wish(agents=10**30)), "too_many_agents"),
    Bad("more than can be charged", free(), asks_quote(wish("pro", "year", 10_000)), "sum_too_large"),
    Bad("a change of more than that", live(), asks_quote(wish("pro", "year", 9_999)), "sum_too_large"),
    Bad("half an agent", free(), asks_quote(Wish(agents=2.5)), "not_a_number"),  # type: ignore[arg-type] # untyped callers
    Bad("yes agents", live(), asks_quote(Wish(agents=True)), "not_a_number"),
    Bad("R2 above the limit", free(), asks_quote(wish("standard", "month", 1, 500)), "cannot_be_had"),
    Bad("R2 raised above the limit", live(), asks_quote(wish(extra=500)), "cannot_be_had"),
    Bad("R2 no whole block", free(), asks_quote(wish("standard", "month", 1, 150)), "cannot_be_had"),
    Bad("R2 lowered to no whole block", live(**PRO), asks_quote(wish(extra=50)), "cannot_be_had"),
    Bad("R2 fewer than none", live(), asks_quote(wish(extra=-100)), "cannot_be_had"),
    Bad("R2 more than a number holds", live(), asks_quote(wish(extra=10**30)), "cannot_be_had"),
    Bad("R2 a package that allows less", live(**PRO), asks_quote(wish("standard")), "cannot_be_had"),
    Bad("R1 Free is no purchase", free(), asks_quote(Wish(Package.FREE, None, 1)), "cannot_be_had"),
    Bad("R11 back to Free", live(), asks_quote(Wish(Package.FREE)), "cannot_be_had"),
    Bad("a purchase of nothing", free(), asks_quote(Wish()), "cannot_be_had"),
    Bad("a purchase without a package", free(), asks_quote(wish(interval="month", agents=1)), "cannot_be_had"),
    Bad("a purchase without an interval", free(), asks_quote(wish("standard", agents=1)), "cannot_be_had"),
    Bad("R10 more agents while suspended", live(**SUSPENDED), asks_quote(wish(agents=5)), "cannot_be_had"),
    Bad("R13 yearly to monthly", live(**YEARLY), asks_quote(wish(interval="month")), "cannot_be_had"),
    Bad("R3 another currency while live", live(), asks_quote(wish(agents=5), currency="PLN"), "cannot_be_had"),
    Bad("R3b no price", without_prices(free()), asks_quote(STANDARD, currency="USD"), "no_price"),
    Bad("R12 nothing changes", live(), asks_quote(wish("standard", "month", 3)), "nothing_changes"),
    Bad("R12 nothing is asked for", live(), asks_quote(Wish()), "nothing_changes"),
    Bad("R4b no street", without_details(street=""), asks_quote(STANDARD), "details_missing"),
    Bad("R4b no name", without_details(company=""), asks_quote(STANDARD), "details_missing"),
    Bad("R4b no details at all", bare, asks_quote(STANDARD), "details_missing"),
    Bad("R14c in dispute", disputed, asks_quote(wish(agents=4)), "disputed"),
    Bad(
        "R12d while the renewal processes",
        quoted_for(due_today, wish(agents=1), renewal_without_answer("processing")),
        asks_quote(wish(agents=1)),
        "payment_under_way",
    ),
]

ORDERS = [
    Bad("a word for a quote", free(), asks_order("cheap"), "no_quote"),
    Bad("nothing for a quote", free(), asks_order(""), "no_quote"),
    Bad("a quote with a NUL", free(), asks_order("\x00" * 36), "no_quote"),
    Bad("a quote in fragments", free(), asks_order("'; DROP TABLE quotes; --"), "no_quote"),
    Bad("a quote that is not there", free(), asks_order(NOWHERE), "no_quote"),
    Bad("a quote of another account", quote_of_another, asks_order(), "no_quote"),
    Bad("a used quote", used_quote, asks_order(payer=Payer.PAGE), "quote_used"),
    Bad("an overtaken quote", overtaken_quote, asks_order(payer=Payer.PAGE), "stale"),
    Bad("R4 after a quarter of an hour", quoted_for(free(), STANDARD, late), asks_order(), "stale"),
    Bad("R4 after a rise", quoted_for(free(), STANDARD, dearer), asks_order(), "stale"),
    Bad("R4 after more credit", quoted_for(free(), STANDARD, richer), asks_order(), "stale"),
    Bad(
        "R4 on another day",
        before_midnight(quoted_for(free(), STANDARD, lambda house: house.wait(minutes=10))),
        asks_order(),
        "stale",
    ),
    Bad(
        "R4 after the term was renewed",
        quoted_for(due_today, wish(agents=1), lambda house: house.run("renew")),
        asks_order(),
        "stale",
    ),
    Bad("no method is saved", quoted_for(free(saved=False), STANDARD), asks_order(), "no_method"),
    Bad("no method to replace a declined renewal", past_due, asks_order(), "no_method"),
    Bad(
        "R12d the renewal processes",
        quoted_for(due_today, wish(agents=1), renewal_without_answer("processing")),
        asks_order(),
        "payment_under_way",
    ),
    Bad(
        "R12d the renewal has no answer",
        quoted_for(due_today, wish(agents=1), renewal_without_answer("drop_after_execution")),
        asks_order(),
        "payment_under_way",
    ),
    Bad("a request id of a quote", quoted_for(free(), STANDARD), asks_order(request_id="quote-1"), "request_id_used"),
    Bad("no order by that word", free(), asks_cancel("mine"), "no_order"),
    Bad("no order that is not there", free(), asks_cancel(NOWHERE), "no_order"),
    Bad("an order of another account", order_of_another, asks_cancel(), "no_order"),
    Bad("a paid order given up", with_order(free(), STANDARD, payer=Payer.SAVED_METHOD), asks_cancel(), "order_over"),
    Bad("no order to see by that word", free(), asks_to_see("mine"), "no_order"),
    Bad("no order to see", free(), asks_to_see(NOWHERE), "no_order"),
    Bad("another's order to see", order_of_another, asks_to_see(), "no_order"),
]

OTHERS = [
    Bad("R7 renewal on when Free", free(), asks(renewal_on), "free"),
    Bad("R7 renewal off when Free", free(), asks(renewal_off), "free"),
    Bad("R10 renewal on when suspended", live(**SUSPENDED), asks(renewal_on), "suspended"),
    Bad("R10 renewal off when suspended", live(**SUSPENDED), asks(renewal_off), "suspended"),
    Bad("R7 renewal on without a method", live(**NO_METHOD), asks(renewal_on), "no_method"),
    Bad("no request id", live(), asks(renewal_off, request_id=""), "request_id"),
    Bad("a request id of 101", live(), asks(renewal_off, request_id="r" * 101), "request_id"),
    Bad("a request id with a break", free(), asks_quote(STANDARD, request_id="r\r\n"), "request_id"),
    Bad("a request id with a NUL", free(), asks_order(NOWHERE, request_id="\x00"), "request_id"),
    Bad("R5 another's card", live(), asks(attach_method, "pm_nowhere"), "method_unknown"),
    Bad("R5b a card's number", live(), asks(attach_method, "4111111111111111"), "method_id"),
    Bad("R5 a method that is not there", live(), asks(use_method, "pm_nowhere"), "no_such_method"),
    Bad("R5 nothing to remove", live(), asks(remove_method, "pm_nowhere"), "no_such_method"),
    Bad("R5 the method of the renewal", live(provider_method="pm_1"), asks(remove_method, "pm_1"), "method_in_use"),
    Bad("a header in a company", live(), details(company="Shop\r\nBcc: all@y.example"), "characters"),
    Bad("a NUL in a company", live(), details(company="Shop\x00"), "characters"),
    Bad("half a character", live(), details(company="Shop \ud83d"), "characters"),
    Bad("a bidi override in a city", live(), details(city="Praha\u202e"), "characters"),
    Bad("an isolate in a street", live(), details(street="\u2066Dlouhá 1"), "characters"),
    Bad("a separator of lines", live(), details(street="Dlouhá\u20281"), "characters"),
    Bad("a header in an e-mail", live(), details(email="a@b.example\nBcc: all@y.example"), "characters"),
    Bad("two e-mails", live(), details(email="a@b.example,c@d.example"), "email"),
    Bad("an e-mail with a name", live(), details(email="Eva <a@b.example>"), "email"),
    Bad("an e-mail with a route", live(), details(email="a%b@c@d.example"), "email"),
    Bad("R19b a wrong checksum", live(), details(vat_number="CZ25123892"), "vat_number"),
    Bad("R19b a VAT number of markup", live(), details(vat_number="CZ<b>1</b>"), "vat_number"),
    Bad("R4b no postcode", live(), details(postcode="\t"), "missing"),
    Bad("R17 a note of 501", live(), asks(write_invoice_note, note="x" * 501), "too_long"),
    Bad("R17 a note that rings", live(), asks(write_invoice_note, note="ding\x07"), "characters"),
    Bad("R17 a note turned around", live(), asks(write_invoice_note, note="\u202eabc"), "characters"),
    Bad("R17 no invoice", live(), asks(write_invoice_note, note="x", invoice_number="'"), "no_invoice"),
    Bad("R16 corrected by the customer", live(), asks(correct_invoice, number="1", reason="x"), "support_only"),
    Bad(
        "R16 corrected without a reason",
        live(),
        asks(correct_invoice, number="1", role=Role.SUPPORT, reason=" "),
        "reason_missing",
    ),
    Bad(
        "R16 nothing to correct",
        live(),
        asks(correct_invoice, number="\ud800", role=Role.SUPPORT, reason="x"),
        "no_invoice",
    ),
    Bad(
        "R16 no such invoice to correct",
        live(),
        asks(correct_invoice, number="2026000001", role=Role.SUPPORT, reason="x"),
        "no_invoice",
    ),
    Bad("R16 resent by the customer", live(), asks(resend_invoice, number="1", reason="x"), "support_only"),
    Bad(
        "R16 nothing to resend",
        live(),
        asks(resend_invoice, number="\x00", role=Role.SUPPORT, reason="x"),
        "no_invoice",
    ),
    Bad(
        "R16 resent while the first mail waits",
        mail_waits,
        asks(resend_invoice, number="2026000001", role=Role.SUPPORT, reason="x"),
        "not_mailed_yet",
    ),
    Bad("R11 to Free by the customer", live(), asks(to_free, reason="I want"), "support_only"),
    Bad("R11 to Free without a reason", live(), asks(to_free, role=Role.SUPPORT), "reason_missing"),
    Bad("R11 to Free when Free", free(), asks(to_free, role=Role.SUPPORT, reason="x"), "free"),
    Bad("R14 a refund when Free", free(), asks(refund), "free"),
    Bad("R14 a refund of an import", live(), asks(refund), "not_first_payment"),
    Bad("R14b a part by the customer", live(), asks(refund, amount_minor=1), "override_needed"),
    Bad("R14b outside the rule", live(), asks(refund, override=True, reason="I want"), "support_only"),
    Bad("R14c no dispute", live(), asks(release_dispute, "du_9", role=Role.SUPPORT, reason="x"), "no_dispute"),
    Bad("R14c a release by the customer", disputed, asks(release_dispute, "du_1"), "support_only"),
    Bad("an erasure by the customer", free(), asks(erase, reason="I want"), "support_only"),
    Bad("an erasure without a reason", free(), asks(erase, role=Role.SUPPORT), "reason_missing"),
    Bad("an erasure while live", live(), erasing(), "live"),
    Bad("an erasure with credit left", rich, erasing(), "credit_left"),
    Bad("an erasure in dispute", disputed_and_over, erasing(forfeit_credit=True), "dispute_open"),
    Bad(
        "an erasure with an open order",
        with_order(free(saved=False), STANDARD),
        erasing(forfeit_credit=True),
        "charge_open",
    ),
    Bad("an erasure with paper due", paper_due, erasing(forfeit_credit=True), "paper_open"),
    Bad("an erasure with money on its way back", payout_open, erasing(forfeit_credit=True), "payout_open"),
    Bad("a quote of an erased account", erased, asks_quote(STANDARD), "erased"),
    Bad("details of an erased account", erased, details(), "erased"),
    Bad("an erased account opened again", erased, opening(), "erased"),
    Bad("R3 an account in pounds", live(), opening(currency="GBP"), "currency"),
    Bad("an account in Klingon", live(), opening(locale="tlh"), "locale"),
    Bad("R3 an account in another currency", live(), opening(currency="PLN"), "account_exists"),
]

BAD = [*QUOTES, *ORDERS, *OTHERS]


def contents(house: House) -> dict[str, list[dict[str, Any]]]:
    """What stands in the tables that acts change, and how many rows every other one holds."""
    tables = ("accounts", "billing_details", "charges", "payment_methods", "quotes", "subscriptions", "terms")
    found = {table: house.fetch(f"SELECT * FROM {table} ORDER BY id") for table in tables}  # noqa: S608 - named above
    return {**found, "": [dict(counts(house.engine, but=("audit_log",)))]}


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
def test_a_bad_request_is_told_what_to_do_and_leaves_one_audit_row(house: House, bad: Bad) -> None:
    made = bad.scene(house)
    before, rows_before = contents(house), len(audited(house))
    with pytest.raises(ActRefusedError) as refused:
        bad.request(house, made)
    assert refused.value.code == bad.code, str(refused.value)
    assert INSTRUCTION.search(str(refused.value)), f"what is the customer to do? {refused.value}"
    assert contents(house) == before
    (row,) = audited(house)[rows_before:]
    assert row["details"]["refused"] == bad.code
    assert "4111111111111111" not in str(row)


def test_every_refusal_of_the_desk_tells_what_to_do() -> None:
    assert list(unsaid()) == []


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        ("the account is suspended", False),
        ("an order was made", False),
        ("at most 5 agents can be ordered here: please contact support", True),
        ("try again in a few minutes", True),
        ("this quote no longer holds: ask for a new one", True),
        ("extra conversations are sold in blocks of 100, so 150 cannot be bought", False),
    ],
)
def test_an_instruction_is_told_from_a_fact(said: str, *, tells: bool) -> None:
    assert bool(INSTRUCTION.search(said)) is tells


def test_the_table_is_long_and_names_each_request_once() -> None:
    assert len(BAD) >= 100
    assert len({bad.name for bad in BAD}) == len(BAD)
