"""The job `renew`: what is due, what it costs, what is held back, and that doing it again changes nothing."""

from datetime import date, timedelta

from tests.support.builders import catalogue, subscriber, update
from tests.support.house import House
from tests.support.stories import (
    attempts_of,
    charge_of,
    charges_of,
    customer,
    hurry,
    paid,
    status_of,
    subscription_of,
    switch_renewal,
)
from tests.support.work import run as past_run
from worker.charging.pipeline import charge
from worker.charging.price import price_planned
from worker.queue import runs


def test_R8b_a_due_renewal_is_charged_once_and_twice_is_harmless(house: House) -> None:
    catalogue(house.engine)
    due = subscriber(house.engine, ends_on=house.clock.today())
    house.seed(due)
    house.run("renew")
    house.run("renew")
    assert [charge["amount"] for charge in house.emulator.journal()] == [due.list_minor]
    assert house.books().equal, house.books().differences


def test_R8_who_is_due_is_renewed_from_where_the_term_ended_and_nobody_else(house: House) -> None:
    today = house.clock.today()
    due = customer(house, currency="CZK", agents=2, extra_conversations=200)
    late = customer(house, ends_on=today - timedelta(days=3))
    not_due = customer(house, ends_on=today + timedelta(days=1))
    off = customer(house, auto_renew=False)
    suspended = customer(house, status="suspended")
    house.run("renew")
    assert paid(house, due) == [2 * 1900 + 2 * 500]
    for of in (due, late):
        now = subscription_of(house, of)
        assert (now["status"], now["term_number"], now["paid_until"]) == ("active", 1, of.term(1).ends_on)
        bought = house.fetch("SELECT * FROM terms WHERE charge_id = :id", id=charge_of(house, of)["id"])[0]
        assert bought["starts_on"] == of.ends_on, "a renewal starts where the old term ended"
        assert bought["paid_minor"] == of.list_minor
        assert charge_of(house, of)["paid_on"] == today
    for of in (not_due, off, suspended):
        assert charges_of(house, of) == []
        assert paid(house, of) == []
    assert house.books().equal, house.books().differences
    entitled = house.fetch("SELECT * FROM entitlements WHERE account = :of", of=due.external_id)[0]
    assert (entitled["status"], entitled["valid_until"]) == ("active", due.term(1).ends_on), "R21"
    assert entitled["conversations"] == 100 + 200, "R21: what is included and what was bought"


def test_R8_only_one_subscription_when_told_so(house: House) -> None:
    wanted, other = customer(house), customer(house)
    house.run("renew", only=wanted.subscription_id)
    assert len(paid(house, wanted)) == 1
    assert charges_of(house, other) == []


def test_R8b_two_runs_planned_at_once_and_worked_in_turns_charge_once(house: House) -> None:
    people = [customer(house) for _ in range(4)]
    first, second = house.plan("renew"), house.plan("renew")
    assert first.items
    assert not second.items, "what one run holds, the other leaves"
    for item in reversed([*first.items, *second.items]):
        house.execute(item, "renew")
        house.execute(item, "renew")
    house.drain()
    assert [paid(house, of) for of in people] == [[of.list_minor] for of in people]
    assert [len(attempts_of(house, of)) for of in people] == [1, 1, 1, 1]


def test_R7_renewal_switched_off_before_it_is_priced_or_before_it_is_confirmed(house: House) -> None:
    early, late = customer(house), customer(house)
    planned = house.plan("renew")
    switch_renewal(house, early, on=False)
    lease = house.lease(planned.items[0])
    price_planned(house.runtime, lease)
    assert charge_of(house, early)["state"] == "cancelled"
    assert charge_of(house, late)["state"] == "priced"
    switch_renewal(house, late, on=False)
    charge(house.runtime, lease)
    assert charge_of(house, late)["state"] == "cancelled"
    assert status_of(house, late) == "suspended", "the term is over and nothing is open"
    house.run("suspend")
    assert status_of(house, early) == "suspended"
    assert house.emulator.journal() == []


