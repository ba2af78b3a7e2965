"""Refunds and disputes over the emulator's wire, and what odd answers to them mean."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from sqlalchemy import Engine

from tests.gateways.scripted_provider import Said, error, saying
from tests.gateways.till import ScriptedSlots, Till, open_till
from worker.boundary import CallInsideTransactionError, transaction
from worker.clock import monotonic_s
from worker.errors import UnreachableError
from worker.gateways import stripe_money_back
from worker.gateways.answers import (
    DisputeStatus,
    RefundAnswer,
    RefundAnswerKind,
    RefundStatus,
    of_dispute,
    of_refund,
)
from worker.gateways.stripe import RefundRequest

NOWHERE = "http://127.0.0.1:1"

REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 1200,
    "currency": "eur",
    "metadata": {"refund": "7"},
    "payment_intent": "pi_1",
    "status": "succeeded",
}
DISPUTE = {
    "id": "du_1",
    "object": "dispute",
    "amount": 5700,
    "currency": "pln",
    "created": 1_790_000_000,
    "payment_intent": "pi_1",
    "reason": "fraudulent",
    "status": "needs_response",
}


def asking(till: Till, intent: str, *, amount_minor: int = 5700, key: str | None = None) -> RefundRequest:
    """A refund of a PaymentIntent."""
    return RefundRequest(key or till.name("refund"), intent, amount_minor, {"refund": "7"})


def refunded(till: Till, intent: str, *, amount_minor: int = 5700) -> RefundAnswer:
    """The answer to a refund that is asked for once."""
    return till.gateway.refund([asking(till, intent, amount_minor=amount_minor)])[0]


def journal(till: Till, intent: str) -> list[dict[str, Any]]:
    """The refunds of a PaymentIntent that really happened."""
    return [line for line in till.emulator.journal_refunds() if line["payment_intent"] == intent]


def test_a_refund_from_its_asking_to_its_reading(till: Till) -> None:
    intent, _ = till.confirmed()
    request = asking(till, intent, key="our-refund-key")
    given = till.gateway.refund([request])[0]
    assert (given.kind, given.status, given.intent) == (RefundAnswerKind.KNOWN, RefundStatus.SUCCEEDED, intent)
    assert (given.amount_minor, given.currency, given.metadata) == (5700, "EUR", {"refund": "7"})
    assert (given.failure_reason, given.code, given.message) == (None, None, None)
    assert str(given.request_id).startswith("req_")
    assert till.gateway.refund([request])[0].refund == given.refund, "the key gives it back once"
    (line,) = journal(till, intent)
    assert (line["refund"], line["amount"], line["idempotency_key"]) == (given.refund, 5700, "our-refund-key")
    read = till.gateway.read_refunds([str(given.refund)])[0]
    assert (read.kind, read.refund, read.status) == (RefundAnswerKind.KNOWN, given.refund, RefundStatus.SUCCEEDED)


def test_what_has_been_given_back_is_already_gone(till: Till) -> None:
    intent, _ = till.confirmed()
    refunded(till, intent)
    again = refunded(till, intent)
    assert (again.kind, again.code) == (RefundAnswerKind.ALREADY, "charge_already_refunded")
    assert (again.refund, again.status) == (None, None)
    assert len(journal(till, intent)) == 1


def test_more_than_is_left_is_refused_and_so_is_what_nobody_knows(till: Till) -> None:
    intent, _ = till.confirmed()
    assert refunded(till, intent, amount_minor=5701).kind == RefundAnswerKind.REFUSED
    unknown = refunded(till, "pi_nothing")
    assert (unknown.kind, unknown.code) == (RefundAnswerKind.REFUSED, "resource_missing")
    unpaid = refunded(till, till.created(till.payer()[0]))
    assert unpaid.kind == RefundAnswerKind.REFUSED
    read = till.gateway.read_refunds(["re_nothing"])[0]
    assert (read.kind, read.code) == (RefundAnswerKind.REFUSED, "resource_missing")
    assert journal(till, intent) == []


def test_a_refund_that_waits_and_then_fails_tells_why(till: Till) -> None:
    customer, method = till.payer()
    till.emulator.script_refunds(method, "pending:failed:60")
    intent = till.created(customer)
    till.gateway.confirm([till.attempt(intent, method)])
    waiting = refunded(till, intent)
    assert (waiting.kind, waiting.status) == (RefundAnswerKind.KNOWN, RefundStatus.PENDING)
    till.emulator.advance_clock(61)
    failed = till.gateway.read_refunds([str(waiting.refund)])[0]
    assert (failed.status, failed.failure_reason) == (RefundStatus.FAILED, "expired_or_canceled_card")


def test_answers_keep_the_order_of_a_batch_and_one_bad_call_spoils_no_other(till: Till) -> None:
    intent, _ = till.confirmed()
    requests = [asking(till, one, amount_minor=n) for n, one in enumerate([intent, "pi_nothing", intent], start=100)]
    till.emulator.latency(400)
    started = monotonic_s()
    answers = till.gateway.refund(requests)
    assert monotonic_s() - started < 3 * 0.4
    assert [answer.amount_minor for answer in answers] == [100, None, 102]
    assert till.gateway.refund([]) == till.gateway.read_refunds([]) == []


@pytest.mark.parametrize("kind", ["stall", "drop_after_execution"])
def test_a_lost_answer_is_unknown_and_is_settled_by_the_list_or_by_the_key(till: Till, kind: str) -> None:
    intent, _ = till.confirmed()
    request = asking(till, intent)
    till.emulator.reset_statistics()
    till.emulator.fault(kind, "refunds.create", seconds=1)
    lost = till.with_gateway(timeout_s=0.3).gateway.refund([request])[0]
    assert (lost.kind, lost.refund) == (RefundAnswerKind.UNKNOWN, None)
    assert till.asked("refunds.create") == 1
    (listed,) = till.gateway.refunds_of(intent)
    assert (listed.kind, listed.metadata, listed.amount_minor) == (RefundAnswerKind.KNOWN, {"refund": "7"}, 5700)
    assert till.gateway.refund([request])[0].refund == listed.refund
    assert len(journal(till, intent)) == 1


def test_all_refunds_of_an_intent_come_newest_first_over_all_pages(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_money_back, "REFUNDS_PAGE_MAX", 2)
    intent, _ = till.confirmed()
    other, _ = till.confirmed()
    assert till.gateway.refunds_of(intent) == []
    refunded(till, other)
    for number in range(1, 6):
        refunded(till, intent, amount_minor=number)
        assert [one.amount_minor for one in till.gateway.refunds_of(intent)] == list(range(number, 0, -1))


def test_what_cannot_be_reached_is_unknown_or_said_so(till: Till) -> None:
    lost = till.with_gateway(api_base=NOWHERE).gateway
    assert lost.refund([asking(till, "pi_1")])[0].kind == RefundAnswerKind.UNKNOWN
    assert lost.read_refunds(["re_1"])[0].kind == RefundAnswerKind.UNKNOWN
    with pytest.raises(UnreachableError, match="the refunds of pi_1 cannot be read"):
        lost.refunds_of("pi_1")
    with pytest.raises(UnreachableError, match="the dispute du_1 cannot be read"):
        lost.dispute("du_1")


def test_a_refund_without_a_key_never_leaves(till: Till) -> None:
    intent, _ = till.confirmed()
    till.emulator.reset_statistics()
    keyless = RefundRequest("", intent, 100, {})
    assert till.gateway.refund([keyless])[0].kind == RefundAnswerKind.UNKNOWN
    assert till.asked("refunds.create") == 0


def test_every_call_waits_for_a_slot_of_its_endpoint(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_money_back, "REFUNDS_PAGE_MAX", 1)
    intent, _ = till.confirmed()
    dispute = till.emulator.open_dispute(till.confirmed()[0])
    slots = ScriptedSlots([[0.0, 0.15]])
    paced = till.with_gateway(pacer=slots).gateway
    started = monotonic_s()
    made = paced.refund([asking(till, intent, amount_minor=1), asking(till, intent, amount_minor=2)])
    assert monotonic_s() - started >= 0.15
    paced.read_refunds([str(one.refund) for one in made])
    assert len(paced.refunds_of(intent)) == 2
    paced.dispute(dispute)
    wanted = ["refund", "read_refund", "refunds_of", "refunds_of", "dispute"]
    # a call that a busy machine made late has asked for a slot once more
    assert list(dict.fromkeys(name for name, _ in slots.reserved)) == [f"stripe.{one}" for one in dict.fromkeys(wanted)]
    assert [name for name, _ in slots.reserved].count("stripe.refunds_of") == wanted.count("refunds_of")


def test_no_refund_leaves_from_inside_a_transaction(till: Till, engine: Engine) -> None:
    calls: dict[str, Callable[[], object]] = {
        "refund": lambda: till.gateway.refund([asking(till, "pi_1")]),
        "read_refund": lambda: till.gateway.read_refunds(["re_1"]),
        "refunds_of": lambda: till.gateway.refunds_of("pi_1"),
        "dispute": lambda: till.gateway.dispute("du_1"),
    }
    for name, call in calls.items():
        with (
            transaction(engine, "desk.refund"),
            pytest.raises(CallInsideTransactionError, match=rf"stripe\.{name} .*desk\.refund"),
        ):
            call()


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (error(500, "api_error"), RefundAnswerKind.UNKNOWN, None),
        (error(503, "api_error"), RefundAnswerKind.UNKNOWN, None),
        (error(424, "api_error"), RefundAnswerKind.UNKNOWN, None),
        (error(409, "invalid_request_error", "idempotency_key_in_use"), RefundAnswerKind.UNKNOWN, None),
        (error(400, "idempotency_error"), RefundAnswerKind.UNKNOWN, None),
        (Said(502, "<html>Bad gateway</html>"), RefundAnswerKind.UNKNOWN, None),
        (Said(200, "<html>Welcome</html>"), RefundAnswerKind.UNKNOWN, None),
        (Said(200, {}), RefundAnswerKind.UNKNOWN, None),
        (Said(200, {"id": "re_1", "object": "refund"}), RefundAnswerKind.UNKNOWN, None),
        (Said(200, REFUND, cut=40), RefundAnswerKind.UNKNOWN, None),
        (Said(200, REFUND, cut=len(str(REFUND))), RefundAnswerKind.UNKNOWN, None),
        (Said(silent=True), RefundAnswerKind.UNKNOWN, None),
        (error(429, "invalid_request_error", "rate_limit"), RefundAnswerKind.NOT_EXECUTED, "rate_limit"),
        (error(429, "invalid_request_error", "lock_timeout"), RefundAnswerKind.NOT_EXECUTED, "lock_timeout"),
        (error(401, "invalid_request_error"), RefundAnswerKind.NOT_EXECUTED, None),
        (error(403, "invalid_request_error"), RefundAnswerKind.NOT_EXECUTED, None),
        (error(400, "invalid_request_error", "charge_disputed"), RefundAnswerKind.REFUSED, "charge_disputed"),
        (error(402, "card_error", "card_declined"), RefundAnswerKind.REFUSED, "card_declined"),
        (error(404, "invalid_request_error", "resource_missing"), RefundAnswerKind.REFUSED, "resource_missing"),
        (
            error(400, "invalid_request_error", "charge_already_refunded"),
            RefundAnswerKind.ALREADY,
            "charge_already_refunded",
        ),
        (Said(200, REFUND), RefundAnswerKind.KNOWN, None),
    ],
)
def test_an_odd_answer_means_what_it_surely_means(said: Said, kind: RefundAnswerKind, code: str | None) -> None:
    with saying(said) as provider:
        till = open_till(provider.url, timeout_s=0.3 if said.silent else 5)
        answers = [
            *till.gateway.refund([RefundRequest("k1", "pi_1", 1200, {"refund": "7"})]),
            *till.gateway.read_refunds(["re_1"]),
        ]
        till.gateway.close()
    assert [answer.kind for answer in answers] == [kind] * 2
    if kind is not RefundAnswerKind.UNKNOWN:
        assert [answer.code for answer in answers] == [code] * 2
        assert [answer.request_id for answer in answers] == ["req_scripted"] * 2
    asked = [(one.method, one.path, one.key) for one in provider.asked]
    assert asked == [("POST", "/v1/refunds", "k1"), ("GET", "/v1/refunds/re_1", None)], "asked once, under our key"
    assert provider.asked[0].given == {"payment_intent": "pi_1", "amount": "1200", "metadata[refund]": "7"}


@pytest.mark.parametrize(
    "said",
    [
        error(500, "api_error"),
        error(400, "invalid_request_error", "resource_missing"),
        error(429, "invalid_request_error", "rate_limit"),
        Said(200, "<html>Welcome</html>"),
        Said(200, {}),
        Said(200, {"object": "list", "data": [REFUND], "has_more": False}, cut=40),
        Said(silent=True),
    ],
)
def test_a_list_or_a_dispute_that_cannot_be_used_is_asked_for_again(said: Said) -> None:
    with saying(said) as provider:
        till = open_till(provider.url, timeout_s=0.3 if said.silent else 5)
        with pytest.raises(UnreachableError):
            till.gateway.refunds_of("pi_1")
        with pytest.raises(UnreachableError):
            till.gateway.dispute("du_1")
        till.gateway.close()


def test_half_a_list_is_no_list() -> None:
    """A refund on the second page must not be taken for none."""
    first = Said(200, {"object": "list", "data": [REFUND], "has_more": True})
    with saying(first, error(500, "api_error")) as provider:
        till = open_till(provider.url)
        with pytest.raises(UnreachableError):
            till.gateway.refunds_of("pi_1")
        till.gateway.close()
    assert provider.asked[1].given["starting_after"] == "re_1"


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("pending", RefundStatus.PENDING),
        ("requires_action", RefundStatus.PENDING),
        ("succeeded", RefundStatus.SUCCEEDED),
        ("failed", RefundStatus.FAILED),
        ("canceled", RefundStatus.CANCELLED),
        ("something_of_next_year", RefundStatus.PENDING),
        (None, RefundStatus.PENDING),
    ],
)
def test_a_refund_status_says_only_what_it_surely_means(status: str | None, found: RefundStatus) -> None:
    changed: dict[str, Any] = {**REFUND, "status": status, "metadata": None, "payment_intent": None}
    answer = of_refund(stripe.Refund.construct_from(changed, "sk_test_emulator"))
    assert answer == RefundAnswer(
        RefundAnswerKind.KNOWN, refund="re_1", status=found, amount_minor=1200, currency="EUR"
    )


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("warning_needs_response", DisputeStatus.OPEN),
        ("warning_under_review", DisputeStatus.OPEN),
        ("warning_closed", DisputeStatus.WON),
        ("needs_response", DisputeStatus.OPEN),
        ("under_review", DisputeStatus.OPEN),
        ("appeal_needs_response", DisputeStatus.OPEN),
        ("appeal_under_review", DisputeStatus.OPEN),
        ("prevented", DisputeStatus.WON),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("something_of_next_year", DisputeStatus.OPEN),
    ],
)
def test_a_dispute_is_open_won_or_lost(status: str, found: DisputeStatus) -> None:
    dispute = of_dispute(stripe.Dispute.construct_from({**DISPUTE, "status": status}, "sk_test_emulator"))
    assert dispute.status == found
    assert (dispute.dispute, dispute.intent, dispute.amount_minor, dispute.currency) == ("du_1", "pi_1", 5700, "PLN")
    assert dispute.created_at == datetime.fromtimestamp(1_790_000_000, UTC)


def test_a_dispute_of_no_intent_concerns_none() -> None:
    dispute = of_dispute(stripe.Dispute.construct_from({**DISPUTE, "payment_intent": None}, "sk_test_emulator"))
    assert dispute.intent == ""


@pytest.mark.parametrize(("end", "status"), [("won", DisputeStatus.WON), ("lost", DisputeStatus.LOST)])
def test_a_dispute_from_its_opening_to_its_end(till: Till, end: str, status: DisputeStatus) -> None:
    intent, _ = till.confirmed()
    name = till.emulator.open_dispute(intent, reason="product_not_received")
    dispute = till.gateway.dispute(name)
    assert (dispute.dispute, dispute.intent, dispute.status) == (name, intent, DisputeStatus.OPEN)
    assert (dispute.amount_minor, dispute.currency, dispute.reason) == (5700, "EUR", "product_not_received")
    assert abs(dispute.created_at - datetime.now(UTC)) < timedelta(days=1)  # noqa: TID251 - the emulator's own clock
    disputed = refunded(till, intent)
    assert (disputed.kind, disputed.code) == (RefundAnswerKind.REFUSED, "charge_disputed")
    till.emulator.close_dispute(name, end)
    assert till.gateway.dispute(name).status == status
    assert journal(till, intent) == []


def test_events_tell_what_they_are_about(till: Till) -> None:
    since = datetime.now(UTC) - timedelta(days=2)  # noqa: TID251 - the emulator's own clock
    before = till.gateway.events(after=None, since=since)
    while before and (more := till.gateway.events(after=before[-1].event_id, since=since)):
        before = more
    customer, method = till.payer()
    till.emulator.script_refunds(method, "ok_then_failed:60")
    intent = till.created(customer)
    till.gateway.confirm([till.attempt(intent, method)])
    refund = str(refunded(till, intent).refund)
    till.emulator.advance_clock(61)
    dispute = till.emulator.open_dispute(intent)
    till.emulator.close_dispute(dispute, "lost")
    found = till.gateway.events(after=before[-1].event_id if before else None, since=since)
    assert [(one.type, one.about, one.name, one.intent) for one in found] == [
        ("payment_intent.succeeded", "intent", intent, intent),
        ("refund.updated", "refund", refund, intent),
        ("refund.failed", "refund", refund, intent),
        ("charge.dispute.created", "dispute", dispute, intent),
        ("charge.dispute.updated", "dispute", dispute, intent),
        ("charge.dispute.closed", "dispute", dispute, intent),
    ]
