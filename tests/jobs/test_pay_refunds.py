"""The job `pay_refunds`: every refund once, whatever happens to the answer, and a person for what cannot be paid."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.house import House
from tests.support.shopping import buy, caller, newcomer, ordered, pay_on_page, quoted, wish
from tests.support.stories import dying_at, expire, hurry, minute, restart, until_quiet, watching_doors
from worker.billing.states import Payer
from worker.desk.refund import refund
from worker.desk.request import Role
from worker.gateways.stripe import RefundRequest
from worker.operating.requeueing import Chosen, requeue

MONTHLY = wish("standard", "month", 3)


def bought(house: House, name: str = "shop") -> None:
    """A first purchase, 57.00."""
    newcomer(house, name)
    assert buy(house, name, MONTHLY)["outcome"] == "paid"


def asked(house: House, name: str = "shop", amount_minor: int | None = None) -> None:
    """A refund is decided; nothing is sent yet."""
    refund(
        house.runtime,
        caller(name, Role.SUPPORT),
        request_id=f"refund-{amount_minor}",
        override=True,
        amount_minor=amount_minor,
        reason="asked",
    )


def pay(house: House) -> None:
    """Everything that is ready of the job, and nothing else."""
    house.drain(pick=lambda job: job == "pay_refunds")


def payout(house: House) -> dict[str, Any]:
    """The only payout."""
    (found,) = house.fetch("SELECT * FROM payouts")
    return found


def refunds(house: House) -> list[tuple[int, str]]:
    """What the provider gave back, with the status that it has now."""
    return [(each["amount"], each["status"]) for each in house.emulator.journal_refunds()]


def scripted(house: House, *outcomes: str, name: str = "shop") -> None:
    """What the next refunds of this customer's card come to."""
    house.emulator.script_refunds(f"pm_{name}", *outcomes)


def test_R14_a_refund_is_sent_once_and_is_settled(house: House) -> None:
    bought(house)
    asked(house)
    assert payout(house)["state"] == "planned"
    pay(house)
    row = payout(house)
    assert (row["state"], row["amount_minor"], row["parked_at"]) == ("succeeded", 5700, None)
    assert (row["sent_at"], row["paid_at"]) == (house.clock.now(), house.clock.now())
    (told,) = house.emulator.journal_refunds()
    assert (told["refund"], told["metadata"]) == (row["provider_refund"], {"payout": str(row["uid"])})
    assert told["idempotency_key"] == f"payout-{row['uid']}"
    house.drain()
    assert house.books().equal, house.books().differences


def test_the_job_run_twice_changes_nothing(house: House) -> None:
    bought(house)
    asked(house)
    house.run("pay_refunds")
    before = payout(house)
    house.run("pay_refunds")
    assert payout(house) == before
    assert refunds(house) == [(5700, "succeeded")]


def test_R14b_two_runs_at_once_send_each_payout_once(house: House) -> None:
    for name in ("one", "two", "three"):
        bought(house, name)
        asked(house, name)
    for _ in range(2):
        house.plan("pay_refunds")
    house.drain()
    assert refunds(house) == [(5700, "succeeded")] * 3


def test_R14b_a_lost_answer_is_found_at_the_provider(house: House) -> None:
    bought(house)
    asked(house)
    house.emulator.fault("drop_after_execution", "refunds.create")
    pay(house)
    assert payout(house)["state"] == "unknown"
    minute(house)
    assert (payout(house)["state"], refunds(house)) == ("succeeded", [(5700, "succeeded")])
    house.drain()
    assert house.books().equal, house.books().differences


def test_R14b_what_the_provider_never_saw_is_asked_for_again_under_the_same_key(house: House) -> None:
    bought(house)
    asked(house)
    with dying_at("before:call:stripe.refund") as passes:
        pay(house)
    assert passes
    restart(house)
    assert payout(house)["state"] == "sent"
    pay(house)
    row = payout(house)
    assert row["state"] == "succeeded"
    assert [each["idempotency_key"] for each in house.emulator.journal_refunds()] == [f"payout-{row['uid']}"]


def test_R14b_what_is_too_old_for_its_key_is_never_sent_anew(house: House) -> None:
    bought(house)
    asked(house)
    with dying_at("before:call:stripe.refund"):
        pay(house)
    restart(house)
    house.wait(hours=24)
    pay(house)
    row = payout(house)
    assert (row["state"], row["parked_reason"], refunds(house)) == ("unknown", "unknown_too_long", [])
    revive(house)
    pay(house)
    assert (payout(house)["parked_reason"], refunds(house)) == ("unknown_too_long", []), "it was only looked up again"
    by_hand(house, row)
    revive(house)
    pay(house)
    assert (payout(house)["state"], refunds(house)) == ("succeeded", [(5700, "succeeded")])


