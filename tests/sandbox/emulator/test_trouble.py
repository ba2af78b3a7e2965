"""Lost and late answers, rate limits, latency, and the counts of what arrived."""

import time

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk
from worker.sandbox.emulator.limits import Count


@pytest.mark.parametrize("select", ["metadata", "customer"])
def test_an_answer_dropped_after_the_charge_is_replayed(desk: Desk, select: str) -> None:
    payer = desk.payer()
    intent = desk.create(payer, attempt_id="lost")
    fault: dict[str, object] = {"kind": "drop_after_execution", "endpoint": "payment_intents.confirm"}
    fault[select] = {"attempt_id": "lost"} if select == "metadata" else payer.customer
    desk.control("POST", "faults", fault)
    other = desk.create(desk.payer())
    assert desk.confirm(other.id).status == "succeeded"
    key = desk.name()
    with pytest.raises(stripe.APIConnectionError):
        desk.confirm(intent.id, key=key)
    assert len(desk.charges(intent.id)) == 1
    assert desk.confirm(intent.id, key=key).status == "succeeded"
    assert len(desk.charges(intent.id)) == 1
    assert desk.control("GET", "faults")["faults"][0]["struck"] == 1


def test_the_clients_own_retry_repeats_the_key(desk: Desk) -> None:
    intent = desk.create(desk.payer())
    desk.control("POST", "faults", {"kind": "drop_after_execution", "endpoint": "payment_intents.confirm"})
    client = desk.client(timeout_s=5, retries=1)
    paid = client.v1.payment_intents.confirm(intent.id, {"off_session": True}, {"idempotency_key": desk.name()})
    assert paid.status == "succeeded"
    assert len(desk.charges(intent.id)) == 1


def test_an_answer_held_back_beyond_the_timeout_is_replayed(desk: Desk) -> None:
    intent = desk.create(desk.payer())
    desk.control("POST", "faults", {"kind": "stall", "endpoint": "payment_intents.confirm", "seconds": 30})
    key, started = desk.name(), time.monotonic()
    hasty = desk.client(timeout_s=0.3)
    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.payment_intents.confirm(intent.id, {"off_session": True}, {"idempotency_key": key})
    assert time.monotonic() - started < 5
    assert len(desk.charges(intent.id)) == 1
    assert desk.confirm(intent.id, key=key).status == "succeeded"
    assert len(desk.charges(intent.id)) == 1


def test_a_fault_strikes_the_nth_request_so_many_times(desk: Desk) -> None:
    desk.control(
        "POST",
        "faults",
        {"kind": "drop_after_execution", "endpoint": "balance.retrieve", "nth": 2, "times": 2},
    )
    seen = []
    for _ in range(4):
        try:
            desk.stripe.v1.balance.retrieve()
            seen.append("ok")
        except stripe.APIConnectionError:
            seen.append("lost")
    assert seen == ["ok", "lost", "lost", "ok"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "earthquake"},
        {"kind": "stall", "endpoint": "no.such"},
        {"kind": "stall", "nth": 0},
        {"kind": "stall", "when": "now"},
    ],
)
def test_a_senseless_fault_is_refused(desk: Desk, fault: dict[str, object]) -> None:
    assert desk.raw_control("POST", "faults", fault).status_code == 400
    assert desk.control("GET", "faults")["faults"] == []


def test_each_endpoint_has_its_own_bucket(desk: Desk) -> None:
    desk.control("PUT", "limits", {"per_endpoint": 3})
    desk.control("POST", "stats/reset")
    answers = [desk.wire("GET", "/v1/balance") for _ in range(6)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert 2 <= len(limited) <= 3
    assert limited[0].headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert limited[0].json()["error"]["code"] == "rate_limit"
    assert desk.wire("GET", "/v1/events").status_code == 200
    desk.control("PUT", "limits", {"per_endpoint": 1})
    desk.stripe.v1.balance.retrieve()
    with pytest.raises(stripe.RateLimitError):
        desk.stripe.v1.balance.retrieve()
    stats = desk.control("GET", "stats")
    assert stats["endpoints"]["balance.retrieve"]["requests"] == stats["all"]["requests"] - 1
    assert stats["endpoints"]["balance.retrieve"]["limited"] == stats["all"]["limited"] > len(limited)


def test_the_overall_limit_names_itself_and_both_come_back(desk: Desk) -> None:
    desk.control("PUT", "limits", {"global": 2})
    answers = [desk.wire("GET", path) for path in ("/v1/balance", "/v1/events", "/v1/balance", "/v1/events")]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    time.sleep(0.6)
    assert desk.wire("GET", "/v1/events").status_code == 200
    assert desk.raw_control("PUT", "limits", {"global": 0}).status_code == 400


def test_the_busiest_second_is_any_second() -> None:
    count = Count()
    for at in (0.0, 0.6, 0.7, 0.9, 1.1, 1.5, 1.59, 1.6, 5.0):
        count.arrive(at)
    assert count.busiest == 6  # from 0.6 up to 1.6, which lies a whole second later and is out
    assert count.requests == 9


def test_the_busiest_second_over_the_wire(desk: Desk) -> None:
    for _ in range(20):  # a busy machine may need more than a second for five calls
        desk.control("POST", "stats/reset")
        started = time.monotonic()
        for _ in range(5):
            desk.wire("GET", "/v1/balance")
        if time.monotonic() - started < 1:
            break
    else:
        raise AssertionError("never five calls in a second")
    assert desk.control("GET", "stats")["endpoints"]["balance.retrieve"]["busiest_second"] == 5


def test_latency_is_added_before_the_answer(desk: Desk) -> None:
    desk.control("PUT", "latency", {"ms": 120})
    started = time.monotonic()
    desk.wire("GET", "/v1/balance")
    assert time.monotonic() - started >= 0.12
