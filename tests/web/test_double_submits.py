"""The same form sent twice at the same moment, as a double click does: one act, one row in the audit log."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.support.builders import Subscriber, rows, size, subscriber
from tests.support.house import House
from tests.support.money_back import bought, payout
from tests.support.shopping import caller
from tests.support.work import charge, item, mail, run
from tests.web.conftest import TODAY, Browser
from worker.desk.billing_details import BillingDetails, change_billing_details
from worker.operating.people import Role
from worker.web.app import PAGES
from worker.web.console import Console
from worker.web.customer_acts import DEEDS

_REQUEST = re.compile(r'name="request" value="([^"]+)"')
_SEEN = re.compile(r'name="seen" value="([^"]+)"')
ACTS = {one.path for group in PAGES for one in group if one.method == "POST" and one.role is not None}
WITHOUT_AN_ACT = {"/logout", "/language", "/timetable/preview"}
"""What changes nothing but the person's own session and language, and comes to the same however often it is sent."""

TRIED: dict[str, set[str]] = {
    "the desk": {"/customer/{number}/act/{kind}"},
    "the console": {
        *("/queues/pause", "/queues/resume", "/stuck/retry", "/stuck/cancel"),
        *("/timetable/run", "/timetable/release", "/timetable/drop"),
    },
}


def twice(browser: Browser, path: str, **fields: Any) -> list[Any]:
    """The answers to one form, sent by two clicks at once; the better one first."""
    said = {"token": browser.token(), **fields}
    with ThreadPoolExecutor(2) as clicks:
        sent = [clicks.submit(browser.client.post, path, data=said, follow_redirects=False) for _ in range(2)]
        return sorted((one.result() for one in sent), key=lambda answer: int(answer.status_code))


def audited(engine: Engine) -> list[str]:
    """The acts in the audit log, in their order; those by which a test's house came about are left out."""
    found = rows(engine, "SELECT act FROM audit_log WHERE actor LIKE '%console:%' ORDER BY id")
    return [str(row["act"]) for row in found]


def test_every_act_is_tried_here() -> None:
    assert set().union(*TRIED.values()) == ACTS - WITHOUT_AN_ACT
    assert set(DESK) == set(DEEDS)


DESK: dict[str, tuple[str, str, int]] = {
    "renewal-off": ("desk.renewal_off", "SELECT 1 FROM mails WHERE kind = 'renewal_off_confirmed'", 1),
    "renewal-on": ("desk.renewal_on", "SELECT 1 FROM subscriptions WHERE auto_renew", 1),
    "goodwill": ("desk.grant_credit", "SELECT 1 FROM goodwill_entries", 1),
    "refund": ("desk.refund", "SELECT 1 FROM payouts", 1),
    "refund-part": ("desk.refund", "SELECT 1 FROM payouts", 1),
    "free": ("desk.to_free", "SELECT 1 FROM subscriptions WHERE status = 'ended'", 1),
    "resend": ("desk.invoice_resend", "SELECT 1 FROM mails WHERE kind = 'invoice_issued'", 2),
    "correct": ("desk.invoice_correct", "SELECT 1 FROM corrections", 1),
}
"""By act: what the audit log calls it, what it leaves, and how many of that there are after it."""


def _prepare(house: House, kind: str) -> None:
    """What an act needs besides a purchase: renewal that is off, or billing details that the invoice does not say."""
    if kind == "renewal-on":
        with house.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE subscriptions SET auto_renew = false")
    if kind == "correct":
        given = BillingDetails("Sklep sp. z o.o.", "Prosta 1", "Warszawa", "00-001", "PL", "shop@sklep.example", "")
        change_billing_details(house.runtime, caller("shop"), given, request_id="details")


