"""Refunds: what may be given back, how often, what it says afterwards, and lost or late answers."""

from typing import Any

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk, Payer
from worker.sandbox.emulated import Emulated

DAY_S = 86_400


def _paid(desk: Desk, payer: Payer | None = None, *, attempt_id: str = "a1") -> stripe.PaymentIntent:
    return desk.confirm(desk.create(payer or desk.payer(), attempt_id=attempt_id).id)


def _refund(desk: Desk, intent: str, **given: Any) -> stripe.Refund:
    params: Any = {"payment_intent": intent, **given}
    return desk.stripe.v1.refunds.create(params, {"idempotency_key": desk.name()})


def _charge(desk: Desk, intent: stripe.PaymentIntent) -> stripe.Charge:
    return desk.stripe.v1.charges.retrieve(str(intent.latest_charge))


def _journal(desk: Desk, intent: str) -> list[dict[str, Any]]:
    return [line for line in Emulated(desk.url).journal_refunds() if line["payment_intent"] == intent]


def test_a_full_refund_gives_everything_back_once(desk: Desk) -> None:
    intent = _paid(desk)
    key = desk.name()
    given: stripe.params.RefundCreateParams = {
        "payment_intent": intent.id,
        "reason": "requested_by_customer",
        "metadata": {"refund_id": "r1"},
    }
    refund = desk.stripe.v1.refunds.create(given, {"idempotency_key": key})
    assert (refund.status, refund.amount, refund.currency) == ("succeeded", 4999, "pln")
    assert (refund.charge, refund.payment_intent) == (intent.latest_charge, intent.id)
    assert refund.reason == "requested_by_customer"
    assert refund.to_dict()["metadata"] == {"refund_id": "r1"}
    assert desk.stripe.v1.refunds.create(given, {"idempotency_key": key}).id == refund.id
    assert desk.stripe.v1.refunds.retrieve(refund.id) == refund
    charge = _charge(desk, intent)
    assert (charge.amount_refunded, charge.refunded, charge.status) == (4999, True, "succeeded")
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as raised:
        _refund(desk, intent.id)
    assert (raised.value.http_status, raised.value.code) == (400, "charge_already_refunded")
    assert len(desk.charges(intent.id)) == 1
    (line,) = _journal(desk, intent.id)
    assert (line["kind"], line["refund"], line["status"], line["amount"]) == ("refund", refund.id, "succeeded", 4999)
    assert (line["idempotency_key"], line["metadata"]) == (key, {"refund_id": "r1"})
    assert desk.kinds(refund.id) == ["refund.created"]
    assert desk.kinds(charge.id) == ["charge.succeeded", "charge.refunded"]


def test_parts_are_given_back_until_nothing_is_left(desk: Desk) -> None:
    intent = _paid(desk)
    charge = str(intent.latest_charge)
    by_charge = desk.stripe.v1.refunds.create({"charge": charge, "amount": 1999})
    assert by_charge.amount == 1999
    after = _charge(desk, intent)
    assert (after.amount_refunded, after.refunded) == (1999, False)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        _refund(desk, intent.id, amount=3001)
    assert (raised.value.http_status, raised.value.param) == (400, "amount")
    assert _refund(desk, intent.id, amount=1000).amount == 1000
    assert _refund(desk, intent.id).amount == 2000
    after = _charge(desk, intent)
    assert (after.amount_refunded, after.refunded) == (4999, True)
    assert [line["amount"] for line in _journal(desk, intent.id)] == [1999, 1000, 2000]
    assert desk.kinds(charge).count("charge.refunded") == 3


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ("amount=100", None, "charge"),
        ("payment_intent={pi}&charge={ch}", None, "charge"),
        ("payment_intent=pi_nothing", "resource_missing", "payment_intent"),
        ("charge=ch_nothing", "resource_missing", "charge"),
        ("payment_intent={pi}&amount=0", "parameter_invalid_integer", "amount"),
        ("payment_intent={pi}&amount=-1", "parameter_invalid_integer", "amount"),
        ("payment_intent={pi}&amount=1.5", "parameter_invalid_integer", "amount"),
        ("payment_intent={pi}&amount=5000", None, "amount"),
        ("payment_intent={pi}&reason=changed_my_mind", None, "reason"),
        ("payment_intent={pi}&reverse_transfer=true", "emulator_unsupported", "reverse_transfer"),
        ("payment_intent={pi}&origin=customer_balance", "emulator_unsupported", "origin"),
        ("payment_intent={pi}&description=x", "parameter_unknown", "description"),
        ("payment_intent={pi}&expand[]=invoice", None, "expand"),
    ],
)
def test_a_wrong_refund_is_refused_and_gives_nothing_back(desk: Desk, given: str, code: str | None, param: str) -> None:
    intent = _paid(desk)
    answer = desk.wire("POST", "/v1/refunds", given.format(pi=intent.id, ch=intent.latest_charge))
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)
    assert _journal(desk, intent.id) == []


