"""Disputes: opened on demand, told in events, in the way of refunds, closed as won or lost."""

import json
from typing import Any

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk
from worker.sandbox.emulated import Emulated
from worker.sandbox.emulator.dispute import REASONS

OPENED = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
CLOSED = ["charge.dispute.updated", "charge.dispute.closed"]


def _paid(desk: Desk, *, kind: str = "card") -> stripe.PaymentIntent:
    return desk.confirm(desk.create(desk.payer(kind=kind)).id)


def _journal(desk: Desk, intent: str) -> list[dict[str, Any]]:
    return [line for line in Emulated(desk.url).journal_disputes() if line["payment_intent"] == intent]


def _balance(desk: Desk) -> int:
    available = desk.stripe.v1.balance.retrieve().available
    return sum(line.amount for line in available if line.currency == "pln")


@pytest.mark.parametrize(("status", "more"), [("won", ["charge.dispute.funds_reinstated"]), ("lost", [])])
def test_a_dispute_takes_the_money_until_it_is_decided(desk: Desk, status: str, more: list[str]) -> None:
    intent = _paid(desk)
    emulated, before = Emulated(desk.url), _balance(desk)
    name = emulated.open_dispute(intent.id, reason="subscription_canceled")
    dispute = desk.stripe.v1.disputes.retrieve(name)
    assert name.startswith("du_")
    assert (dispute.amount, dispute.currency, dispute.status) == (4999, "pln", "needs_response")
    assert (dispute.charge, dispute.payment_intent) == (intent.latest_charge, intent.id)
    assert (dispute.reason, dispute.is_charge_refundable) == ("subscription_canceled", False)
    assert desk.stripe.v1.charges.retrieve(str(intent.latest_charge)).disputed
    assert desk.kinds(name) == OPENED
    assert _balance(desk) == before - 4999
    emulated.close_dispute(name, status)
    assert desk.stripe.v1.disputes.retrieve(name).status == status
    assert desk.kinds(name) == [*OPENED, *CLOSED, *more]
    assert _balance(desk) == (before if status == "won" else before - 4999)
    (line,) = _journal(desk, intent.id)
    assert (line["kind"], line["dispute"], line["status"], line["amount"]) == ("dispute", name, status, 4999)
    lines = [json.loads(line) for line in desk.journal_path.read_text(encoding="utf-8").splitlines()]
    assert [line["status"] for line in lines if line.get("dispute") == name] == ["needs_response", status]
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_an_event_keeps_the_dispute_as_it_was(desk: Desk) -> None:
    emulated = Emulated(desk.url)
    name = emulated.open_dispute(_paid(desk).id)
    emulated.close_dispute(name, "lost")
    found = desk.stripe.v1.events.list({"types": ["charge.dispute.created", "charge.dispute.closed"]}).data
    own = [event.data.object for event in found if event.data.object["id"] == name]
    assert [one["status"] for one in own] == ["lost", "needs_response"]
    assert [one["reason"] for one in own] == ["fraudulent"] * 2


