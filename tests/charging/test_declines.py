"""R8b and R10: refused renewals, their schedule, the mails, new methods, and the end of the schedule."""

from datetime import time, timedelta

from tests.support.builders import update
from tests.support.house import House
from tests.support.stories import (
    attempts_of,
    charge_of,
    customer,
    hurry,
    kinds_of,
    next_days,
    paid,
    provider_says,
    replace_method,
    status_of,
    subscription_of,
    watching_doors,
)
from worker.gateways.answers import AnswerKind
from worker.gateways.stripe import ConfirmRequest


def test_R8b_a_soft_refusal_is_tried_again_after_1_3_5_and_7_days_and_then_suspended(house: House) -> None:
    of = customer(house, "insufficient_funds")
    start, statuses = house.clock.today(), []
    for _ in next_days(house, 9):
        house.run("renew")
        house.run("suspend")
        statuses.append(status_of(house, of))
    assert statuses == ["past_due"] * 7 + ["suspended"] * 2, "suspended on the day of the last try"
    tries = attempts_of(house, of)
    assert [(attempt["sent_on"] - start).days for attempt in tries] == [0, 1, 3, 5, 7]
    assert {attempt["advice_code"] for attempt in tries} == {"try_again_later"}
    assert kinds_of(house, of) == ["payment_declined"] * 5 + ["suspended"]
    told = house.fetch("SELECT data FROM mails WHERE kind = 'payment_declined' ORDER BY id")
    assert [row["data"]["next_try_on"] for row in told] == [
        (start + timedelta(days=days)).isoformat() for days in (1, 3, 5, 7)
    ] + [None]
    assert {row["data"]["suspends_on"] for row in told} == {(start + timedelta(days=7)).isoformat()}
    charge = charge_of(house, of)
    assert (charge["state"], charge["tries"]) == ("failed", 5)
    assert provider_says(house, charge["provider_intent"]) is AnswerKind.CANCELLED, "R10: cancelled before"
    assert subscription_of(house, of)["paid_until"] == start, "the unpaid days were never sold"
    assert house.emulator.journal() == []
    assert house.books().equal, house.books().differences


def test_R8b_a_renewal_paid_within_the_schedule_starts_where_the_old_term_ended(house: House) -> None:
    of = customer(house, "insufficient_funds", "generic_decline", "ok")
    start = house.clock.today()
    for _ in next_days(house, 5):
        house.run("renew")
        house.run("suspend")
    assert status_of(house, of) == "active"
    (term,) = house.fetch("SELECT * FROM terms WHERE origin = 'charge'")
    assert (term["starts_on"], term["ends_on"]) == (start, of.term(1).ends_on)
    charge = charge_of(house, of)
    assert (charge["paid_on"], charge["tries"]) == (start + timedelta(days=3), 3)
    (invoice,) = house.fetch("SELECT * FROM invoices")
    assert (invoice["issued_on"], invoice["paid_on"]) == (charge["paid_on"], charge["paid_on"]), "R18: the real day"
    assert house.books().equal, house.books().differences


def test_R8b_after_a_hard_refusal_only_a_new_method_is_tried_and_it_at_once(house: House) -> None:
    kept, replaced = customer(house, "stolen_card"), customer(house, "stolen_card")
    start = house.clock.today()
    house.run("renew")
    assert kinds_of(house, kept) == ["payment_method_refused"]
    assert "stolen" not in house.sink.mails[0].as_string(), "what the bank says of the card is not for the mail"
    house.go_to(start, at=time(15))
    replace_method(house, replaced, "insufficient_funds", "ok")
    house.run("renew")
    assert [attempt["sent_on"] for attempt in attempts_of(house, replaced)] == [start, start], "at once"
    assert kinds_of(house, replaced) == ["payment_method_refused", "payment_declined"]
    for _ in next_days(house, 8):
        house.run("renew")
        house.run("suspend")
    assert len(attempts_of(house, kept)) == 1
    assert status_of(house, kept) == "suspended"
    assert charge_of(house, kept)["suspends_on"] == start + timedelta(days=7)
    assert paid(house, replaced) == [replaced.list_minor]
    assert charge_of(house, replaced)["paid_on"] == start + timedelta(days=1), "the schedule of the first answer"
    assert house.books().equal, house.books().differences


def test_R8b_each_refusal_is_told_also_two_of_one_kind_on_one_day(house: House) -> None:
    of = customer(house, "stolen_card")
    house.run("renew")
    replace_method(house, of, "lost_card")
    house.run("renew")
    house.run("renew")
    assert len(attempts_of(house, of)) == 2
    assert kinds_of(house, of) == ["payment_method_refused", "payment_method_refused"]
    assert len(house.sink.mails) == 2


def test_R8b_without_a_method_nothing_is_tried_until_there_is_one(house: House) -> None:
    of = customer(house, method=None)
    stranger = customer(house, method=None, provider_customer=None)
    house.run("renew")
    house.run("renew")
    for each in (of, stranger):
        assert attempts_of(house, each) == []
        assert kinds_of(house, each) == ["payment_method_refused"]
        assert charge_of(house, each)["tries"] == 0
        assert status_of(house, each) == "past_due"
    house.go_to(house.clock.today() + timedelta(days=2))
    update(house.engine, "accounts", stranger.account_id, provider_customer=f"cus_{stranger.external_id}")
    replace_method(house, of, "ok")
    replace_method(house, stranger, "insufficient_funds", "ok")
    house.run("renew")
    assert paid(house, of) == [of.list_minor]
    house.go_to(house.clock.today() + timedelta(days=1))
    house.run("renew")
    assert paid(house, stranger) == [stranger.list_minor], "also one that the provider did not know before"
    assert house.books().equal, house.books().differences


