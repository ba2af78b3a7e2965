"""The payment provider over the emulator's wire: micro-batches, keys, unknown answers, repeats."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from tests.gateways.till import ScriptedSlots, Till, open_till
from tests.support.processes import Listening
from worker.boundary import CallInsideTransactionError, doors, transaction
from worker.clock import monotonic_s
from worker.errors import ProviderRefusedError, UnreachableError
from worker.gateways import stripe as stripe_gateway
from worker.gateways.stripe import AnswerKind, ConfirmRequest, IntentRequest, ProviderEvent

NOWHERE = "http://127.0.0.1:1"


def test_a_charge_from_its_creation_to_its_reading(till: Till) -> None:
    customer, method = till.payer()
    intent = till.created(customer)
    assert till.charges(intent) == []
    paid = till.gateway.confirm([till.attempt(intent, method)])[0]
    assert (paid.kind, paid.intent, paid.amount_minor, paid.currency) == (AnswerKind.SUCCEEDED, intent, 5700, "EUR")
    assert till.gateway.read([intent])[0].kind == AnswerKind.SUCCEEDED
    assert [(one["amount"], one["metadata"]) for one in till.charges(intent)] == [(5700, {"charge": "7"})]


def test_a_cancelled_intent_says_so(till: Till) -> None:
    intent = till.created(till.payer()[0])
    assert till.gateway.cancel([intent])[0].kind == AnswerKind.CANCELLED
    assert till.gateway.read([intent])[0].kind == AnswerKind.CANCELLED
    assert till.gateway.cancel([intent])[0].kind == AnswerKind.UNEXPECTED_STATE


def test_a_payment_that_takes_its_time_is_processing(till: Till) -> None:
    intent, answer = till.confirmed("processing:succeeded:600")
    assert (answer.kind, till.gateway.read([intent])[0].kind) == (AnswerKind.PROCESSING, AnswerKind.PROCESSING)


def test_a_reading_of_a_declined_intent_tells_why(till: Till) -> None:
    intent, _ = till.confirmed("insufficient_funds")
    read = till.gateway.read([intent])[0]
    assert (read.kind, read.code, read.decline_code) == (AnswerKind.WAITING, "card_declined", "insufficient_funds")


def test_our_keys_are_the_keys_on_the_wire(till: Till) -> None:
    customer, method = till.payer()
    intent = till.gateway.create([till.wish(customer, key="our-create-key")])[0].intent
    assert intent is not None
    till.gateway.confirm([till.attempt(intent, method, key="our-confirm-key")])
    created = next(one for one in till.events_of("payment_intent.created") if one["data"]["object"]["id"] == intent)
    assert created["request"]["idempotency_key"] == "our-create-key"
    assert [one["idempotency_key"] for one in till.attempts(intent)] == ["our-confirm-key"]


def test_an_empty_key_never_leaves(till: Till) -> None:
    """The client would make one up, and a repeat would charge again."""
    customer, method = till.payer()
    intent = till.created(customer)
    till.emulator.reset_statistics()
    with pytest.raises(AssertionError, match="key"):
        till.gateway._create(IntentRequest("", 1, "EUR", customer, {}))
    keyless = ConfirmRequest("", intent, {"payment_method": method})
    with pytest.raises(AssertionError, match="key"):
        till.gateway._confirm(keyless)
    assert till.gateway.confirm([keyless])[0].kind == AnswerKind.UNKNOWN
    assert till.asked("payment_intents.create") == till.asked("payment_intents.confirm") == 0


def test_answers_keep_the_order_of_a_batch_sent_side_by_side(till: Till) -> None:
    customer, _ = till.payer()
    wishes = [till.wish(customer, amount_minor=1000 + n) for n in range(25)]
    till.emulator.latency(100)
    started = monotonic_s()
    answers = till.gateway.create(wishes)
    took_s = monotonic_s() - started
    assert [answer.amount_minor for answer in answers] == [wish.amount_minor for wish in wishes]
    assert took_s < 25 * 0.1
    assert till.gateway.create([]) == []


def test_one_bad_call_spoils_no_other(till: Till) -> None:
    customer, _ = till.payer()
    customers = [customer, "cus_nobody", customer]
    kinds = [answer.kind for answer in till.gateway.create([till.wish(one) for one in customers])]
    assert kinds == [AnswerKind.WAITING, AnswerKind.REFUSED, AnswerKind.WAITING]


def test_silence_is_unknown_after_the_timeout_and_asked_once(till: Till) -> None:
    customer, method = till.payer()
    intent = till.created(customer)
    hasty = till.with_gateway(timeout_s=0.3)
    till.emulator.reset_statistics()
    till.emulator.fault("stall", "payment_intents.confirm", seconds=1)
    answer = hasty.gateway.confirm([till.attempt(intent, method)])[0]
    assert (answer.kind, answer.intent) == (AnswerKind.UNKNOWN, None)
    assert till.asked("payment_intents.confirm") == 1
    assert till.gateway.read([intent])[0].kind == AnswerKind.SUCCEEDED


def test_a_lost_answer_is_unknown_and_the_same_key_replays_it(till: Till) -> None:
    customer, method = till.payer()
    intent = till.created(customer)
    attempt = till.attempt(intent, method)
    till.emulator.reset_statistics()
    till.emulator.fault("drop_after_execution", "payment_intents.confirm")
    assert till.gateway.confirm([attempt])[0].kind == AnswerKind.UNKNOWN
    assert till.asked("payment_intents.confirm") == 1
    assert till.gateway.confirm([attempt])[0].kind == AnswerKind.SUCCEEDED
    assert len(till.attempts(intent)) == len(till.charges(intent)) == 1


def test_a_lost_creation_is_harmless_with_its_key(till: Till) -> None:
    customer, _ = till.payer()
    wish = till.wish(customer)
    till.emulator.fault("drop_after_execution", "payment_intents.create")
    assert till.gateway.create([wish])[0].kind == AnswerKind.UNKNOWN
    first, second = (till.gateway.create([wish])[0] for _ in range(2))
    assert first.kind == AnswerKind.WAITING
    assert first.intent == second.intent


def test_a_provider_that_cannot_be_reached_is_unknown(till: Till) -> None:
    lost = till.with_gateway(api_base=NOWHERE)
    assert lost.gateway.read(["pi_1"])[0].kind == AnswerKind.UNKNOWN
    with pytest.raises(UnreachableError, match="events cannot be read"):
        lost.gateway.events(after=None, since=datetime.now(UTC))  # noqa: TID251 - any instant will do
    with pytest.raises(UnreachableError, match=f"{NOWHERE} does not answer"):
        lost.gateway.ping()


def test_a_ping_tells_a_wrong_key_from_a_good_one(till: Till) -> None:
    till.gateway.ping()
    with pytest.raises(ProviderRefusedError, match="STRIPE_API_KEY"):
        till.with_gateway(api_key="pk_test_emulator").gateway.ping()


def test_every_call_waits_for_its_slot(till: Till) -> None:
    customer, _ = till.payer()
    slots = ScriptedSlots([[0.0, 0.15, 0.3]])
    paced = till.with_gateway(pacer=slots)
    left: list[float] = []
    doors.failpoint = lambda name: left.append(monotonic_s()) if name == "before:call:stripe.create" else None
    started = monotonic_s()
    try:
        paced.gateway.create([till.wish(customer) for _ in range(3)])
    finally:
        doors.failpoint = None
    assert slots.reserved == [("stripe.create", 3)]
    assert all(at - started >= due for at, due in zip(sorted(left), (0.0, 0.15, 0.3), strict=True))


def test_a_late_call_takes_a_new_slot(till: Till) -> None:
    """One second late: it may not join those whose turn it is now."""
    customer, _ = till.payer()
    slots = ScriptedSlots([[-1.0], [0.2]])
    started = monotonic_s()
    assert till.with_gateway(pacer=slots).gateway.create([till.wish(customer)])[0].kind == AnswerKind.WAITING
    assert slots.reserved == [("stripe.create", 1), ("stripe.create", 1)]
    assert monotonic_s() - started >= 0.2


def test_no_call_leaves_from_inside_a_transaction(till: Till, engine: Engine) -> None:
    """The pool's threads inherit the context of whoever calls."""
    with (
        transaction(engine, "charging.price"),
        pytest.raises(CallInsideTransactionError, match=r"stripe\.read .*charging\.price"),
    ):
        till.gateway.read(["pi_1"])
    assert till.asked("payment_intents.retrieve") == 0


