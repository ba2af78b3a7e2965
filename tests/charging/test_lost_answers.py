"""Unknown outcomes and payments that process: settled by reading back, the same attempt again, or cancelled."""

from collections.abc import Iterable
from datetime import time, timedelta
from uuid import uuid4

from tests.support.builders import Subscriber, update
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.stories import (
    attempts_of,
    charge_of,
    charges_of,
    customer,
    dying_at,
    hurry,
    kinds_of,
    minute,
    paid,
    provider_says,
    restart,
    status_of,
)
from worker.charging.settle import UNKNOWN_CHECKS_MAX
from worker.gateways.answers import AnswerKind
from worker.sandbox.emulator.faults import KINDS

CONFIRM = "payment_intents.confirm"


EXECUTED = (
    "stall",
    "stall_in_body",
    "drop_after_execution",
    "reset_after_execution",
    "truncated",
    "bad_gateway",
    "error_after_execution",
    "dependency_failed",
)
"""Faults by which the answer of a confirmation is lost that was executed."""
NOT_EXECUTED = (
    "late_execution",
    "drop_before_execution",
    "reset_before_execution",
    "bad_gateway_before_execution",
    "key_in_use",
)
"""Faults that look the same to us, though nothing was executed, or only later."""
TURNED_AWAY = ("rate_limit", "lock_timeout")
"""Faults that say certainly that nothing was executed."""


def struck(house: House, kinds: Iterable[str], *script: str) -> dict[str, Subscriber]:
    """A customer for each kind of fault, after the renewal that it struck; one that nothing struck is among them."""
    people = {kind: customer(house, *script) for kind in (*kinds, "none")}
    for kind in kinds:
        house.emulator.fault(kind, CONFIRM, customer=f"cus_{people[kind].external_id}", seconds=1.3)
    house.run("renew")
    return people


def executions(house: House, of: Subscriber) -> int:
    """How often the bank was asked for this customer's money."""
    return len([each for each in house.emulator.attempts() if each["customer"] == f"cus_{of.external_id}"])


def test_every_kind_of_fault_is_of_one_of_these_sorts() -> None:
    assert {*EXECUTED, *NOT_EXECUTED, *TURNED_AWAY, "error_before_execution"} == set(KINDS)


def test_R6_a_lost_answer_is_settled_by_reading_back_within_two_minutes(house: House) -> None:
    people = struck(house, [*EXECUTED, *NOT_EXECUTED])
    lost = {kind: of for kind, of in people.items() if kind != "none"}
    states = {kind: (charge_of(house, of)["state"], attempts_of(house, of)[0]["state"]) for kind, of in lost.items()}
    assert states == dict.fromkeys(lost, ("unknown", "unknown"))
    house.run("renew")
    house.run("suspend")
    again = {kind: charge_of(house, of)["state"] for kind, of in lost.items()}
    assert again == dict.fromkeys(lost, "unknown"), "nobody tries again before it is settled"
    minute(house, minutes=2)
    for kind, of in people.items():
        (attempt,) = attempts_of(house, of)
        assert (charge_of(house, of)["state"], attempt["state"]) == ("succeeded", "succeeded"), kind
        assert (executions(house, of), paid(house, of)) == (1, [of.list_minor]), kind
    assert house.books().equal, house.books().differences


def test_R6_a_lost_answer_is_settled_also_25_hours_later_when_its_key_is_forgotten(house: House) -> None:
    people = struck(house, [*EXECUTED, *NOT_EXECUTED])
    house.wait(hours=25)
    minute(house, minutes=2)
    for kind, of in people.items():
        if kind == "late_execution":
            continue  # whichever comes first, the execution or the cancellation, wins
        executed = kind not in NOT_EXECUTED
        states = ["succeeded"] if executed else ["cancelled", "succeeded"]
        assert [charge["state"] for charge in charges_of(house, of)] == states, kind
        assert len(attempts_of(house, of)) == len(states), f"{kind}: each charge has one"
        assert executions(house, of) == 1, kind
    house.run("renew")
    minute(house)
    for kind, of in people.items():
        assert (charges_of(house, of)[-1]["state"], paid(house, of)) == ("succeeded", [of.list_minor]), kind
        assert executions(house, of) == 1, kind
    assert house.books().equal, house.books().differences


def test_R8b_the_attempt_of_a_lost_refusal_is_not_sent_again_25_hours_later(house: House) -> None:
    people = struck(house, EXECUTED, "insufficient_funds", "ok")
    del people["none"]
    house.wait(hours=25)
    minute(house, minutes=2)
    for kind, of in people.items():
        given_up, anew = charges_of(house, of)
        assert given_up["state"] == "cancelled", f"{kind}: the key is forgotten, so nothing is sent again"
        assert [row["charge_id"] for row in attempts_of(house, of)] == [given_up["id"], anew["id"]], kind
        assert provider_says(house, given_up["provider_intent"]) is AnswerKind.CANCELLED, kind
        assert (executions(house, of), paid(house, of)) == (2, [of.list_minor]), f"{kind}: this is another real day"
    house.run("renew")
    assert house.books().equal, house.books().differences


