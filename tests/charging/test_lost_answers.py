"""Unknown outcomes and payments that process: settled by reading back, the same attempt again, or cancelled."""

from datetime import timedelta

import pytest

from tests.support.builders import update
from tests.support.house import House
from tests.support.stories import (
    attempts_of,
    charge_of,
    charges_of,
    customer,
    dying_at,
    kinds_of,
    minute,
    paid,
    provider_says,
    restart,
    status_of,
)
from worker.charging.settle import UNKNOWN_CHECKS_MAX
from worker.gateways.answers import AnswerKind

CONFIRM = "payment_intents.confirm"


@pytest.mark.parametrize("kind", ["stall", "drop_after_execution"])
def test_R6_a_lost_answer_is_settled_by_reading_back_within_two_minutes(house: House, kind: str) -> None:
    of = customer(house)
    house.emulator.fault(kind, CONFIRM, seconds=1.3)
    house.run("renew")
    lost = charge_of(house, of)
    assert (lost["state"], [attempt["state"] for attempt in attempts_of(house, of)]) == ("unknown", ["unknown"])
    house.run("renew")
    house.run("suspend")
    assert charge_of(house, of)["state"] == "unknown", "nobody tries again before it is settled"
    minute(house, minutes=2)
    assert charge_of(house, of)["state"] == "succeeded"
    (attempt,) = attempts_of(house, of)
    assert (attempt["state"], len(house.emulator.attempts())) == ("succeeded", 1)
    assert paid(house, of) == [of.list_minor]
    assert house.books().equal, house.books().differences


def test_R8b_a_lost_refusal_is_heard_by_sending_the_same_attempt_again(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.emulator.fault("drop_after_execution", CONFIRM)
    house.run("renew")
    minute(house, minutes=2)
    charge = charge_of(house, of)
    assert (charge["state"], charge["decline_code"], charge["tries"]) == ("declined", "insufficient_funds", 1)
    assert len(attempts_of(house, of)) == 1
    assert len(house.emulator.attempts()) == 1, "the provider gave the kept answer and tried nothing"
    assert kinds_of(house, of) == ["payment_declined"]


def test_an_attempt_that_never_left_is_sent_again_as_it_was(house: House) -> None:
    of = customer(house)
    with dying_at("before:call:stripe.confirm") as passes:
        house.run("renew")
    assert passes
    assert charge_of(house, of)["state"] == "confirming"
    restart(house)
    house.drain()
    (attempt,) = attempts_of(house, of)
    (journal,) = house.emulator.journal()
    assert journal["idempotency_key"] == f"attempt-{attempt['uid']}"
    assert (attempt["state"], paid(house, of)) == ("succeeded", [of.list_minor])
    assert house.books().equal, house.books().differences


def test_an_attempt_older_than_23_hours_is_cancelled_and_the_next_day_charges_anew(house: House) -> None:
    of = customer(house, credit_minor=700)
    with dying_at("before:call:stripe.confirm"):
        house.run("renew")
    restart(house)
    house.wait(hours=23)
    house.drain()
    old = charge_of(house, of)
    assert old["state"] == "cancelled"
    assert provider_says(house, old["provider_intent"]) is AnswerKind.CANCELLED
    assert [attempt["state"] for attempt in attempts_of(house, of)] == ["void"]
    house.run("suspend", day=of.ends_on)
    assert status_of(house, of) == "active", "R10: renewal is on, and no schedule has run out"
    house.run("renew")
    assert [charge["state"] for charge in charges_of(house, of)] == ["cancelled", "succeeded"]
    assert paid(house, of) == [of.list_minor - 700], "the credit went back and was used again, once"
    assert house.books().equal, house.books().differences


def test_a_charge_that_nobody_can_read_is_read_ever_more_seldom_and_then_parked(house: House) -> None:
    of, neighbour = customer(house), customer(house)
    house.emulator.fault("drop_after_execution", CONFIRM, customer=f"cus_{of.external_id}")
    house.run("renew")
    house.emulator.fault(
        "drop_after_execution", "payment_intents.retrieve", customer=f"cus_{of.external_id}", times=500
    )
    pauses = []
    for _ in range(6):
        due = charge_of(house, of)["check_after"]
        pauses.append(due - house.clock.now())
        house.clock.instant = due
        house.run("follow_payments")
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=20)
    assert pauses[-1] == timedelta(minutes=30)
    assert status_of(house, of) == "active"
    update(house.engine, "charges", charge_of(house, of)["id"], checks=UNKNOWN_CHECKS_MAX)
    house.wait(minutes=31)
    house.run("follow_payments")
    assert charge_of(house, of)["parked_reason"] == "unknown_too_long"
    house.go_to(house.clock.today() + timedelta(days=9))
    house.run("renew")
    house.run("suspend")
    assert status_of(house, of) == "active", "R10: parked and unknown never suspend"
    assert len(paid(house, neighbour)) == 1


