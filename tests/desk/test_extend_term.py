"""Days that support gives: a term of their own, reminders and renewal for the new end, a new anchor (R9b, R21)."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import Subscriber, rows
from tests.support.counter import customer_of, entitled, support_for
from tests.support.house import House
from tests.support.stories import (
    charges_of,
    customer,
    dying_at,
    kinds_of,
    next_days,
    paid,
    status_of,
    subscription_of,
)
from tests.support.waiting import wait_until
from worker.billing.calendar import Interval, term_start
from worker.desk.extend_term import extend_term
from worker.desk.interval_change import schedule_monthly
from worker.desk.my_package import my_package
from worker.desk.request import Done
from worker.errors import ActRefusedError
from worker.queue.runs import lock_planning
from worker.store.charges import plan_renewals

DAYS = timedelta(days=1)


def extended(house: House, of: Subscriber, days: int, request_id: str = "r-1") -> Done:
    """Support gives days."""
    return extend_term(house.runtime, support_for(of), days=days, request_id=request_id, reason="a slow week")


def terms(house: House, of: Subscriber) -> list[dict[str, Any]]:
    """All terms, oldest first."""
    return rows(house.engine, "SELECT * FROM terms WHERE subscription_id = :id ORDER BY number", id=of.subscription_id)


def test_the_days_are_a_term_of_their_own_and_the_renewal_follows_on_a_new_anchor(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + 2 * DAYS)
    done = extended(house, of, 5)
    end = of.ends_on + 5 * DAYS
    assert done.result == {"days": 5, "ends_on": end.isoformat(), "auto_renew": True}
    assert extended(house, of, 5).repeated
    gift = terms(house, of)[1]
    assert (gift["origin"], gift["number"], gift["starts_on"], gift["ends_on"], gift["paid_minor"]) == (
        "gift",
        1,
        of.ends_on,
        end,
        0,
    )
    assert my_package(house.runtime, customer_of(of))["next_charge"] == {
        "on": end.isoformat(),
        "amount_minor": of.list_minor,
        "currency": "EUR",
    }
    for day in next_days(house, 8):
        house.run("renew")
        assert len(paid(house, of)) == (1 if day >= end else 0)
    after = term_start(end, Interval.MONTH, 1)
    house.go_to(after)
    house.run("renew")
    assert [(term["starts_on"], term["ends_on"]) for term in terms(house, of)[2:]] == [
        (end, after),
        (after, term_start(end, Interval.MONTH, 2)),
    ]
    assert paid(house, of) == [of.list_minor] * 2
    assert house.books().equal


def test_R21_the_product_reads_the_new_end_at_once(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + 2 * DAYS)
    before = entitled(house, of)
    extended(house, of, 30)
    assert entitled(house, of) == before | {"valid_until": of.ends_on + 30 * DAYS}


def test_R9b_the_notice_goes_and_the_new_end_is_announced_in_its_own_time(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + 5 * DAYS, auto_renew=False)
    house.run("remind")
    extended(house, of, 20)
    house.drain()
    (notice,) = rows(house.engine, "SELECT * FROM notices")
    assert (notice["withdrawn_at"], notice["withdrawn_because"]) == (house.clock.now(), "extended")
    assert my_package(house.runtime, customer_of(of))["notices"] == []
    told = []
    for day in next_days(house, 26):
        before = kinds_of(house, of).count("term_ending")
        for job in ("renew", "suspend", "remind"):
            house.run(job)
        if kinds_of(house, of).count("term_ending") > before:
            told.append((of.ends_on + 20 * DAYS - day).days)
    assert told == [14, 7, 1]
    assert status_of(house, of) == "suspended"
    assert kinds_of(house, of)[:2] == ["term_ending", "term_extended"]


def test_R9b_a_reminder_of_the_old_end_that_nobody_sent_is_taken_back(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + 5 * DAYS, auto_renew=False)
    house.plan("remind")
    house.drain(pick=lambda job: job == "remind")
    extended(house, of, 20)
    found = rows(house.engine, "SELECT kind, state FROM mails ORDER BY id")
    assert found == [{"kind": "term_ending", "state": "withdrawn"}, {"kind": "term_extended", "state": "waiting"}]


def test_twice_given_is_twice_as_long(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + 2 * DAYS)
    extended(house, of, 5)
    extended(house, of, 5, "r-2")
    one = subscription_of(house, of)
    assert (one["paid_until"], one["anchor_on"], one["anchor_number"], one["term_number"]) == (
        of.ends_on + 10 * DAYS,
        of.ends_on + 10 * DAYS,
        3,
        2,
    )
    assert kinds_of(house, of) == ["term_extended"] * 2


def test_R13_a_move_to_monthly_comes_after_the_gift(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + 2 * DAYS, interval="year", agent_price_minor=19000)
    schedule_monthly(house.runtime, support_for(of), request_id="r-1", reason="asked")
    extended(house, of, 3, "r-2")
    house.go_to(of.ends_on + 3 * DAYS)
    house.run("renew")
    one = subscription_of(house, of)
    assert (one["interval"], one["anchor_on"], paid(house, of)) == ("month", of.ends_on + 3 * DAYS, [5700])


def test_a_term_that_is_over_is_extended_until_the_run_that_would_suspend_it(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() - 2 * DAYS, auto_renew=False)
    with pytest.raises(ActRefusedError, match="give more days"):
        extended(house, of, 2)
    extended(house, of, 3)
    house.run("renew")
    house.run("suspend")
    assert status_of(house, of) == "active"


@pytest.mark.parametrize("script", ["insufficient_funds", "processing:succeeded:300"])
def test_R12d_not_while_the_renewal_is_charged(house: House, script: str) -> None:
    of = customer(house, script)
    house.run("renew")
    with pytest.raises(ActRefusedError) as refused:
        extended(house, of, 5)
    assert refused.value.code == "charge_open"
    assert len(terms(house, of)) == 1


def test_a_renewal_that_was_planned_and_not_priced_yet_is_seen(house: House) -> None:
    of = customer(house)
    with dying_at("before:commit:charging.price"):
        house.run("renew")
    assert [charge["state"] for charge in charges_of(house, of)] == ["planned"]
    with pytest.raises(ActRefusedError, match="try again after it"):
        extended(house, of, 5)


def test_a_renewal_that_is_being_planned_is_waited_for(house: House) -> None:
    """Between a planner's look at the store and its commit nobody may move the end of the term."""
    of = customer(house)
    waits = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    found: list[str] = []

    def ask() -> None:
        try:
            extended(house, of, 5)
        except ActRefusedError as refusal:
            found.append(refusal.code)

    asking = threading.Thread(target=ask)
    with house.engine.begin() as planning:
        lock_planning(planning)
        plan_renewals(planning, business_date=house.clock.today(), only=None)
        asking.start()
        wait_until(lambda: house.fetch(waits)[0]["n"] > 0)
    asking.join(20)
    assert found == ["charge_open"]
    assert len(terms(house, of)) == 1