def revive(house: House) -> None:
    """An operator lets the parked payout go on."""
    requeue(house.runtime, Chosen(payouts=[payout(house)["id"]]), by="jana", reason="looked into it")


def by_hand(house: House, row: dict[str, Any] | None = None, *, amount_minor: int = 5700) -> None:
    """Somebody refunds on the provider's page, with the payout's mark or without."""
    (charge,) = house.fetch("SELECT provider_intent FROM charges WHERE purpose = 'purchase'")
    marks = {} if row is None else {"payout": str(row["uid"])}
    request = RefundRequest("by-hand", charge["provider_intent"], amount_minor, marks)
    house.runtime.payments.refund([request])


def test_R14b_an_old_payout_that_was_executed_is_found_however_old(house: House) -> None:
    bought(house)
    asked(house)
    house.emulator.fault("drop_after_execution", "refunds.create")
    pay(house)
    house.wait(hours=72)
    minute(house)
    assert (payout(house)["state"], refunds(house)) == ("succeeded", [(5700, "succeeded")])


def test_R14b_a_refund_that_was_made_by_hand_is_not_made_twice(house: House) -> None:
    bought(house)
    by_hand(house)
    asked(house)
    pay(house)
    row = payout(house)
    assert (row["state"], row["parked_reason"]) == ("failed", "already_refunded")
    assert refunds(house) == [(5700, "succeeded")]


def test_R14b_a_refund_that_the_provider_refuses_is_parked_and_may_be_tried_again(house: House) -> None:
    bought(house)
    by_hand(house, amount_minor=1000)
    asked(house)
    pay(house)
    row = payout(house)
    assert (row["state"], row["parked_reason"]) == ("failed", "payout_refused")
    assert "unrefunded amount" in row["parked_detail"]
    revive(house)
    again = payout(house)
    assert (again["state"], again["parked_at"]) == ("planned", None)
    assert again["uid"] != row["uid"], "another life is another key at the provider"
    (audit,) = house.fetch("SELECT reason, details FROM audit_log WHERE act = 'requeue'")
    assert audit["details"]["sent_before"][str(row["id"])]["uid"] == str(row["uid"])


def test_R14b_with_another_sum_than_ours_it_is_parked(house: House) -> None:
    bought(house)
    asked(house)
    with dying_at("before:call:stripe.refund"):
        pay(house)
    by_hand(house, payout(house), amount_minor=1)
    restart(house)
    pay(house)
    row = payout(house)
    assert (row["state"], row["parked_reason"]) == ("unknown", "amount_differs")


def test_R14b_pending_is_followed_by_events(house: House) -> None:
    bought(house)
    scripted(house, "pending:succeeded:90")
    asked(house)
    pay(house)
    assert payout(house)["state"] == "pending"
    minute(house, minutes=3)
    assert (payout(house)["state"], refunds(house)) == ("succeeded", [(5700, "succeeded")])
    assert house.books().equal, house.books().differences


def test_R14b_pending_that_no_event_tells_of_is_read_now_and_then(house: House) -> None:
    bought(house)
    scripted(house, "pending:succeeded:90")
    asked(house)
    house.emulator.withhold_events(withheld=True)
    pay(house)
    minute(house, minutes=3)
    assert payout(house)["state"] == "pending"
    house.wait(hours=6)
    minute(house)
    assert payout(house)["state"] == "succeeded"


@pytest.mark.parametrize("script", ["pending:failed:90", "ok_then_failed:90"])
def test_R14b_one_that_fails_even_after_it_succeeded_is_parked_and_the_reversal_stands(
    house: House, script: str
) -> None:
    bought(house)
    scripted(house, script)
    asked(house)
    pay(house)
    assert payout(house)["state"] in {"pending", "succeeded"}
    minute(house, minutes=20)
    row = payout(house)
    assert (row["state"], row["parked_reason"], row["paid_at"]) == ("failed", "payout_failed", None)
    assert "expired_or_canceled_card" in row["parked_detail"]
    assert house.fetch("SELECT gross_minor FROM reversals") == [{"gross_minor": 5700}]
    assert house.fetch("SELECT status FROM subscriptions") == [{"status": "ended"}]
    assert house.books().equal, house.books().differences
    scripted(house, "ok")
    revive(house)
    pay(house)
    assert payout(house)["state"] == "succeeded"
    assert refunds(house) == [(5700, "failed"), (5700, "succeeded")]
    assert house.books().equal, house.books().differences


def test_R14b_a_failure_whose_read_has_no_answer_is_read_again(house: House) -> None:
    bought(house)
    scripted(house, "ok_then_failed:60")
    asked(house)
    pay(house)
    house.wait(minutes=20)
    house.emulator.fault("drop_after_execution", "refunds.retrieve")
    house.run("follow_payments")
    assert payout(house)["state"] == "succeeded"
    hurry(house)
    house.drain()
    assert payout(house)["state"] == "failed"


