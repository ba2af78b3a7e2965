"""The PaymentIntent: its states, its one success, and the rules it checks."""

import json
from typing import Any

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk


def test_create_then_confirm_pays_once(desk: Desk) -> None:
    payer = desk.payer()
    intent = desk.create(payer, attempt_id="a1")
    assert intent.status == "requires_confirmation"
    assert intent.amount_received == 0
    assert intent.client_secret is not None
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    key = desk.name()
    paid = desk.stripe.v1.payment_intents.confirm(
        intent.id, {"off_session": True, "expand": ["latest_charge.customer"]}, {"idempotency_key": key}
    )
    assert (paid.status, paid.amount_received) == ("succeeded", 4999)
    charge: Any = paid.latest_charge
    assert (charge.status, charge.paid, charge.customer.id) == ("succeeded", True, payer.customer)
    assert desk.stripe.v1.charges.retrieve(charge.id).payment_intent == intent.id
    (line,) = desk.charges(intent.id)
    assert line["metadata"] == {"attempt_id": "a1"}
    assert (line["idempotency_key"], line["amount"], line["currency"]) == (key, 4999, "pln")
    assert (line["customer"], line["payment_method"]) == (payer.customer, payer.method)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        desk.confirm(intent.id)
    assert raised.value.code == "payment_intent_unexpected_state"
    assert len(desk.charges(intent.id)) == 1
    with pytest.raises(stripe.InvalidRequestError):
        desk.stripe.v1.payment_intents.cancel(intent.id)
    assert desk.kinds(intent.id) == ["payment_intent.created", "payment_intent.succeeded"]


def test_the_journal_file_and_totals_agree_with_the_journal(desk: Desk) -> None:
    desk.confirm(desk.create(desk.payer(), currency="czk", amount=1500).id)
    journal = desk.control("GET", "journal")
    lines = desk.journal_path.read_text(encoding="utf-8").splitlines()
    charged = [line for line in map(json.loads, lines) if "kind" not in line]
    assert charged == journal["charges"]
    assert len(charged) == journal["count"]
    summed = sum(line["amount"] for line in journal["charges"] if line["currency"] == "czk")
    assert journal["totals"]["czk"]["amount"] == summed >= 1500
    assert desk.control("GET", "journal?since=2099-01-01")["count"] == 0
    assert desk.control("GET", "journal?until=2001-01-01")["count"] == 0
    available = {line.currency: line.amount for line in desk.stripe.v1.balance.retrieve().available}
    given_back = sum(r["amount"] for r in journal["refunds"] if r["currency"] == "czk" and r["status"] != "failed")
    assert available["czk"] == summed - given_back


def test_a_failed_try_leaves_the_intent_open_and_wants_the_method_named_again(desk: Desk) -> None:
    payer = desk.payer("generic_decline", "ok")
    intent = desk.create(payer)
    desk.declined(intent.id)
    failed = desk.stripe.v1.payment_intents.retrieve(intent.id)
    assert (failed.status, failed.payment_method) == ("requires_payment_method", None)
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.decline_code == "generic_decline"
    with pytest.raises(stripe.InvalidRequestError) as raised:
        desk.confirm(intent.id)
    assert raised.value.code == "payment_intent_unexpected_state"
    paid = desk.confirm(intent.id, method=payer.method)
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_a_cancelled_intent_stays_cancelled(desk: Desk) -> None:
    intent = desk.create(desk.payer())
    gone = desk.stripe.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError) as raised:
        desk.confirm(intent.id)
    assert raised.value.code == "payment_intent_unexpected_state"
    assert desk.charges(intent.id) == []
    assert desk.kinds(intent.id)[-1] == "payment_intent.canceled"