def test_R8b_without_a_method_to_the_end_the_account_is_suspended_on_day_seven(house: House) -> None:
    of, stranger = customer(house, method=None), customer(house, method=None, provider_customer=None)
    removed = customer(house, "insufficient_funds")
    house.run("renew")
    update(house.engine, "payment_methods", removed.method_id or 0, state="removed")
    for day in next_days(house, 8):
        house.run("renew")
        house.run("suspend")
        expected = "suspended" if (day - of.ends_on).days == 7 else "past_due"
        assert [status_of(house, each) for each in (of, stranger, removed)] == [expected] * 3
    assert kinds_of(house, removed) == ["payment_declined", "payment_method_refused", "suspended"]
    assert len(attempts_of(house, removed)) == 1
    assert house.emulator.journal() == []


def test_R8b_an_ended_paypal_agreement_waits_for_a_new_method(house: House) -> None:
    of, gone = customer(house, method="paypal"), customer(house, method="paypal")
    for each in (of, gone):
        house.emulator.cancel_agreement(f"pm_{each.account_id}_{1 + each.account_id - of.account_id}")
    house.run("renew")
    assert kinds_of(house, of) == ["payment_method_refused"]
    replace_method(house, of, type="paypal")
    for _ in next_days(house, 8):
        house.run("renew")
        house.run("suspend")
    assert paid(house, of) == [of.list_minor]
    assert house.emulator.journal()[0]["payment_method"] != f"pm_{of.account_id}_1"
    assert len(attempts_of(house, gone)) == 1, "a cancelled agreement is no usable method"
    assert status_of(house, gone) == "suspended"


def test_R8b_five_missed_days_caught_up_on_one_day_are_one_try_each(house: House) -> None:
    today = house.clock.today()
    people = [customer(house, "insufficient_funds", ends_on=today - timedelta(days=n)) for n in range(5)]
    dates = [today - timedelta(days=n) for n in (4, 3, 2, 1, 0)]
    planned = [house.plan("renew", day=day) for day in dates]
    assert [run.business_date for run in planned if run.items] == dates
    house.drain()
    for day in dates:
        house.run("renew", day=day)
        house.run("suspend", day=day)
    for of in people:
        (attempt,) = attempts_of(house, of)
        assert attempt["sent_on"] == today
        assert charge_of(house, of)["next_try_on"] == today + timedelta(days=1), "tries follow the real day"
        assert status_of(house, of) == "past_due"


def test_R8b_faults_of_the_provider_count_as_no_try_and_send_no_mail(house: House) -> None:
    people = [customer(house) for _ in range(3)]

    def choke(passed: str) -> None:
        if passed == "after:commit:charging.begin":
            house.emulator.limits(per_endpoint=0.01)  # type: ignore[arg-type]  # a slower bucket than whole numbers give

    with watching_doors(choke):
        house.run("renew")
    states = [charge_of(house, of)["state"] for of in people]
    assert sorted(states) == ["created", "created", "succeeded"]
    assert sum(kinds_of(house, of) == [] for of in people) == 2
    house.emulator.limits(per_endpoint=None)
    hurry(house)
    house.drain()
    for of in people:
        assert paid(house, of) == [of.list_minor]
        assert [attempt["state"] for attempt in attempts_of(house, of)][-1] == "succeeded"
        assert charge_of(house, of)["tries"] == 1
    assert house.books().equal, house.books().differences


def test_R8b_a_new_method_stays_due_when_the_provider_was_too_busy_for_it(house: House) -> None:
    of = customer(house, "stolen_card")
    house.run("renew")
    replace_method(house, of)

    def choke(passed: str) -> None:
        if passed == "after:commit:charging.begin":
            house.emulator.limits(per_endpoint=0.01)  # type: ignore[arg-type]  # a slower bucket than whole numbers give
            house.runtime.payments.confirm([ConfirmRequest(key="another", intent="pi_another", parameters={})])

    with watching_doors(choke):
        house.run("renew")
    assert paid(house, of) == []
    assert [attempt["state"] for attempt in attempts_of(house, of)] == ["declined", "void"]
    house.emulator.limits(per_endpoint=None)
    hurry(house)
    house.drain()
    assert paid(house, of) == [of.list_minor]
    assert kinds_of(house, of) == ["payment_method_refused", "invoice_issued"]


def test_R8b_who_is_refused_for_a_wrong_request_is_parked_alone(house: House) -> None:
    before, after = customer(house), customer(house)
    wrong = customer(house)
    update(house.engine, "payment_methods", wrong.method_id or 0, provider_method="pm_nobody_knows")
    stranger = customer(house)
    update(house.engine, "accounts", stranger.account_id, provider_customer="cus_nobody_knows")
    house.run("renew")
    assert [len(paid(house, of)) for of in (before, after)] == [1, 1]
    for of in (wrong, stranger):
        parked = charge_of(house, of)
        assert parked["parked_reason"] == "provider_refused"
        assert "resource_missing" in parked["parked_detail"]
        assert parked["tries"] == 0
        assert kinds_of(house, of) == []
        assert status_of(house, of) == "active"
    for _ in next_days(house, 9):
        house.run("renew")
        house.run("suspend")
    assert [status_of(house, of) for of in (wrong, stranger)] == ["active", "active"], "R10: parked never suspends"