def test_R8b_who_is_turned_away_made_no_try(house: House) -> None:
    people = struck(house, TURNED_AWAY)
    hurry(house)
    minute(house, minutes=2)
    for kind, of in people.items():
        (attempt,) = [row for row in attempts_of(house, of) if row["state"] != "void"]
        assert (charge_of(house, of)["state"], attempt["state"]) == ("succeeded", "succeeded"), kind
        assert (charge_of(house, of)["tries"], executions(house, of)) == (1, 1), kind


def test_an_error_that_the_provider_keeps_for_a_key_ends_with_its_23_hours(house: House) -> None:
    (of, _) = struck(house, ["error_before_execution"]).values()
    minute(house, minutes=10)
    assert (charge_of(house, of)["state"], executions(house, of)) == ("unknown", 0), "the same key, the same 500"
    house.wait(hours=23)
    minute(house)
    assert [charge["state"] for charge in charges_of(house, of)] == ["cancelled", "succeeded"]
    assert (paid(house, of), executions(house, of)) == ([of.list_minor], 1)
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


def test_an_attempt_older_than_23_hours_is_cancelled_and_charged_anew_though_the_days_run_is_over(house: House) -> None:
    of = customer(house, credit_minor=700)
    with dying_at("before:call:stripe.confirm"):
        house.run("renew")
    house.wait(hours=23)
    house.plan("renew")
    restart(house)
    house.drain(pick=lambda job: job == "renew")
    old, anew = charges_of(house, of)
    assert (old["state"], anew["state"]) == ("cancelled", "succeeded")
    assert provider_says(house, old["provider_intent"]) is AnswerKind.CANCELLED
    assert [attempt["state"] for attempt in attempts_of(house, of)] == ["void", "succeeded"]
    house.drain()
    hold(house)
    assert paid(house, of) == [of.list_minor - 700], "the credit went back and was used again, once"
    assert house.books().equal, house.books().differences


def test_R8b_an_attempt_of_today_that_is_given_up_today_is_charged_anew_by_the_next_morning(house: House) -> None:
    house.go_to(house.clock.today(), at=time(0, 5))
    of = customer(house)
    with dying_at("before:call:stripe.confirm"):
        house.run("renew")
    restart(house)
    house.wait(hours=23, minutes=30)
    house.drain()
    assert charge_of(house, of)["state"] == "cancelled", "the bank may have been asked: one try per real day"
    house.run("suspend", day=of.ends_on)
    assert status_of(house, of) == "active", "R10: renewal is on, and no schedule has run out"
    house.wait(hours=6)
    house.run("renew")
    assert [charge["state"] for charge in charges_of(house, of)] == ["cancelled", "succeeded"]
    assert paid(house, of) == [of.list_minor]
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


def test_a_creation_whose_error_the_provider_keeps_goes_on_under_another_key(house: House) -> None:
    kinds = ("error_before_execution", "error_after_execution", "dependency_failed")
    whose = {kind: customer(house) for kind in kinds}
    for kind, of in whose.items():
        house.emulator.fault(kind, "payment_intents.create", customer=f"cus_{of.external_id}", times=3)
    house.run("renew")
    for struck_keys in (1, 2):
        assert [charge_of(house, of)["state"] for of in whose.values()] == ["priced"] * 3, struck_keys
        hurry(house)
        house.drain()
    for kind, of in whose.items():
        assert (charge_of(house, of)["state"], paid(house, of)) == ("succeeded", [of.list_minor]), kind
        assert executions(house, of) == 1, kind
    assert house.books().equal, house.books().differences


def died_after_a_creation_under_the_second_key(house: House) -> Subscriber:
    """A customer whose PaymentIntent was made under a second key, by a process that died before it wrote that down."""
    of = customer(house)
    house.emulator.fault("error_before_execution", "payment_intents.create")
    house.run("renew")
    hurry(house)
    with dying_at("before:commit:charging.begin") as passes:
        house.drain()
    assert passes
    return of


def test_who_creates_again_finds_what_was_made_under_the_second_key(house: House) -> None:
    of = died_after_a_creation_under_the_second_key(house)
    restart(house)
    house.drain()
    assert (charge_of(house, of)["state"], paid(house, of)) == ("succeeded", [of.list_minor])
    made = house.emulator.statistics()["endpoints"]["payment_intents.create"]["requests"]
    assert made == 5, "an error; that again, and a second key; both again"


def test_a_store_that_was_set_back_is_refused_also_where_an_error_is_kept(house: House) -> None:
    of = died_after_a_creation_under_the_second_key(house)
    update(house.engine, "charges", charge_of(house, of)["id"], uid=uuid4())
    restart(house)
    house.drain()
    charge = charge_of(house, of)
    assert (charge["state"], charge["parked_reason"]) == ("priced", "provider_refused"), "the term was begun already"
    assert executions(house, of) == 0