def test_a_disputed_charge_is_refunded_only_when_the_dispute_is_won(desk: Desk) -> None:
    intent, lost = _paid(desk), _paid(desk)
    emulated = Emulated(desk.url)
    name, other = emulated.open_dispute(intent.id), emulated.open_dispute(lost.id)
    for wanted in (intent, lost):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            desk.stripe.v1.refunds.create({"payment_intent": wanted.id})
        assert (raised.value.http_status, raised.value.code) == (400, "charge_disputed")
    emulated.close_dispute(name, "won")
    emulated.close_dispute(other, "lost")
    assert desk.stripe.v1.refunds.create({"payment_intent": intent.id}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as raised:
        desk.stripe.v1.refunds.create({"payment_intent": lost.id})
    assert raised.value.code == "charge_disputed"


def test_only_what_refunds_have_left_is_disputed(desk: Desk) -> None:
    intent = _paid(desk)
    desk.stripe.v1.refunds.create({"payment_intent": intent.id, "amount": 1999})
    emulated = Emulated(desk.url)
    name = emulated.open_dispute(intent.id)
    assert desk.stripe.v1.disputes.retrieve(name).amount == 3000
    emulated.close_dispute(name, "won")
    desk.stripe.v1.refunds.create({"payment_intent": intent.id})
    again = desk.raw_control("POST", "disputes", {"payment_intent": intent.id})
    assert again.status_code == 400
    assert "nothing is left" in again.text


def test_a_paypal_payment_has_disputes_too(desk: Desk) -> None:
    name = Emulated(desk.url).open_dispute(_paid(desk, kind="paypal").id)
    details = desk.stripe.v1.disputes.retrieve(name, {"expand": ["charge.payment_intent"]})
    assert details.payment_method_details is not None
    assert details.payment_method_details.type == "paypal"
    charge: Any = details.charge
    assert (charge.disputed, charge.payment_intent.status) == (True, "succeeded")


@pytest.mark.parametrize("state", ["unconfirmed", "declined", "processing"])
def test_what_was_not_paid_is_not_disputed(desk: Desk, state: str) -> None:
    scripts = {"declined": "generic_decline", "processing": "processing:succeeded:9999"}
    intent = desk.create(desk.payer(scripts.get(state, "ok")))
    if state == "declined":
        desk.declined(intent.id)
    if state == "processing":
        desk.confirm(intent.id)
    assert desk.raw_control("POST", "disputes", {"payment_intent": intent.id}).status_code == 400
    assert _journal(desk, intent.id) == []


def test_a_senseless_dispute_is_refused(desk: Desk) -> None:
    intent = _paid(desk)
    for given in ({}, {"payment_intent": intent.id, "reason": "spite"}, {"payment_intent": intent.id, "x": 1}):
        assert desk.raw_control("POST", "disputes", given).status_code == 400, given
    assert desk.raw_control("POST", "disputes", {"payment_intent": "pi_nothing"}).status_code == 404
    name = Emulated(desk.url).open_dispute(intent.id)
    assert desk.raw_control("POST", "disputes", {"payment_intent": intent.id}).status_code == 400, "one at a time"
    for status in ("maybe", None):
        assert desk.raw_control("POST", f"disputes/{name}/close", {"status": status}).status_code == 400
    assert desk.raw_control("POST", "disputes/du_nothing/close", {"status": "won"}).status_code == 404
    Emulated(desk.url).close_dispute(name, "lost")
    assert desk.raw_control("POST", f"disputes/{name}/close", {"status": "won"}).status_code == 400, "for good"
    (line,) = _journal(desk, intent.id)
    assert line["status"] == "lost"


def test_every_reason_of_stripes_is_taken(desk: Desk) -> None:
    emulated = Emulated(desk.url)
    found = [desk.stripe.v1.disputes.retrieve(emulated.open_dispute(_paid(desk).id, reason=one)) for one in REASONS]
    assert [dispute.reason for dispute in found] == list(REASONS)


def test_a_list_is_newest_first_by_intent_charge_and_time_with_cursors(desk: Desk) -> None:
    emulated, disputes = Emulated(desk.url), desk.stripe.v1.disputes
    intents = [_paid(desk) for _ in range(3)]
    made = [emulated.open_dispute(intent.id) for intent in intents]
    assert [each.id for each in disputes.list({"limit": 3}).data] == made[::-1]
    assert [each.id for each in disputes.list({"payment_intent": intents[0].id}).data] == made[:1]
    assert [each.id for each in disputes.list({"charge": str(intents[1].latest_charge)}).data] == made[1:2]
    assert [each.id for each in disputes.list({"limit": 1, "starting_after": made[2]}).data] == [made[1]]
    assert [each.id for each in disputes.list({"limit": 1, "ending_before": made[0]}).data] == [made[1]]
    since = disputes.retrieve(made[0]).created
    assert made[0] in [each.id for each in disputes.list({"created": {"gte": since}, "limit": 100}).data]
    assert made[0] not in [each.id for each in disputes.list({"created": {"lt": since}, "limit": 100}).data]
    both = f"charge={intents[0].latest_charge}&payment_intent={intents[1].id}"
    assert desk.wire("GET", f"/v1/disputes?{both}").json()["data"] == []
    for wrong in ("charge=ch_nothing", "payment_intent=pi_nothing", "starting_after=du_nothing"):
        assert desk.wire("GET", f"/v1/disputes?{wrong}").json()["error"]["code"] == "resource_missing"
    assert desk.wire("GET", "/v1/disputes?reason=fraudulent").json()["error"]["code"] == "parameter_unknown"
    assert desk.wire("GET", "/v1/disputes/du_nothing").status_code == 404