@pytest.mark.parametrize("kind", list(DEEDS))
def test_an_act_at_the_desk_sent_twice_at_once_is_done_once(
    enter: Callable[[Role], Browser], console: Console, house: House, kind: str
) -> None:
    bought(house)
    console.runtime.clock.instant = house.clock.instant  # type: ignore[attr-defined] # the tests' clock
    (paper,) = house.fetch("SELECT number, account_id FROM invoices")
    _prepare(house, kind)
    browser, path = enter(Role.SUPPORT), f"/customer/{paper['account_id']}/act/{kind}"
    found = _REQUEST.search(browser.client.get(path, params={"invoice": paper["number"]}).text)
    assert found is not None
    fields = {"request": found[1], "reason": "asked by phone", "sure": "1", "amount": "5.00"}
    answers = twice(browser, path, invoice=paper["number"], **fields)
    assert [(one.status_code, one.headers["location"]) for one in answers] == [
        (303, f"/customer/{paper['account_id']}?done={DEEDS[kind].notice}")
    ] * 2
    act, left, many = DESK[kind]
    assert audited(house.engine) == [act]
    assert len(house.fetch(left)) == many
    house.drain()
    given_back = {"refund": [5700], "refund-part": [500]}.get(kind, [])
    assert [one["amount"] for one in house.emulator.journal_refunds()] == given_back


def _stuck(engine: Engine, kind: str) -> int:
    one: Subscriber = subscriber(engine)
    if kind == "item":
        return item(engine, job="remind", state="dead")
    if kind == "mail":
        return mail(engine, one.account_id, state="failed")
    if kind == "charge":
        return charge(engine, one, parked_reason="cannot_be_priced")
    paid = charge(engine, one, state="succeeded")
    return payout(engine, one, paid, state="failed", parked_reason="provider_failed", parked_detail="by a test")


@pytest.mark.parametrize("kind", ["item", "charge", "mail", "payout"])
def test_what_is_retried_twice_at_once_gets_one_life(operator: Browser, engine: Engine, kind: str) -> None:
    number = _stuck(engine, kind)
    before = size(engine, "runs")
    done, late = twice(operator, "/stuck/retry", chosen=f"{kind}:{number}", reason="the server is back")
    assert (done.status_code, late.status_code) == (303, 409)
    assert audited(engine) == ["requeue"]
    assert size(engine, "runs") - before == (0 if kind == "item" else 1)


def test_a_dead_item_is_given_up_once(operator: Browser, engine: Engine) -> None:
    dead = item(engine, job="remind", state="dead")
    answers = twice(operator, "/stuck/cancel", chosen=f"item:{dead}", reason="said by phone")
    assert [one.status_code for one in answers] == [303, 409]
    assert audited(engine) == ["cancel"]


@pytest.mark.parametrize("act", ["release", "drop"])
def test_a_held_run_is_let_go_or_dropped_once(operator: Browser, engine: Engine, act: str) -> None:
    held = run(engine, job="renew", held_reason="5 times the usual day")
    item(engine, run_id=held, job="renew", not_before="infinity")
    answers = twice(operator, f"/timetable/{act}", run=held, reason="new prices")
    assert [one.status_code for one in answers] == [303, 409]
    assert audited(engine) == [act]


def test_a_job_is_paused_once_and_resumed_once(operator: Browser, engine: Engine) -> None:
    for act in ("pause", "resume"):
        answers = twice(operator, f"/queues/{act}", job="renew", reason="wrong prices")
        assert [one.status_code for one in answers] == [303, 409], act
    assert audited(engine) == ["pause", "resume"]


def test_one_rehearsal_allows_one_run(operator: Browser, engine: Engine) -> None:
    subscriber(engine, ends_on=TODAY)
    rehearsed = operator.post("/timetable/preview", job="renew", date=TODAY).text
    (seen,) = _SEEN.findall(rehearsed)
    fields = {"job": "renew", "date": TODAY, "seen": seen, "reason": "the night was lost"}
    answers = twice(operator, "/timetable/run", **fields)
    assert [one.status_code for one in answers] == [303, 409]
    assert "since the rehearsal" in answers[1].text
    assert audited(engine) == ["run"]
    assert size(engine, "runs") == 1
    # what was seen after that run allows the next one
    (again,) = _SEEN.findall(operator.post("/timetable/preview", job="renew", date=TODAY).text)
    assert again != seen
    assert operator.post("/timetable/run", **{**fields, "seen": again}).status_code == 303


def test_forms_that_leave_no_act_come_to_the_same(operator: Browser, engine: Engine) -> None:
    assert [one.status_code for one in twice(operator, "/language", locale="pl")] == [303, 303]
    assert [one.status_code for one in twice(operator, "/timetable/preview", job="renew", date=TODAY)] == [200, 200]
    assert [one.status_code for one in twice(operator, "/logout")] == [303, 303]
    assert audited(engine) == ["console.logout"]
    assert size(engine, "runs") == 0
