"""What becomes of a refund: pending, succeeded, failed, and failed after it succeeded."""

import json

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk
from worker.sandbox.emulated import Emulated


def _paid(desk: Desk, script: tuple[str, ...] = (), *, amount: int = 4999) -> stripe.PaymentIntent:
    payer = desk.payer()
    if script:
        Emulated(desk.url).script_refunds(payer.method, *script)
    return desk.confirm(desk.create(payer, amount=amount).id)


def _refunded(desk: Desk, intent: stripe.PaymentIntent) -> tuple[int, bool]:
    charge = desk.stripe.v1.charges.retrieve(str(intent.latest_charge))
    return charge.amount_refunded, charge.refunded


@pytest.mark.parametrize(
    ("script", "first", "last"),
    [
        ("pending:succeeded:3600", "pending", "succeeded"),
        ("pending:failed:3600", "pending", "failed"),
        ("ok_then_failed:3600", "succeeded", "failed"),
    ],
)
def test_a_refund_turns_on_the_emulators_clock(desk: Desk, script: str, first: str, last: str) -> None:
    intent = _paid(desk, (script,))
    refund = desk.stripe.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == first
    assert refund.to_dict().get("pending_reason") == ("processing" if first == "pending" else None)
    assert _refunded(desk, intent) == (4999, True)
    desk.control("PUT", "clock", {"advance_s": 3590})
    assert desk.stripe.v1.refunds.retrieve(refund.id).status == first
    assert desk.kinds(refund.id) == ["refund.created"]
    desk.control("PUT", "clock", {"advance_s": 20})
    after = desk.stripe.v1.refunds.retrieve(refund.id)
    failed = last == "failed"
    assert after.status == last
    assert after.to_dict().get("failure_reason") == ("expired_or_canceled_card" if failed else None)
    assert desk.kinds(refund.id) == ["refund.created", "refund.updated", *(["refund.failed"] if failed else [])]
    assert _refunded(desk, intent) == ((0, False) if failed else (4999, True))
    (line,) = [each for each in Emulated(desk.url).journal_refunds() if each["refund"] == refund.id]
    assert line["status"] == last
    lines = [json.loads(text) for text in desk.journal_path.read_text(encoding="utf-8").splitlines()]
    assert [each["status"] for each in lines if each.get("refund") == refund.id] == [first, last]


def test_what_failed_may_be_given_back_again_by_the_next_entry(desk: Desk) -> None:
    intent = _paid(desk, ("ok_then_failed:60", "ok"))
    desk.stripe.v1.refunds.create({"payment_intent": intent.id})
    desk.control("PUT", "clock", {"advance_s": 61})
    again = desk.stripe.v1.refunds.create({"payment_intent": intent.id})
    assert (again.status, again.amount) == ("succeeded", 4999)
    assert _refunded(desk, intent) == (4999, True)
    statuses = [r["status"] for r in Emulated(desk.url).journal_refunds() if r["payment_intent"] == intent.id]
    assert statuses == ["failed", "succeeded"]


def test_a_failed_part_leaves_the_other_parts_alone(desk: Desk) -> None:
    intent = _paid(desk, ("ok", "pending:failed:60"))
    for amount in (1000, 2000):
        desk.stripe.v1.refunds.create({"payment_intent": intent.id, "amount": amount})
    assert _refunded(desk, intent) == (3000, False)
    desk.control("PUT", "clock", {"advance_s": 61})
    assert _refunded(desk, intent) == (1000, False)


def test_the_journals_sums_keep_charges_and_refunds_apart(desk: Desk) -> None:
    before = desk.control("GET", "journal")
    intent = _paid(desk, ("ok", "pending:failed:60"), amount=1700)
    for amount in (500, 300):
        desk.stripe.v1.refunds.create({"payment_intent": intent.id, "amount": amount})
    after = desk.control("GET", "journal")
    assert after["count"] == before["count"] + 1
    assert after["refund_count"] == before["refund_count"] + 2 == len(after["refunds"])

    def grown(name: str, status: str) -> int:
        old = before["refund_totals"].get(status, {}).get("pln", {}).get(name, 0)
        new: int = after["refund_totals"][status]["pln"][name] - old
        return new

    assert (grown("amount", "succeeded"), grown("count", "succeeded")) == (500, 1)
    assert (grown("amount", "pending"), grown("count", "pending")) == (300, 1)
    old = before["totals"].get("pln", {"amount": 0})["amount"]
    assert after["totals"]["pln"]["amount"] - old == 1700
    assert desk.control("GET", "journal?since=2099-01-01")["refunds"] == []
    desk.control("PUT", "clock", {"advance_s": 61})
    totals = desk.control("GET", "journal")["refund_totals"]
    assert (
        totals["failed"]["pln"]["amount"]
        - before["refund_totals"].get("failed", {}).get("pln", {"amount": 0})["amount"]
        == 300
    )


@pytest.mark.parametrize("script", [[], ["no_such_word"], ["pending:succeeded"], ["ok_then_failed:soon"], "ok", [1]])
def test_a_refund_script_with_a_typo_is_refused(desk: Desk, script: object) -> None:
    payer = desk.payer()
    assert desk.raw_control("PUT", f"refund_scripts/{payer.method}", {"script": script}).status_code == 400
    seeded = {"id": payer.method, "customer": payer.customer, "refund_script": script}
    assert desk.raw_control("POST", "seed", {"payment_methods": [seeded]}).status_code == 400


def test_a_seed_scripts_refunds(desk: Desk) -> None:
    payer = desk.payer()
    seeded = {"id": payer.method, "customer": payer.customer, "refund_script": ["pending:succeeded:5"]}
    desk.control("POST", "seed", {"payment_methods": [seeded]})
    intent = desk.confirm(desk.create(payer).id)
    assert desk.stripe.v1.refunds.create({"payment_intent": intent.id}).status == "pending"


@pytest.mark.parametrize(
    ("test_id", "first", "last"),
    [("pm_card_pendingRefund", "pending", "succeeded"), ("pm_card_refundFail", "succeeded", "failed")],
)
def test_stripes_test_cards_for_refunds(desk: Desk, test_id: str, first: str, last: str) -> None:
    intent = desk.stripe.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "allowed_payment_method_types": ["card"],
            "payment_method": test_id,
            "confirm": True,
        }
    )
    refund = desk.stripe.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == first
    desk.control("PUT", "clock", {"advance_s": 61})
    assert desk.stripe.v1.refunds.retrieve(refund.id).status == last
