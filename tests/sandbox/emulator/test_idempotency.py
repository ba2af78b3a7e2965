"""Idempotency keys, as Stripe documents them, hour by hour."""

import threading

import pytest
import requests
import stripe

from tests.sandbox.emulator.desk import Desk
from tests.support.waiting import wait_until

PLAIN = "amount=1000&currency=eur"


def test_a_repeat_is_the_same_answer_byte_for_byte_and_says_so(desk: Desk) -> None:
    key = desk.name()
    first = desk.wire("POST", "/v1/payment_intents", PLAIN, key=key)
    again = desk.wire("POST", "/v1/payment_intents", "currency=eur&amount=1000", key=key)
    assert first.status_code == 200
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"] != again.headers["Request-Id"]
    assert again.headers["Stripe-Version"] == "2026-10-28.endive"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/v1/payment_intents", "amount=1001&currency=eur"),
        ("/v1/payment_intents", "amount=1000&currency=eur&description=x"),
        ("/v1/customers", PLAIN),
    ],
)
def test_other_parameters_or_another_endpoint_are_refused(desk: Desk, path: str, data: str) -> None:
    key = desk.name()
    desk.wire("POST", "/v1/payment_intents", PLAIN, key=key)
    answer = desk.wire("POST", path, data, key=key)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "idempotency_error"
    assert "code" not in answer.json()["error"]


def test_the_client_knows_the_mismatch(desk: Desk) -> None:
    options: stripe.RequestOptions = {"idempotency_key": desk.name()}
    desk.stripe.v1.payment_intents.create({"amount": 1000, "currency": "eur"}, options)
    with pytest.raises(stripe.IdempotencyError):
        desk.stripe.v1.payment_intents.create({"amount": 2000, "currency": "eur"}, options)


def test_a_decline_is_replayed_for_ever_and_tries_once(desk: Desk) -> None:
    payer = desk.payer("insufficient_funds", "ok")
    intent, key = desk.create(payer), desk.name()
    answers = [desk.wire("POST", f"/v1/payment_intents/{intent.id}/confirm", "off_session=true", key=key) for _ in "ab"]
    assert [answer.status_code for answer in answers] == [402, 402]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert desk.confirm(intent.id, method=payer.method).status == "succeeded"


def test_a_refusal_after_the_start_is_kept(desk: Desk) -> None:
    intent = desk.create(desk.payer())
    desk.confirm(intent.id)
    key = desk.name()
    for replayed in (None, "true"):
        answer = desk.wire("POST", f"/v1/payment_intents/{intent.id}/confirm", "off_session=true", key=key)
        assert answer.json()["error"]["code"] == "payment_intent_unexpected_state"
        assert answer.headers.get("Idempotent-Replayed") == replayed


def test_what_never_started_is_not_kept(desk: Desk) -> None:
    key = desk.name()
    invalid = desk.wire("POST", "/v1/payment_intents", "amount=49.99&currency=eur", key=key)
    nobody = desk.wire("POST", "/v1/payment_intents", PLAIN, key=key, Authorization="Bearer nonsense")
    assert (invalid.status_code, nobody.status_code) == (400, 401)
    desk.control("PUT", "limits", {"per_endpoint": 1})
    statuses = [desk.wire("POST", "/v1/payment_intents", PLAIN, key=desk.name()).status_code for _ in range(3)]
    assert desk.wire("POST", "/v1/payment_intents", PLAIN, key=key).status_code == 429
    assert 429 in statuses
    desk.control("PUT", "limits", {})
    answer = desk.wire("POST", "/v1/payment_intents", PLAIN, key=key)
    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer.headers


def test_a_key_in_flight_conflicts_and_the_conflict_is_not_kept(desk: Desk) -> None:
    desk.control("PUT", "latency", {"ms": 1500})
    key = desk.name()
    answers: list[requests.Response] = []

    def send() -> None:
        with requests.Session() as session:
            headers = {"Authorization": "Bearer sk_test_emulator", "Idempotency-Key": key}
            url = f"{desk.url}/v1/payment_intents"
            answers.append(session.post(url, data=PLAIN, headers=headers, timeout=10))

    desk.control("POST", "stats/reset")
    first = threading.Thread(target=send)
    first.start()
    wait_until(lambda: desk.control("GET", "stats")["all"]["requests"] == 1)
    second = desk.wire("POST", "/v1/payment_intents", PLAIN, key=key)
    first.join()
    desk.control("PUT", "latency", {"ms": 0})
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    third = desk.wire("POST", "/v1/payment_intents", PLAIN, key=key)
    assert third.content == answers[0].content


@pytest.mark.parametrize(("hours", "charges"), [(23.9, 1), (24.1, 2)])
def test_a_key_lives_24_hours_and_then_charges_again(desk: Desk, hours: float, charges: int) -> None:
    payer = desk.payer()
    params: stripe.params.PaymentIntentCreateParams = {
        "amount": 4999,
        "currency": "pln",
        "customer": payer.customer,
        "payment_method": payer.method,
        "allowed_payment_method_types": ["card"],
        "confirm": True,
        "off_session": True,
    }
    options: stripe.RequestOptions = {"idempotency_key": desk.name()}
    first = desk.stripe.v1.payment_intents.create(params, options)
    desk.control("PUT", "clock", {"advance_s": hours * 3600})
    second = desk.stripe.v1.payment_intents.create(params, options)
    assert len({first.id, second.id}) == charges
    assert len([c for c in desk.control("GET", "journal")["charges"] if c["customer"] == payer.customer]) == charges


def test_a_key_of_a_get_means_nothing_and_a_long_one_is_refused(desk: Desk) -> None:
    assert "Idempotent-Replayed" not in desk.wire("GET", "/v1/balance", key="x").headers
    assert "Idempotent-Replayed" not in desk.wire("GET", "/v1/balance", key="x").headers
    assert desk.wire("POST", "/v1/payment_intents", PLAIN, key="k" * 256).status_code == 400