def read_all(till: Till, since: datetime, after: str | None = None) -> list[ProviderEvent]:
    """Page on from a cursor until nothing is new."""
    found: list[ProviderEvent] = []
    while page := till.gateway.events(after=after, since=since):
        assert len(page) <= stripe_gateway.EVENTS_PAGE_MAX
        found += page
        after = page[-1].event_id
    return found


def cancelled(till: Till, count: int) -> list[str]:
    """So many new PaymentIntents, each with the one event of its cancellation, in order."""
    customer, _ = till.payer()
    answers = till.gateway.create([till.wish(customer) for _ in range(count)])
    ids = [str(answer.intent) for answer in answers]
    one_by_one = till.with_gateway(connections=1)
    assert all(answer.kind == AnswerKind.CANCELLED for answer in one_by_one.gateway.cancel(ids))
    return ids


def beginning(till: Till) -> tuple[datetime, str | None]:
    """An instant before all events, and the newest event by now."""
    since = datetime.now(UTC) - timedelta(hours=1)  # noqa: TID251 - the emulator lives in real time
    known = read_all(till, since)
    return since, known[-1].event_id if known else None


def test_more_events_than_a_page_come_oldest_first_and_once(till: Till) -> None:
    since, cursor = beginning(till)
    ids = cancelled(till, 105)
    found = read_all(till, since, cursor)
    assert [(event.type, event.intent) for event in found] == [("payment_intent.canceled", one) for one in ids]
    assert all(since < event.created_at for event in found)
    whole = read_all(till, since)
    assert [event.intent for event in whole][-105:] == ids
    assert len({event.event_id for event in whole}) == len(whole)