def test_R3_an_account_that_pays_in_another_currency_than_it_bought_in_is_parked_alone(house: House) -> None:
    odd, neighbour = customer(house, currency="EUR"), customer(house)
    update(house.engine, "accounts", odd.account_id, currency="PLN")
    house.run("renew")
    parked = charge_of(house, odd)
    assert (parked["state"], parked["parked_reason"]) == ("planned", "cannot_be_priced")
    assert "R3" in parked["parked_detail"]
    assert status_of(house, odd) == "active"
    assert len(paid(house, neighbour)) == 1
    house.go_to(house.clock.today() + timedelta(days=20))
    house.run("renew")
    house.run("suspend")
    assert status_of(house, odd) == "active", "R10: a parked renewal never suspends"


def test_R8d_a_term_that_is_over_already_is_parked_and_one_that_runs_is_charged(house: House) -> None:
    today = house.clock.today()
    long_gone = customer(house, ends_on=date(2026, 2, 15))
    still_runs = customer(house, ends_on=date(2026, 2, 16))
    house.run("renew", day=today - timedelta(days=1))
    house.run("renew")
    assert charge_of(house, long_gone)["parked_reason"] == "term_already_over"
    assert paid(house, long_gone) == []
    assert paid(house, still_runs) == [still_runs.list_minor], "one per subscription and day of running"
    house.run("suspend")
    assert status_of(house, long_gone) == "active", "a person decides"


def test_R8d_a_charge_priced_in_time_is_not_confirmed_after_its_term_has_ended(house: House) -> None:
    waiting = customer(house, "insufficient_funds", "ok")
    stopped = customer(house)
    update(house.engine, "accounts", stopped.account_id, provider_customer="cus_gone")
    house.run("renew")
    assert charge_of(house, stopped)["parked_reason"] == "provider_refused"
    house.go_to(waiting.term(1).ends_on)
    update(house.engine, "accounts", stopped.account_id, provider_customer=f"cus_{stopped.external_id}")
    released = {"parked_at": None, "parked_reason": None, "parked_detail": None}
    update(house.engine, "charges", charge_of(house, stopped)["id"], **released)
    house.run("renew")
    for of in (waiting, stopped):
        assert charge_of(house, of)["parked_reason"] == "term_already_over"
        assert paid(house, of) == []


def test_R8d_an_unusual_sum_is_held_until_an_operator_lets_it_go(house: House) -> None:
    today = house.clock.today()
    usual = {"sums": {"EUR": {"charges": 1, "sum_minor": 5700}}}
    for n in range(1, 8):
        past_run(house.engine, business_date=today - timedelta(days=n), planned=usual)
    for _ in range(6):
        customer(house)
    planned = house.plan("renew")
    assert planned.held is not None
    assert "R8d" in planned.held
    house.drain()
    house.run("renew")
    house.run("suspend")
    assert house.emulator.journal() == [], "a second run does not go around the hold"
    with house.engine.begin() as connection:
        assert runs.release(connection, planned.run_id)
    house.drain()
    assert len(house.emulator.journal()) == 6
    assert house.books().equal, house.books().differences


def test_R8b_a_day_of_thirty_mixed_charges_ends_with_equal_books(house: House) -> None:
    scripts = ("ok", "insufficient_funds", "stolen_card", "authentication_required", "processing:succeeded:30", "ok")
    people = {customer(house, script, currency=("EUR", "PLN")[n % 2]): script for n, script in enumerate(scripts * 5)}
    house.emulator.fault("drop_after_execution", "payment_intents.confirm", nth=7, times=2)
    house.run("renew")
    house.wait(minutes=1)
    house.run("follow_payments")
    hurry(house)
    house.drain()
    house.wait(minutes=1)
    house.run("follow_payments")
    for of, script in people.items():
        good = script.startswith(("ok", "processing"))
        assert charge_of(house, of)["state"] == ("succeeded" if good else "declined"), script
        assert len(attempts_of(house, of)) == 1
        assert paid(house, of) == ([of.list_minor] if good else [])
    assert house.books().equal, house.books().differences
    assert house.fetch("SELECT * FROM attempts WHERE state IN ('sent', 'unknown', 'processing')") == []


def test_R8b_a_refused_charge_is_not_tried_twice_on_one_day(house: House) -> None:
    people = [customer(house, "insufficient_funds"), customer(house), customer(house, "stolen_card")]
    for _ in range(3):
        house.run("renew")
    assert [len(attempts_of(house, of)) for of in people] == [1, 1, 1]
    assert [status_of(house, of) for of in people] == ["past_due", "active", "past_due"]
    assert len(house.mails()) == 3, "two refusals and an invoice"
