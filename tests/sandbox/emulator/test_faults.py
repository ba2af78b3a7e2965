"""Every kind of fault over the wire: what the client sees, what was executed, and what the key remembers."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlparse

import pytest
import stripe

from tests.sandbox.emulator.desk import KEY, Desk
from worker.sandbox.emulator.faults import BEFORE, BROKEN_BEFORE, INSTEAD, KINDS, ON_WIRE, REASONS

CONFIRM = "payment_intents.confirm"


def struck(desk: Desk, kind: str, **how: object) -> tuple[str, str, Exception | None]:
    """A confirmation that meets a fault: the PaymentIntent, the key, and what the client raised."""
    intent = desk.create(desk.payer()).id
    desk.control("POST", "faults", {"kind": kind, "endpoint": CONFIRM, "seconds": 0.4, **how})
    key = desk.name()
    hasty = desk.client(timeout_s=0.3)
    try:
        hasty.v1.payment_intents.confirm(intent, {"off_session": True}, {"idempotency_key": key})
    except stripe.StripeError as error:
        return intent, key, error
    return intent, key, None


def again(desk: Desk, intent: str, key: str) -> str:
    """What the same request with the same key is answered afterwards."""
    try:
        return desk.confirm(intent, key=key).status
    except stripe.StripeError as error:
        return f"{error.http_status}"


RAISES: dict[str, type[stripe.StripeError]] = dict.fromkeys(KINDS, stripe.APIConnectionError) | {
    "rate_limit": stripe.RateLimitError,
    "lock_timeout": stripe.RateLimitError,
    **dict.fromkeys(
        ["key_in_use", "bad_gateway_before_execution", "error_before_execution", *INSTEAD, "bad_gateway"],
        stripe.APIError,
    ),
}
FORGOTTEN = {*BEFORE} - {"late_execution"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_executed_once_or_not_at_all_and_the_key_says_what_it_must(desk: Desk, kind: str) -> None:
    intent, key, raised = struck(desk, kind)
    assert type(raised) is RAISES[kind]
    executed = kind in INSTEAD or kind in ON_WIRE
    assert len(desk.charges(intent)) == (1 if executed else 0)
    if kind == "late_execution":
        assert again(desk, intent, key) == "409", "its key is in flight"
        return
    kept = {"error_before_execution": "500", "error_after_execution": "500", "dependency_failed": "424"}
    assert again(desk, intent, key) == kept.get(kind, "succeeded")
    assert len(desk.charges(intent)) == (0 if kind in BROKEN_BEFORE else 1)


def test_a_late_execution_happens_when_its_sender_has_given_up(desk: Desk) -> None:
    intent, key, _ = struck(desk, "late_execution", seconds=0.5)
    assert desk.stripe.v1.payment_intents.retrieve(intent).status == "requires_confirmation"
    answer = "409"
    while answer == "409":
        answer = again(desk, intent, key)
    assert (answer, len(desk.charges(intent))) == ("succeeded", 1)


@pytest.mark.parametrize("reason", [*REASONS, None])
@pytest.mark.parametrize("should_retry", [True, False, None])
def test_a_429_says_why_and_whether_to_try_again_or_neither(
    desk: Desk, reason: str | None, should_retry: object
) -> None:
    fault = {"kind": "rate_limit", "endpoint": "balance.retrieve", "reason": reason, "should_retry": should_retry}
    desk.control("POST", "faults", fault)
    answer = desk.wire("GET", "/v1/balance")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit")
    assert answer.headers.get("Stripe-Rate-Limited-Reason") == reason
    assert answer.headers.get("Stripe-Should-Retry") == (None if should_retry is None else str(should_retry).lower())


def test_a_lock_timeout_is_a_429_without_a_reason(desk: Desk) -> None:
    desk.control("POST", "faults", {"kind": "lock_timeout", "endpoint": "balance.retrieve"})
    answer = desk.wire("GET", "/v1/balance")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "lock_timeout")
    assert "Stripe-Rate-Limited-Reason" not in answer.headers


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("kind", ["bad_gateway", "bad_gateway_before_execution"])
def test_a_broken_gateway_speaks_html_and_knows_no_request(desk: Desk, kind: str, status: int) -> None:
    desk.control("POST", "faults", {"kind": kind, "endpoint": "balance.retrieve", "status": status})
    answer = desk.wire("GET", "/v1/balance")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert answer.text.startswith("<html>")
    assert not {"Request-Id", "Stripe-Version"} & set(answer.headers)


@pytest.mark.parametrize("kind", ["error_before_execution", "error_after_execution", "dependency_failed", "key_in_use"])
def test_an_error_of_a_fault_looks_like_any_other(desk: Desk, kind: str) -> None:
    plain = desk.wire("GET", "/v1/customers/nobody")
    desk.control("POST", "faults", {"kind": kind, "endpoint": "balance.retrieve"})
    answer = desk.wire("GET", "/v1/balance")
    assert set(answer.headers) == set(plain.headers)
    assert {"message", "type"} <= set(answer.json()["error"])
    assert "emulat" not in answer.text


def _read_to_the_end(desk: Desk) -> tuple[bytes, type[Exception] | None]:
    """What a bare socket gets of a request, and how it ended."""
    address = urlparse(desk.url)
    got = b""
    with closing(socket.create_connection((address.hostname, address.port), timeout=5)) as line:
        line.sendall(f"GET /v1/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
        try:
            while more := line.recv(65536):
                got += more
        except ConnectionResetError as error:
            return got, type(error)
    return got, None


@pytest.mark.parametrize(
    ("kind", "complete"),
    [
        ("drop_before_execution", lambda got: got == b""),
        ("drop_after_execution", lambda got: got == b""),
        ("truncated", lambda got: b"Content-Length" in got and len(got.partition(b"\r\n\r\n")[2]) > 10),
        ("stall_in_body", lambda got: b"Content-Length" in got and len(got.partition(b"\r\n\r\n")[2]) > 10),
    ],
)
def test_a_connection_ends_without_a_whole_answer(desk: Desk, kind: str, complete: Callable[[bytes], bool]) -> None:
    whole = int(desk.wire("GET", "/v1/balance").headers["Content-Length"])
    desk.control("POST", "faults", {"kind": kind, "endpoint": "balance.retrieve", "seconds": 0.05})
    got, ended = _read_to_the_end(desk)
    assert complete(got), got
    assert (len(got.partition(b"\r\n\r\n")[2]) < whole, ended) == (True, None)


@pytest.mark.parametrize("kind", ["reset_before_execution", "reset_after_execution"])
def test_a_reset_is_a_reset(desk: Desk, kind: str) -> None:
    desk.control("POST", "faults", {"kind": kind, "endpoint": "balance.retrieve"})
    assert _read_to_the_end(desk) == (b"", ConnectionResetError)


def test_a_slow_answer_is_an_answer(desk: Desk) -> None:
    desk.control("POST", "faults", {"kind": "stall", "endpoint": "balance.retrieve", "seconds": 0.05})
    assert desk.wire("GET", "/v1/balance").status_code == 200


def drawn(desk: Desk, seed: int) -> list[str]:
    """What forty requests meet by chance."""
    rates = {"rate_limit": 0.2, "bad_gateway": 0.1, "error_after_execution": 0.1}
    desk.control("PUT", "chances", {"seed": seed, "rates": rates, "endpoint": "balance.retrieve"})
    met = [str(desk.wire("GET", "/v1/balance").status_code) for _ in range(40)]
    assert desk.wire("GET", "/v1/events").status_code == 200, "chance strikes where it was let loose, and only there"
    told = desk.control("GET", "chances")["struck"]
    assert told == {
        kind: met.count(status)
        for kind, status in {"rate_limit": "429", "bad_gateway": "502", "error_after_execution": "500"}.items()
        if status in met
    }
    return met


def test_faults_at_random_follow_their_seed_and_their_rates(desk: Desk) -> None:
    first, same, other = drawn(desk, 7), drawn(desk, 7), drawn(desk, 8)
    assert first == same != other
    assert 4 <= 40 - first.count("200") <= 28
    desk.control("DELETE", "faults")
    assert {desk.wire("GET", "/v1/balance").status_code for _ in range(20)} == {200}


@pytest.mark.parametrize(
    "given",
    [
        {"seed": 1, "rates": {"earthquake": 0.1}},
        {"seed": 1, "rates": {"stall": 0.7, "truncated": 0.7}},
        {"seed": 1, "rates": {"stall": -0.1}},
        {"seed": 1, "rates": {"stall": 0.1}, "endpoint": "no.such"},
        {"rates": {"stall": 0.1}},
        {"seed": 1, "rates": {"stall": 0.1}, "nth": 3},
    ],
)
def test_senseless_chances_are_refused(desk: Desk, given: dict[str, object]) -> None:
    assert desk.raw_control("PUT", "chances", given).status_code == 400
    assert desk.control("GET", "chances") == {}


@pytest.mark.parametrize("given", [{"reason": "moon"}, {"should_retry": "maybe"}, {"status": 200}])
def test_a_senseless_word_of_a_fault_is_refused(desk: Desk, given: dict[str, object]) -> None:
    fault = {"kind": "rate_limit", **given}
    assert desk.raw_control("POST", "faults", fault).status_code == 400
    assert desk.control("GET", "faults")["faults"] == []


def told(desk: Desk, customer: str) -> list[str]:
    """The types of the events about a customer's PaymentIntents, as listed, oldest first."""
    listed = desk.stripe.v1.events.list({"limit": 100, "types": ["payment_intent.created", "payment_intent.succeeded"]})
    return [event.type for event in reversed(listed.data) if event.data.object.customer == customer]