@pytest.mark.parametrize(
    ("ending", "status"),
    [("succeeded", "succeeded"), ("failed:insufficient_funds", "requires_payment_method")],
)
def test_a_pending_payment_ends_on_the_emulators_clock(desk: Desk, ending: str, status: str) -> None:
    payer = desk.payer(f"processing:{ending}:3600")
    intent = desk.create(payer)
    assert desk.confirm(intent.id).status == "processing"
    assert desk.charges(intent.id) == []
    with pytest.raises(stripe.InvalidRequestError):
        desk.stripe.v1.payment_intents.cancel(intent.id)
    desk.control("PUT", "clock", {"advance_s": 3590})
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).status == "processing"
    desk.control("PUT", "clock", {"advance_s": 20})
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).status == status
    assert len(desk.charges(intent.id)) == (status == "succeeded")
    last = "payment_intent.succeeded" if status == "succeeded" else "payment_intent.payment_failed"
    assert desk.kinds(intent.id)[-2:] == ["payment_intent.processing", last]


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ("currency=eur", "parameter_missing", "amount"),
        ("amount=49.99&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=-5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=49&currency=eur", "amount_too_small", "amount"),
        ("amount=199&currency=pln", "amount_too_small", "amount"),
        ("amount=1499&currency=czk", "amount_too_small", "amount"),
        ("amount=49&currency=usd", "amount_too_small", "amount"),
        ("amount=100000000&currency=eur", "amount_too_large", "amount"),
        ("amount=1000&currency=EUR", None, "currency"),
        ("amount=1000&currency=xxx", None, "currency"),
        ("amount=1000&currency=", "parameter_invalid_empty", "currency"),
        ("amount=1000&currency=eur&colour=red", "parameter_unknown", "colour"),
        (
            "amount=1000&currency=eur&payment_method_types[0]=card",
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ("amount=1000&currency=eur&transfer_group=x", "emulator_unsupported", "transfer_group"),
        ("amount=1000&currency=eur&off_session=true", None, "off_session"),
        ("amount=1000&currency=eur&customer=cus_nobody", "resource_missing", "customer"),
        ("amount=1000&currency=eur&payment_method=pm_nobody", "resource_missing", "payment_method"),
        ("amount=1000&currency=eur&confirm=maybe", None, "confirm"),
        ("amount=1000&currency=eur&statement_descriptor_suffix=*", None, "statement_descriptor_suffix"),
        (
            "amount=1000&currency=eur&statement_descriptor=Shop&payment_method=pm_card_visa",
            None,
            "statement_descriptor",
        ),
        ("amount=1000&currency=eur&expand[]=invoice", None, "expand"),
        ("amount=1000&amount[x]=1&currency=eur", None, "amount"),
        ("amount=1000&currency=eur&metadata[a][b]=c", None, "metadata[a]"),
    ],
)
def test_a_wrong_create_is_refused(desk: Desk, data: str, code: str | None, param: str) -> None:
    answer = desk.wire("POST", "/v1/payment_intents", data)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)


def test_the_smallest_amounts_are_taken(desk: Desk) -> None:
    for currency, amount in (("pln", 200), ("eur", 50), ("usd", 50), ("czk", 1500)):
        assert desk.create(desk.payer(), amount=amount, currency=currency).amount == amount


def test_a_confirm_takes_only_what_stripe_takes(desk: Desk) -> None:
    intent = desk.create(desk.payer())
    for data, code in (("amount=5", "parameter_unknown"), ("description=x", "parameter_unknown")):
        answer = desk.wire("POST", f"/v1/payment_intents/{intent.id}/confirm", data)
        assert answer.json()["error"]["code"] == code
    assert desk.confirm(intent.id).status == "succeeded"


def test_another_customers_method_pays_nothing(desk: Desk) -> None:
    mine, theirs = desk.payer(), desk.payer()
    intent = desk.create(mine)
    with pytest.raises(stripe.InvalidRequestError, match="belongs to another Customer"):
        desk.confirm(intent.id, method=theirs.method)
    assert desk.confirm(intent.id).status == "succeeded"


def test_an_intent_open_to_every_method_needs_a_return_url(desk: Desk) -> None:
    intent = desk.stripe.v1.payment_intents.create(
        {"amount": 1000, "currency": "eur", "payment_method": "pm_card_visa"}
    )
    with pytest.raises(stripe.InvalidRequestError) as raised:
        desk.confirm(intent.id)
    assert raised.value.param == "return_url"
    paid = desk.stripe.v1.payment_intents.confirm(intent.id, {"return_url": "https://shop.example/back"})
    assert paid.status == "succeeded"


def test_nobody_is_let_in_without_a_key(desk: Desk) -> None:
    for headers, status in (
        ({"Authorization": "Bearer pk_test_x"}, 401),
        ({"Authorization": "Basic c2tfdGVzdF9lbXVsYXRvcjo="}, 200),
        ({"Stripe-Version": "2020-01-01"}, 400),
        ({"Stripe-Version": "2026-10-28.endive"}, 200),
    ):
        assert desk.wire("GET", "/v1/balance", **headers).status_code == status
    lost = desk.wire("GET", "/v1/payment_intents/pi_nothing")
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "resource_missing")
    assert desk.wire("POST", "/v1/disputes", "amount=1").status_code == 404
