"""The job `suspend`: R10, and only that."""

from datetime import timedelta

import pytest

from tests.support.builders import credit, update
from tests.support.house import API_KEY, House
from tests.support.stories import (
    charge_of,
    charges_of,
    customer,
    kinds_of,
    minute,
    next_days,
    paid,
    provider_says,
    status_of,
    subscription_of,
    switch_renewal,
)
from tests.support.work import notice
from worker.errors import RefusedError
from worker.gateways.answers import AnswerKind

DAYS = timedelta(days=1)


def test_R9_with_renewal_off_the_account_is_suspended_in_the_run_of_the_last_day_and_twice_is_harmless(
    house: House,
) -> None:
    of = customer(house, auto_renew=False)
    running = customer(house, auto_renew=False, ends_on=of.ends_on + DAYS)
    on = customer(house, ends_on=of.ends_on + DAYS)
    notice(house.engine, of)
    house.run("renew")
    house.run("suspend")
    house.run("suspend")
    assert [status_of(house, each) for each in (of, running, on)] == ["suspended", "active", "active"]
    assert kinds_of(house, of) == ["suspended"]
    (ended,) = house.fetch("SELECT * FROM notices")
    assert ended["withdrawn_because"] == "suspended", "R9b: the notice ends"
    (row,) = house.fetch("SELECT * FROM entitlements WHERE account = :of", of=of.external_id)
    assert (row["status"], row["support"], row["package"]) == ("suspended", False, "standard"), "R21; not Free"
    text = house.sink.mails[0].get_body(("plain",))
    assert text is not None
    assert "15 Mar 2026" in text.get_content().replace("\xa0", " ")


def test_R10_refuses_before_the_renewals_of_that_date_are_planned(house: House) -> None:
    of = customer(house, auto_renew=False)
    with pytest.raises(RefusedError, match="`renew` of that date must be planned first"):
        house.run("suspend")
    assert status_of(house, of) == "active"
    house.plan("renew")
    house.run("suspend")
    assert status_of(house, of) == "suspended"


def test_R10_planned_processing_unknown_and_parked_renewals_never_suspend(house: House) -> None:
    planned = customer(house)
    house.plan("renew")
    processing, unknown = customer(house, "processing:succeeded:9000000"), customer(house)
    house.emulator.fault("drop_after_execution", "payment_intents.confirm", customer=f"cus_{unknown.external_id}")
    parked = customer(house)
    update(house.engine, "payment_methods", parked.method_id or 0, provider_method="pm_nobody_knows")
    house.drain(pick=lambda job: job == "nothing")
    second = house.plan("renew")
    for item in second.items:
        house.execute(item, "renew")
    states = [charge_of(house, of)["state"] for of in (planned, processing, unknown, parked)]
    assert states == ["planned", "processing", "unknown", "created"]
    for of in (planned, processing, unknown, parked):
        switch_renewal(house, of, on=False)
    house.clock.instant += 20 * DAYS
    planned_run = house.plan("renew")
    house.plan("suspend")
    house.drain(pick=lambda job: job == "suspend")
    assert planned_run.items == []
    assert {status_of(house, of) for of in (planned, processing, unknown, parked)} == {"active"}


def test_R7_renewal_switched_off_while_past_due_cancels_and_suspends_that_day(house: House) -> None:
    of = customer(house, "insufficient_funds", credit_minor=700)
    house.run("renew")
    house.go_to(of.ends_on + 2 * DAYS)
    switch_renewal(house, of, on=False)
    house.run("renew")
    assert len(house.emulator.attempts()) == 1, "nothing more is tried"
    house.run("suspend")
    assert status_of(house, of) == "suspended"
    charge = charge_of(house, of)
    assert charge["state"] == "cancelled"
    assert provider_says(house, charge["provider_intent"]) is AnswerKind.CANCELLED
    entries = house.fetch("SELECT amount_minor, kind FROM credit_entries ORDER BY id")
    assert [(row["amount_minor"], row["kind"]) for row in entries] == [
        (700, "import"),
        (-700, "used"),
        (700, "returned"),
    ]
    told = house.fetch("SELECT data ->> 'cause' AS cause FROM mails WHERE kind = 'suspended'")
    assert told == [{"cause": "renewal_off"}]


def test_R10_a_payment_that_came_before_the_cancellation_renews_instead(house: House) -> None:
    of = customer(house, "authentication_required")
    house.run("renew")
    house.go_to(of.ends_on + 7 * DAYS)
    house.run("renew")
    house.emulator.approve_at_bank(charge_of(house, of)["provider_intent"], api_key=API_KEY)
    house.run("suspend")
    assert status_of(house, of) == "active"
    assert subscription_of(house, of)["paid_until"] == of.term(1).ends_on
    assert charge_of(house, of)["state"] == "succeeded"
    assert paid(house, of) == [of.list_minor]
    assert house.books().equal, house.books().differences


@pytest.mark.parametrize("kind", ["stall", "drop_after_execution"])
def test_R10_a_cancellation_without_an_answer_is_asked_for_again(house: House, kind: str) -> None:
    of = customer(house, "stolen_card")
    house.run("renew")
    house.go_to(of.ends_on + 7 * DAYS)
    house.run("renew")
    house.emulator.fault(kind, "payment_intents.cancel", seconds=1.3)
    house.run("suspend")
    assert charge_of(house, of)["state"] == "cancelling"
    assert status_of(house, of) == "past_due", "not before it is certain"
    minute(house, minutes=2)
    assert charge_of(house, of)["state"] == "failed"
    assert status_of(house, of) == "suspended"


def test_R10_after_an_outage_the_last_try_comes_first_and_decides(house: House) -> None:
    saved, lost = customer(house, "insufficient_funds", "ok"), customer(house, "insufficient_funds")
    house.run("renew")
    house.go_to(saved.ends_on + 10 * DAYS)
    house.run("renew")
    house.run("suspend")
    assert [status_of(house, of) for of in (saved, lost)] == ["active", "suspended"]
    assert len(house.emulator.attempts()) == 4


def test_R10_unsent_mails_that_ask_for_a_payment_go_with_the_service(house: House) -> None:
    of = customer(house, "authentication_required", email="later@customers.example")
    house.run("renew")
    switch_renewal(house, of, on=False)
    house.run("suspend")
    states = house.fetch("SELECT kind, state FROM mails ORDER BY id")
    assert [(row["kind"], row["state"]) for row in states] == [
        ("authentication_needed", "withdrawn"),
        ("suspended", "waiting"),
    ]


def test_R10_a_suspended_account_keeps_all_it_has_and_is_left_alone(house: House) -> None:
    of = customer(house, auto_renew=False)
    credit(house.engine, of.account_id, 300)
    house.run("renew")
    house.run("suspend")
    switch_renewal(house, of, on=True)
    for _ in next_days(house, 40):
        house.plan("renew")
        house.plan("suspend")
    house.drain()
    assert charges_of(house, of) == []
    assert status_of(house, of) == "suspended"
    assert house.fetch("SELECT sum(amount_minor)::int AS sum FROM credit_entries") == [{"sum": 300}]
    assert house.emulator.journal() == []