def test_R14b_what_the_provider_turns_away_waits_and_is_sent_later(house: House) -> None:
    bought(house)
    asked(house)
    good = house.runtime.payments
    house.runtime = replace(house.runtime, payments=replace(good, api_key="no key of theirs"))
    pay(house)
    assert payout(house)["state"] == "planned"
    (item,) = house.fetch("SELECT state, last_error FROM work_items WHERE job = 'pay_refunds'")
    assert item["state"] == "ready"
    assert "UnreachableError" in item["last_error"]
    house.runtime = replace(house.runtime, payments=good)
    hurry(house)
    pay(house)
    assert refunds(house) == [(5700, "succeeded")]
    house.drain()
    assert house.books().equal, house.books().differences


def test_R14b_parts_add_up_to_what_was_paid(house: House) -> None:
    bought(house)
    for amount_minor in (1000, 2000, None):
        asked(house, amount_minor=amount_minor)
    house.drain()
    assert refunds(house) == [(1000, "succeeded"), (2000, "succeeded"), (2700, "succeeded")]
    assert house.books().equal, house.books().differences


def doors_of_a_refund(house: House) -> Iterator[str]:
    """What the job passes when nobody dies."""
    bought(house, "nobody")
    asked(house, "nobody")
    passed: list[str] = []
    with watching_doors(passed.append):
        pay(house)
    yield from dict.fromkeys(passed)


def test_R14b_a_refund_survives_a_death_at_every_door(house: House) -> None:
    house.runtime = replace(house.runtime, limits=replace(house.runtime.limits, micro_batch_max=1))
    doors = list(doors_of_a_refund(house))
    assert {"before:call:stripe.refund", "after:call:stripe.refund", "after:commit:payouts.settle"} <= set(doors)
    for n, door in enumerate(doors):
        name = f"shop-{n}"
        bought(house, name)
        asked(house, name)
        with dying_at(door) as passes:
            pay(house)
        assert passes, f"nobody came to {door}"
        restart(house)
        pay(house)
        mine = [each for each in house.emulator.journal_refunds() if each["customer"] == f"cus_{name}"]
        assert [each["amount"] for each in mine] == [5700], door
    until_quiet(house)
    assert house.fetch("SELECT DISTINCT state FROM payouts") == [{"state": "succeeded"}]
    assert house.books().equal, house.books().differences


def test_R14b_a_worker_that_wakes_up_after_losing_its_lease_pays_nothing_twice(house: House) -> None:
    doors = [door for door in doors_of_a_refund(house) if not door.startswith("before:commit")]
    for n, door in enumerate(doors):
        name = f"shop-{n}"
        bought(house, name)
        asked(house, name)
        taken: list[str] = []

        def take_over(passed: str, door: str = door, taken: list[str] = taken) -> None:
            if passed == door and not taken:
                taken.append(passed)
                expire(house)
                pay(house)

        with watching_doors(take_over):
            pay(house)
        assert taken, f"nobody came to {door}"
        mine = [each for each in house.emulator.journal_refunds() if each["customer"] == f"cus_{name}"]
        assert [each["amount"] for each in mine] == [5700], door
    until_quiet(house)
    assert house.books().equal, house.books().differences


def test_R4_an_order_that_cannot_be_carried_out_goes_back_whole(house: House) -> None:
    newcomer(house, "shop", saved=False)
    shown = quoted(house, "shop", MONTHLY)
    assert ordered(house, "shop", shown["quote"], payer=Payer.PAGE)["outcome"] == "waiting"
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET status = 'ended'")
    pay_on_page(house, "shop")
    assert minute(house, minutes=2)[0] == "follow_payments"
    assert refunds(house) == [(5700, "succeeded")]
    assert house.fetch("SELECT kind, total_minor FROM refunds") == [{"kind": "order", "total_minor": 5700}]
    assert house.fetch("SELECT * FROM reversals") == [], "it was never invoiced"


def test_R14c_payouts_of_an_account_in_dispute_wait(house: House) -> None:
    bought(house)
    asked(house)
    (charge,) = house.fetch("SELECT provider_intent FROM charges")
    dispute = house.emulator.open_dispute(charge["provider_intent"])
    house.wait(minutes=16)
    house.execute(house.plan("follow_payments").items[0], "follow_payments")
    assert payout(house)["state"] == "planned"
    assert refunds(house) == []
    minute(house, minutes=2)
    assert payout(house)["state"] == "planned"
    assert house.fetch("SELECT provider_dispute FROM disputes") == [{"provider_dispute": dispute}]