def test_the_first_page_is_the_oldest_also_where_pages_are_full(
    emulator: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_gateway, "EVENTS_PAGE_MAX", 5)
    till = open_till(emulator.url)
    for day, number in enumerate((0, 1, 4, 5, 6, 10, 11)):
        since = datetime(2026, 1, 1 + day, tzinfo=UTC)
        till.emulator.set_clock(since)
        ids = cancelled(till, number)
        assert [event.intent for event in till.gateway.events(after=None, since=since)] == ids[: number % 5 or 5]
        assert [event.intent for event in read_all(till, since)] == ids


def test_only_events_of_payments_are_read(till: Till) -> None:
    since, cursor = beginning(till)
    intent, _ = till.confirmed("insufficient_funds")
    paid, _ = till.confirmed()
    found = read_all(till, since, cursor)
    assert [(event.type, event.intent) for event in found] == [
        ("payment_intent.payment_failed", intent),
        ("payment_intent.succeeded", paid),
    ]


def test_each_page_takes_a_slot(till: Till) -> None:
    since, _ = beginning(till)
    till.emulator.reset_statistics()
    slots = ScriptedSlots([[0.15]])
    started = monotonic_s()
    till.with_gateway(pacer=slots).gateway.events(after=None, since=since)
    assert monotonic_s() - started >= 0.15
    assert slots.reserved == [("stripe.events", 1)] * till.asked("events.list")


def test_a_cursor_that_the_provider_forgot_begins_again(emulator: Listening) -> None:
    """It keeps events for 30 days; a longer outage reads on from an instant."""
    till = open_till(emulator.url, timeout_s=0.3)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    till.emulator.set_clock(start)
    cancelled(till, 2)
    cursor = till.gateway.events(after=None, since=start)[-1].event_id
    till.emulator.set_clock(start + timedelta(days=31))
    ids = cancelled(till, 3)
    since = start + timedelta(days=30)
    assert [event.intent for event in till.gateway.events(after=cursor, since=since)] == ids

    # the second call, which begins again, gets no answer
    till.emulator.fault("stall", "events.list", nth=2, seconds=1)
    with pytest.raises(UnreachableError, match="events cannot be read"):
        till.gateway.events(after=cursor, since=since)
