"""What was charged twice goes back once, however often it is asked and whoever dies; our own payment stays."""

from datetime import time, timedelta

import pytest
from sqlalchemy import text

from tests.support.doubles import charge_of, charged_twice, marks, paid_by_hand
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.money_back import bought, override, went_back
from tests.support.stories import Died, customer, dying_at, restart, until_quiet
from worker.charging.comparing import Duplicate
from worker.charging.duplicates import give_back
from worker.charging.provider_audit import business_days, compare_provider
from worker.gateways.stripe import RefundRequest

DAYS = timedelta(days=1)
HOW = {"by": "eva", "reason": "charged twice"}


def found(house: House) -> list[Duplicate]:
    """What a comparison of the last days finds to be charged twice."""
    today = house.clock.today()
    return list(compare_provider(house.runtime, business_days(house.clock, today - 2 * DAYS, today)).duplicates)


def refunded(house: House) -> list[tuple[str, int]]:
    """PaymentIntents that were given back, with the minor units, in order."""
    return [
        (one["payment_intent"], one["amount"])
        for one in house.emulator.journal_refunds()
        if one["status"] == "succeeded"
    ]


def doubled(house: House, name: str = "shop") -> tuple[str, str]:
    """Yesterday's renewal was charged twice; returns the payment of our books and the other one."""
    customer(house, external_id=name)
    house.run("renew")
    both = charged_twice(house, name)
    house.go_to(house.clock.today() + DAYS, at=time(11))
    return both


def test_it_goes_back_once_audited_and_told_and_our_own_payment_stays(house: House) -> None:
    booked, other = doubled(house)
    (back,) = give_back(house.runtime, found(house), **HOW)
    assert back.payout is not None
    assert found(house) == [], "what is planned to go back is not found again"
    house.drain()
    assert refunded(house) == [(other, 5700)]
    assert [one.payout for one in give_back(house.runtime, [back.duplicate], **HOW)] == [None]
    house.drain()
    assert refunded(house) == [(other, 5700)]
    (row,) = house.fetch("SELECT actor, reason, details FROM audit_log WHERE act = 'refund_duplicate'")
    assert (row["actor"], row["reason"]) == ("eva", "charged twice")
    assert (row["details"]["kept"], row["details"]["given_back"]) == (booked, other)
    assert ("refund_made", f"refund:{row['details']['refund']}") in house.mails()
    (standing,) = house.fetch("SELECT state, returned_at FROM charges")
    assert (standing["state"], standing["returned_at"]) == ("succeeded", None)
    assert house.fetch("SELECT 1 AS one FROM reversals") == [], "it was invoiced once"
    hold(house)


def test_each_of_several_goes_back_and_a_full_refund_of_our_own_is_still_possible(house: House) -> None:
    bought(house, "shop")
    charge = charge_of(house, "shop")
    others = [paid_by_hand(house, "shop", marks(house, charge)) for _ in range(2)]
    house.runtime.payments.refund([RefundRequest("a-part-by-hand", others[0], 700, {})])
    house.go_to(house.clock.today() + DAYS, at=time(11))
    give_back(house.runtime, found(house), **HOW)
    house.drain()
    assert sorted(refunded(house)) == sorted([(others[0], 700), (others[0], 5000), (others[1], 5700)])
    override(house)
    house.drain()
    assert went_back(house)[-1] == 5700
    (booked,) = house.fetch("SELECT provider_intent AS name FROM charges")
    assert refunded(house)[-1] == (booked["name"], 5700)
    assert [said.partition(" ")[2] for said in house.books().differences] == ["went back and is not in our books"]


def test_what_the_books_carry_by_now_is_never_given_back(house: House) -> None:
    booked, other = doubled(house)
    duplicates = found(house)
    (charge,) = house.fetch("SELECT id FROM charges")
    with house.engine.begin() as connection:  # somebody set it right by hand, between the look and the deed
        connection.execute(text("UPDATE charges SET provider_intent = :other"), {"other": other})
    assert [one.payout for one in give_back(house.runtime, duplicates, **HOW)] == [None]
    turned = Duplicate(booked, charge["id"], other, "shop", 1, 5700, "EUR")
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE charges SET provider_intent = :booked"), {"booked": booked})
    assert [one.payout for one in give_back(house.runtime, [turned], **HOW)] == [None]
    house.drain()
    assert refunded(house) == []


def test_one_that_was_given_back_by_hand_is_found_no_more(house: House) -> None:
    _, other = doubled(house)
    house.runtime.payments.refund([RefundRequest("all-by-hand", other, 5700, {})])
    assert found(house) == []


@pytest.mark.parametrize("kind", ["drop_after_execution", "drop_before_execution", "error_after_execution"])
def test_an_unknown_answer_is_read_back_before_a_second_try(house: House, kind: str) -> None:
    _, other = doubled(house)
    give_back(house.runtime, found(house), **HOW)
    house.emulator.fault(kind, "refunds.create")
    house.drain()
    (row,) = house.fetch("SELECT state FROM payouts")
    assert row["state"] == "unknown"
    until_quiet(house)
    assert refunded(house) == [(other, 5700)]
    assert house.fetch("SELECT state FROM payouts") == [{"state": "succeeded"}]


@pytest.mark.parametrize(
    "door",
    [
        "before:commit:duplicates.plan",
        "after:commit:duplicates.plan",
        "after:commit:payouts.begin",
        "after:call:stripe.refund",
        "before:commit:payouts.settle",
    ],
)
def test_whoever_dies_midway_begins_again_and_each_goes_back_once(house: House, door: str) -> None:
    others = {doubled(house, "one")[1]}
    customer(house, external_id="two")
    house.run("renew")
    others.add(charged_twice(house, "two")[1])
    house.wait(minutes=40)
    with dying_at(door):
        try:
            give_back(house.runtime, found(house), **HOW)
            house.drain()
        except Died:
            pass
    restart(house)
    give_back(house.runtime, found(house), **HOW)
    until_quiet(house)
    assert sorted(refunded(house)) == sorted((one, 5700) for one in others)
    hold(house)
