"""The provider's events, listed or brought by webhooks: payments, refunds and disputes that went on without our call.

An event is only a hint. Final states never change, so they are believed; a failure is read back first, since it may
speak of an earlier attempt. The cursor waits for nobody: a charge that could not be read, or that other work held, is
marked to be read soon, by itself.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.charging.chargebacks import settle_disputes
from worker.charging.outcomes import Step, of_reading
from worker.charging.payouts import read_again, settle_payouts
from worker.charging.settle import settle
from worker.errors import UnreachableError
from worker.gateways.answers import AboutKind, AnswerKind, ProviderEvent, RefundAnswerKind
from worker.gateways.stripe import EVENTS_PAGE_MAX
from worker.gateways.stripe_webhooks import as_provider_event
from worker.queue.items import Lease, fence
from worker.queue.runs import lock_planning
from worker.runtime import Runtime
from worker.store import attempts, inbox, payouts, provider

INBOX = "inbox"
"""The key of an item that looks into the inbox of webhooks."""
PAGES_MAX = 20
"""Pages in one item; the next minute goes on."""
OVERLAP = timedelta(seconds=60)
"""The cursor stays this far behind the present: events may become visible out of order. Not behind the newest event,
which a burst would never let it pass, and after which the last ones would be read for ever."""
BACK_AT_FIRST = timedelta(days=1)


def settle_events(runtime: Runtime, lease: Lease) -> Counter[str]:
    """Read events since the cursor and settle the charges, refunds and disputes that they speak of.

    Raises:
        UnreachableError: the provider does not answer; the events are read again.
    """
    counts: Counter[str] = Counter()
    with boundary.transaction(runtime.engine, "follow.cursor") as connection:
        cursor = provider.event_cursor(connection)
        provider.note_look(connection, now=runtime.clock.now())
        open_since = attempts.open_since(connection) or runtime.clock.today()
    since = datetime.combine(open_since, time(), UTC) - BACK_AT_FIRST
    after = cursor
    for _ in range(PAGES_MAX):
        events = runtime.payments.events(after=after, since=since)
        counts += _settle_all(runtime, lease, events)
        if not events:
            break
        after = events[-1].event_id
        _move_cursor(runtime, lease, events)
        if len(events) < EVENTS_PAGE_MAX:
            break
    return +counts


def settle_inbox(runtime: Runtime, lease: Lease) -> Counter[str]:
    """Look now at what the provider's webhooks spoke of; they come out of order, late and more than once.

    The cursor of the event list stays where it is: what a webhook brought first is read there again, and is no news.

    Raises:
        UnreachableError: the provider does not answer; the webhooks wait.
    """
    counts: Counter[str] = Counter()
    for _ in range(PAGES_MAX):
        with boundary.transaction(runtime.engine, "follow.inbox") as connection:
            kept = inbox.waiting(connection, most=EVENTS_PAGE_MAX)
        if not kept:
            break
        events = [
            as_provider_event(
                event_id=row.event_id,
                type=row.type,
                object_id=row.object_id,
                intent_id=row.intent_id,
                created_at=row.created_at,
            )
            for row in kept
        ]
        counts += _settle_all(runtime, lease, events)
        with boundary.transaction(runtime.engine, "follow.handled") as connection:
            fence(connection, lease)
            inbox.handled(connection, [row.id for row in kept])
    return +counts


def _settle_all(runtime: Runtime, lease: Lease, events: Sequence[ProviderEvent]) -> Counter[str]:
    counts = Counter({"events": len(events)})
    counts += _settle_page(runtime, lease, [event for event in events if event.about is AboutKind.INTENT])
    counts += _settle_refunds(runtime, lease, [event for event in events if event.about is AboutKind.REFUND])
    counts += settle_disputes(runtime, lease, [event for event in events if event.about is AboutKind.DISPUTE])
    return counts


def _settle_page(runtime: Runtime, lease: Lease, events: Sequence[ProviderEvent]) -> Counter[str]:
    spoken_of = {event.intent for event in events}
    if not spoken_of:
        return Counter()
    with boundary.transaction(runtime.engine, "follow.take") as connection:
        fence(connection, lease)
        lock_planning(connection)
        rows = attempts.take_by_intent(connection, sorted(spoken_of), item=lease.item_id)
        taken = {row.provider_intent for row in rows}
        held = [row for row in attempts.of_intents(connection, sorted(spoken_of - taken)) if _speaks(row, events)]
    _keep_news(runtime, lease, [row.provider_intent for row in held])
    moving = [row for row in rows if _speaks(row, events)]
    counts: Counter[str] = Counter()
    size = runtime.limits.micro_batch_max
    for start in range(0, len(moving), size):
        batch = moving[start : start + size]
        answers = runtime.payments.read([row.provider_intent for row in batch])
        read = [(row, answer) for row, answer in zip(batch, answers, strict=True) if answer.kind in _READ]
        verdicts = [of_reading(row.id, answer, was_processing=row.state == "processing") for row, answer in read]
        counts += settle(runtime, lease, [verdict for verdict in verdicts if verdict.step is not Step.RESEND])
        unread = {row.provider_intent for row in batch} - {row.provider_intent for row, _ in read}
        _keep_news(runtime, lease, sorted(unread))
    return counts


def _keep_news(runtime: Runtime, lease: Lease, intents: Sequence[str]) -> None:
    """Have these read soon, each by itself: the list of events will not tell of them again."""
    for intent in intents:
        with boundary.transaction(runtime.engine, "follow.keep") as connection:
            fence(connection, lease)
            attempts.keep_news(connection, intent, now=runtime.clock.now())


def _settle_refunds(runtime: Runtime, lease: Lease, events: Sequence[ProviderEvent]) -> Counter[str]:
    """A refund that was pending has ended, or one that had succeeded has failed after all (R14b).

    Payouts are not claimed for it: one that an item holds meanwhile is moved by whoever is first, along its table.
    """
    names = sorted({event.name for event in events})
    if not names:
        return Counter()
    with boundary.transaction(runtime.engine, "follow.refunds") as connection:
        rows = payouts.of_refunds(connection, names)
    counts: Counter[str] = Counter()
    size = runtime.limits.micro_batch_max
    for start in range(0, len(rows), size):
        verdicts = read_again(runtime, rows[start : start + size])
        counts += settle_payouts(runtime, lease, verdicts)
        unread = [v for v in verdicts if v.answer.kind in {RefundAnswerKind.UNKNOWN, RefundAnswerKind.NOT_EXECUTED}]
        if unread:
            # the cursor must not pass it: a refund that had succeeded is read for no other reason
            raise UnreachableError(f"{len(unread)} refunds that events speak of cannot be read")
    return Counter({f"payouts_{state}": count for state, count in counts.items()})


_NEWS = {
    "processing": {"payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled"},
}
_NEWS_ELSE = {"payment_intent.succeeded", "payment_intent.processing", "payment_intent.canceled"}
"""A failure tells nothing new about a charge that is declined or unknown; it may be an earlier attempt's."""
_READ = frozenset({AnswerKind.SUCCEEDED, AnswerKind.PROCESSING, AnswerKind.CANCELLED, AnswerKind.WAITING})
"""What a PaymentIntent that was read may be; one that waits is no news."""


def _speaks(row: Row[Any], events: Sequence[ProviderEvent]) -> bool:
    """Whether an event can change this charge, so that a read is worth it."""
    types = {event.type for event in events if event.intent == row.provider_intent}
    return bool(types & _NEWS.get(row.state, _NEWS_ELSE))


def _move_cursor(runtime: Runtime, lease: Lease, events: Sequence[ProviderEvent]) -> None:
    now = runtime.clock.now()
    old = [event for event in events if now - event.created_at >= OVERLAP]
    if old:
        with boundary.transaction(runtime.engine, "follow.move") as connection:
            fence(connection, lease)
            provider.move_event_cursor(connection, event_id=old[-1].event_id, event_at=old[-1].created_at)