def test_it_takes_every_parameter_that_the_client_knows(desk: Desk) -> None:
    intent = _paid(desk)
    options = stripe.RequestOptions.__annotations__.keys() | {"charge", "payment_intent"}
    known = stripe.params.RefundCreateParams.__annotations__.keys() - options
    assert "reverse_transfer" in known
    for name in known:
        answer = desk.wire("POST", "/v1/refunds", f"payment_intent={intent.id}&{name}=x")
        assert answer.json().get("error", {}).get("code") != "parameter_unknown", name


@pytest.mark.parametrize("state", ["unconfirmed", "declined", "processing"])
def test_what_was_not_paid_is_not_given_back(desk: Desk, state: str) -> None:
    scripts = {"declined": "generic_decline", "processing": "processing:succeeded:9999"}
    intent = desk.create(desk.payer(scripts.get(state, "ok")))
    if state == "declined":
        desk.declined(intent.id)
    if state == "processing":
        desk.confirm(intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="no successful charge"):
        _refund(desk, intent.id)
    assert _journal(desk, intent.id) == []


def test_paypal_takes_refunds_for_180_days_and_cards_longer(desk: Desk) -> None:
    account, card = desk.payer(kind="paypal"), desk.payer()
    early, late, by_card = _paid(desk, account), _paid(desk, account), _paid(desk, card)
    desk.control("PUT", "clock", {"advance_s": 180 * DAY_S - 60})
    assert _refund(desk, early.id).status == "succeeded"
    desk.control("PUT", "clock", {"advance_s": 120})
    with pytest.raises(stripe.InvalidRequestError) as raised:
        _refund(desk, late.id)
    assert raised.value.code == "charge_not_refundable"
    assert _journal(desk, late.id) == []
    assert _refund(desk, by_card.id).status == "succeeded"


def test_a_list_is_newest_first_by_intent_charge_and_time_with_cursors(desk: Desk) -> None:
    intent = _paid(desk)
    refunds = desk.stripe.v1.refunds
    made = [_refund(desk, intent.id, amount=100).id for _ in range(3)]
    other = _refund(desk, _paid(desk).id)
    assert [each.id for each in refunds.list({"payment_intent": intent.id}).data] == made[::-1]
    assert [each.id for each in refunds.list({"charge": str(intent.latest_charge)}).data] == made[::-1]
    assert [each.id for each in refunds.list({"limit": 4}).data] == [other.id, *made[::-1]]
    first = refunds.list({"payment_intent": intent.id, "limit": 2})
    assert ([each.id for each in first.data], first.has_more) == ([made[2], made[1]], True)
    rest = refunds.list({"payment_intent": intent.id, "limit": 2, "starting_after": made[1]})
    assert ([each.id for each in rest.data], rest.has_more) == ([made[0]], False)
    newer = refunds.list({"payment_intent": intent.id, "ending_before": made[0], "limit": 1})
    assert [each.id for each in newer.data] == [made[1]]
    assert refunds.list({"payment_intent": intent.id, "created": {"lt": other.created - DAY_S}}).data == []
    both = f"charge={other.charge}&payment_intent={intent.id}"
    assert desk.wire("GET", f"/v1/refunds?{both}").json()["data"] == []
    for wrong in ("charge=ch_nothing", "payment_intent=pi_nothing", "starting_after=re_nothing"):
        assert desk.wire("GET", f"/v1/refunds?{wrong}").json()["error"]["code"] == "resource_missing"
    assert desk.wire("GET", "/v1/refunds?metadata[a]=b").json()["error"]["code"] == "parameter_unknown"
    assert desk.wire("GET", "/v1/refunds/re_nothing").status_code == 404


def test_references_of_a_refund_expand(desk: Desk) -> None:
    payer = desk.payer()
    refund = _refund(desk, _paid(desk, payer).id, expand=["charge.payment_intent", "payment_method"])
    charge: Any = refund.charge
    method: Any = refund.payment_method
    assert (charge.refunded, charge.payment_intent.status, method.id) == (True, "succeeded", payer.method)


@pytest.mark.parametrize("kind", ["drop_after_execution", "stall"])
@pytest.mark.parametrize("select", ["own", "intent", "customer"])
def test_a_refund_whose_answer_is_lost_or_late_is_replayed(desk: Desk, kind: str, select: str) -> None:
    payer = desk.payer()
    attempt_id = desk.name()
    intent = _paid(desk, payer, attempt_id=attempt_id)
    other = _paid(desk, attempt_id=desk.name())
    own = {"refund_id": desk.name()}
    selected: dict[str, dict[str, Any]] = {
        "own": {"metadata": own},
        "intent": {"metadata": {"attempt_id": attempt_id}},
        "customer": {"customer": payer.customer},
    }
    fault: dict[str, Any] = {"kind": kind, "endpoint": "refunds.create", "seconds": 30, **selected[select]}
    desk.control("POST", "faults", fault)
    assert _refund(desk, other.id).status == "succeeded"
    key, client = desk.name(), desk.client(timeout_s=0.3)
    given: stripe.params.RefundCreateParams = {"payment_intent": intent.id, "metadata": own}
    with pytest.raises(stripe.APIConnectionError):
        client.v1.refunds.create(given, {"idempotency_key": key})
    (line,) = _journal(desk, intent.id)
    assert desk.stripe.v1.refunds.create(given, {"idempotency_key": key}).id == line["refund"]
    assert len(_journal(desk, intent.id)) == 1