@pytest.fixture
def manner(desk: Desk) -> Iterator[Callable[..., None]]:
    """Says how events are listed from now on; as ever when the test ends."""

    def put(**how: object) -> None:
        desk.control("PUT", "events/manner", how)

    yield put
    put()


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, ["created", "succeeded"]),
        ({"doubled": True}, ["created", "created", "succeeded", "succeeded"]),
        ({"late_s": 60}, []),
    ],
)
def test_events_may_be_late_or_doubled(
    desk: Desk, manner: Callable[..., None], how: dict[str, object], expected: list[str]
) -> None:
    manner(**how)
    payer = desk.payer()
    desk.confirm(desk.create(payer).id)
    assert told(desk, payer.customer) == [f"payment_intent.{each}" for each in expected]
    desk.control("PUT", "clock", {"advance_s": 61})
    assert len(told(desk, payer.customer)) == max(2, len(expected)), "late is not never"


def test_a_late_event_takes_the_place_that_its_time_gives_it(desk: Desk, manner: Callable[..., None]) -> None:
    manner(late_s=60)
    late, punctual = desk.payer(), desk.payer()
    desk.create(late)
    manner()
    desk.create(punctual)
    assert told(desk, punctual.customer)
    assert told(desk, late.customer), "what was late comes once nothing is late any more"
    manner(late_s=60)
    later, soon = desk.payer(), desk.payer()
    desk.create(later)
    desk.control("PUT", "clock", {"advance_s": 30})
    desk.create(soon)
    assert told(desk, later.customer) == told(desk, soon.customer) == []
    desk.control("PUT", "clock", {"advance_s": 31})
    assert (told(desk, later.customer), told(desk, soon.customer)) == (["payment_intent.created"], [])