def test_R6_a_payment_that_processes_is_followed_to_its_good_end(house: House) -> None:
    of = customer(house, "processing:succeeded:300")
    house.run("renew")
    assert charge_of(house, of)["state"] == "processing"
    house.run("renew")
    house.run("suspend")
    assert status_of(house, of) == "active"
    minute(house, minutes=4)
    assert charge_of(house, of)["state"] == "processing"
    minute(house, minutes=3)
    assert charge_of(house, of)["state"] == "succeeded"
    assert [attempt["state"] for attempt in attempts_of(house, of)] == ["succeeded"]
    assert house.books().equal, house.books().differences


def test_R8b_a_payment_that_processes_and_fails_begins_the_schedule_on_that_day(house: House) -> None:
    of = customer(house, "processing:failed:insufficient_funds:100000", "ok")
    house.run("renew")
    for _ in range(2):
        house.go_to(house.clock.today() + timedelta(days=1))
        house.run("renew")
        house.run("suspend")
        house.run("follow_payments")
    charge = charge_of(house, of)
    answered = house.clock.today()
    assert (charge["state"], charge["decline_code"]) == ("declined", "insufficient_funds")
    assert charge["first_declined_on"] == answered == of.ends_on + timedelta(days=2)
    assert charge["next_try_on"] == answered + timedelta(days=1), "the first answer is what counts"
    assert kinds_of(house, of) == ["payment_declined"]
    house.go_to(charge["next_try_on"])
    house.run("renew")
    assert paid(house, of) == [of.list_minor]
    assert house.books().equal, house.books().differences


def test_a_success_of_another_sum_than_ours_is_parked_and_never_booked(house: House) -> None:
    of, neighbour = customer(house), customer(house)
    with dying_at("after:call:stripe.confirm", time=2):
        house.run("renew")
    restart(house)
    wrong = {"amount_minor": of.list_minor - 1, "credit_used_minor": 1}
    update(house.engine, "charges", charge_of(house, of)["id"], **wrong)
    house.drain()
    charge = charge_of(house, of)
    assert (charge["state"], charge["parked_reason"]) == ("confirming", "amount_differs")
    assert charge_of(house, neighbour)["state"] == "succeeded"
    assert [row["account_id"] for row in house.fetch("SELECT account_id FROM invoices")] == [neighbour.account_id]


def test_a_row_that_the_books_refuse_is_parked_alone(house: House) -> None:
    odd, neighbour = customer(house), customer(house)
    with dying_at("before:commit:charging.settle"):
        house.run("renew")
    restart(house)
    overlap = {"starts_on": odd.starts_on, "ends_on": odd.term(1).ends_on}
    update(house.engine, "charges", charge_of(house, odd)["id"], **overlap)
    house.drain()
    assert charge_of(house, odd)["parked_reason"] == "books_refuse"
    assert "overlap" in charge_of(house, odd)["parked_detail"]
    assert charge_of(house, neighbour)["state"] == "succeeded"