def test_a_reader_with_a_cursor_does_not_meet_what_came_late_behind_it(desk: Desk, manner: Callable[..., None]) -> None:
    manner(late_s=60)
    late = desk.payer()
    desk.create(late)
    desk.control("PUT", "clock", {"advance_s": 30})
    desk.control("PUT", "events", {"withheld": False})
    (newest, *_) = desk.stripe.v1.events.list({"limit": 1}).data
    desk.control("PUT", "clock", {"advance_s": 31})
    after = desk.stripe.v1.events.list({"limit": 100, "ending_before": newest.id}).data
    assert late.customer in [event.data.object.customer for event in after], "nothing newer had been listed"


def test_events_may_come_in_the_wrong_order(desk: Desk, manner: Callable[..., None]) -> None:
    manner(reordered=True)
    payer = desk.payer()
    intent = desk.create(payer)
    assert told(desk, payer.customer) == [], "it waits for the one that overtakes it"
    desk.confirm(intent.id)
    manner()
    about = [event.type for event in reversed(desk.stripe.v1.events.list({"limit": 3}).data)]
    assert about == ["charge.succeeded", "payment_intent.created", "payment_intent.succeeded"]


@pytest.mark.parametrize("how", [{"late_s": -1}, {"doubled": 1}, {"sideways": True}])
def test_a_senseless_manner_is_refused(desk: Desk, how: dict[str, object]) -> None:
    assert desk.raw_control("PUT", "events/manner", how).status_code == 400
