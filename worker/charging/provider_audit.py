"""The provider's side of the audit: a span of business days, its lists held against our books, and the other way round.

What the provider lists is looked up here, page by page; what our books say of the same days is looked for in the
lists, and read singly where they do not have it: a payment that processed for days is in the list of an earlier one.
Nothing is accused that was not read. Both sides are only read; a provider that does not answer ends the comparison.

Each object has its own time, so days that touch share nothing. Around a day an hour more is read, for what is booked on
the other side of midnight: it proves that things exist, and is judged with its own day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.charging.comparing import (
    SETTLING,
    Comparison,
    judge_charge,
    judge_dispute,
    judge_refund,
    prove_duplicate,
)
from worker.charging.payouts import MARK
from worker.clock import Clock
from worker.errors import UnreachableError
from worker.gateways.answers import (
    Answer,
    AnswerKind,
    ChargeStatus,
    ProviderCharge,
    ProviderDispute,
    RefundAnswer,
    RefundAnswerKind,
    RefundStatus,
    kind_of,
)
from worker.runtime import Runtime
from worker.store.audit import provider
from worker.store.audit.provider import mark_of

MARGIN = timedelta(hours=1)
"""What is booked is booked within minutes of its payment, whichever clock is a little off."""
ROWS_MAX = 1000
"""Rows of ours that are held in hand at once."""
READS_MAX = 500
"""Of each kind, what is missing in the lists and read singly; the provider allows few reads, and so many are missing
only when everything is."""
LISTED_MAX = 20


@dataclass(frozen=True, slots=True)
class Span:
    """Business days as instants: `since` is inside, `until` is not."""

    since: datetime
    until: datetime

    def holds(self, at: datetime | None) -> bool:
        """Whether an instant lies within."""
        return at is not None and self.since <= at < self.until


def business_days(clock: Clock, first: date, last: date) -> Span:
    """From the first moment of `first` to the last of `last`, in the seller's zone."""
    begins = datetime.combine(first, time(), clock.zone)
    return Span(begins, datetime.combine(last + timedelta(days=1), time(), clock.zone))


@dataclass
class _There:
    """Names of what exists at the provider: PaymentIntents that were paid, refunds and disputes."""

    paid: set[str] = field(default_factory=set)
    refunds: set[str] = field(default_factory=set)
    disputes: set[str] = field(default_factory=set)


def compare_provider(runtime: Runtime, span: Span, *, most: int = LISTED_MAX) -> Comparison:
    """Hold the provider's charges, refunds and disputes of the span against our books, both ways.

    Memory: the names of the span's payments. Calls: one for each 100 objects, and one for what the lists do not have.

    Raises:
        UnreachableError: the provider did not answer; nothing is known, and the same may be asked again.
    """
    so_far = Comparison(runtime.clock.now(), most)
    there = _There()
    since, until = span.since - MARGIN, span.until + MARGIN
    for charges in runtime.payments.charges_between(since, until):
        there.paid.update(one.intent for one in charges if one.status is ChargeStatus.SUCCEEDED)
        _judge_charges(runtime, so_far, [one for one in charges if span.holds(one.created_at)])
    for refunds in runtime.payments.refunds_between(since, until):
        there.refunds.update(one.refund for one in refunds if one.refund is not None)
        _judge_refunds(runtime, so_far, [one for one in refunds if span.holds(one.created_at)])
    for disputes in runtime.payments.disputes_between(since, until):
        there.disputes.update(one.dispute for one in disputes)
        _judge_disputes(runtime, so_far, [one for one in disputes if span.holds(one.created_at)])
    _prove(runtime, so_far, there)
    _look_for_ours(runtime, so_far, there, span)
    return so_far


def _judge_charges(runtime: Runtime, so_far: Comparison, page: Sequence[ProviderCharge]) -> None:
    marks = [
        {
            "place": place,
            "intent": one.intent,
            "mark": _text(mark_of(one.metadata.get("charge"))),
            "account": one.metadata.get("account"),
            "term": _term(one.metadata.get("term")),
        }
        for place, one in enumerate(page)
    ]
    with boundary.transaction(runtime.engine, "provider_audit.charges") as connection:
        known = provider.known_charges(connection, marks)
    for place, one in enumerate(page):
        judge_charge(so_far, one, known.get(place))


def _judge_refunds(runtime: Runtime, so_far: Comparison, page: Sequence[RefundAnswer]) -> None:
    marks = [
        {
            "place": place,
            "refund": one.refund,
            "mark": _text(mark_of(one.metadata.get(MARK))),
            "intent": one.intent,
        }
        for place, one in enumerate(page)
    ]
    with boundary.transaction(runtime.engine, "provider_audit.refunds") as connection:
        known = provider.known_payouts(connection, marks)
    for place, one in enumerate(page):
        judge_refund(so_far, one, known.get(place), mark=MARK)


def _judge_disputes(runtime: Runtime, so_far: Comparison, page: Sequence[ProviderDispute]) -> None:
    marks = [{"place": place, "dispute": one.dispute, "intent": one.intent} for place, one in enumerate(page)]
    with boundary.transaction(runtime.engine, "provider_audit.disputes") as connection:
        known = provider.known_disputes(connection, marks)
    for place, one in enumerate(page):
        judge_dispute(so_far, one, known.get(place))


def _text(mark: object) -> str | None:
    return None if mark is None else str(mark)


def _term(told: str | None) -> int | None:
    number = told or ""
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None  # noqa: PLR2004 - an integer


def _prove(runtime: Runtime, so_far: Comparison, there: _There) -> None:
    """Whether what our books carry beside each suspect was paid: it may lie on another day, and is read then."""
    elsewhere = sorted({one.booked for one in so_far.suspects} - there.paid)
    answers = dict(zip(elsewhere, _read(runtime, elsewhere), strict=True))
    for suspect in so_far.suspects:
        paid = suspect.booked in there.paid or answers[suspect.booked].kind is AnswerKind.SUCCEEDED
        prove_duplicate(so_far, suspect, booked_is_paid=paid)


def _read(runtime: Runtime, intents: Sequence[str]) -> list[Answer]:
    """PaymentIntents, read singly in micro-batches. Raises UnreachableError when one has no usable answer."""
    answers: list[Answer] = []
    size = runtime.limits.micro_batch_max
    for start in range(0, len(intents), size):
        answers += runtime.payments.read(intents[start : start + size])
    for intent, answer in zip(intents, answers, strict=True):
        if answer.kind in {AnswerKind.UNKNOWN, AnswerKind.NOT_EXECUTED}:
            raise UnreachableError(f"{intent} cannot be read: {answer.message}")
    return answers


_Ask = Callable[..., list[Row[Any]]]


def _look_for_ours(runtime: Runtime, so_far: Comparison, there: _There, span: Span) -> None:
    """Everything that our books say of the span is at the provider."""
    missing = _missing(runtime, so_far, span, provider.paid_between, there.paid)
    for row, answer in zip(missing, _read(runtime, [row.name for row in missing]), strict=True):
        _judge_read(so_far, row, answer)
    missing = _missing(runtime, so_far, span, provider.paid_out_between, there.refunds)
    for row, told in zip(missing, _read_refunds(runtime, [row.name for row in missing]), strict=True):
        _judge_read_refund(so_far, row, told)
    for row in _missing(runtime, so_far, span, provider.disputed_between, there.disputes):
        _judge_read_dispute(runtime, so_far, row)


def _missing(runtime: Runtime, so_far: Comparison, span: Span, ask: _Ask, listed: set[str]) -> list[Row[Any]]:
    """Rows of ours whose name is not in the lists; those beyond what is read singly are counted as not compared."""
    missing: list[Row[Any]] = []
    left_out = after = 0
    until = min(span.until, so_far.now - SETTLING)
    while True:
        with boundary.transaction(runtime.engine, "provider_audit.ours") as connection:
            rows = ask(connection, span.since, until, after=after, most=ROWS_MAX)
        so_far.counts["ours"] += len(rows)
        absent = [row for row in rows if row.name is not None and row.name not in listed]
        room = READS_MAX - len(missing)
        missing += absent[:room]
        left_out += len(absent[room:])
        if len(rows) < ROWS_MAX:
            break
        after = rows[-1].id
    if left_out:
        so_far.accuse("not_compared", None, f"{left_out} more are not in the provider's lists, beside {READS_MAX} read")
    return missing


def _judge_read(so_far: Comparison, row: Row[Any], answer: Answer) -> None:
    """A charge that our books call paid, as its PaymentIntent says by itself."""
    name = f"{row.name}, charge {row.id}"
    if answer.kind is AnswerKind.REFUSED:
        so_far.accuse("unknown_there", row, f"{name}: {answer.code or 'refused'}")
    elif answer.kind is not AnswerKind.SUCCEEDED:
        so_far.accuse("state_differs", row, f"{name}: succeeded here, {answer.kind} there")
    elif (answer.amount_minor, answer.currency) != (row.amount_minor, row.currency):
        here, said = f"{row.amount_minor} {row.currency}", f"{answer.amount_minor} {answer.currency}"
        so_far.accuse("amount_differs", row, f"{name}: {here} here, {said} there")


def _read_refunds(runtime: Runtime, refunds: Sequence[str]) -> list[RefundAnswer]:
    answers: list[RefundAnswer] = []
    size = runtime.limits.micro_batch_max
    for start in range(0, len(refunds), size):
        answers += runtime.payments.read_refunds(refunds[start : start + size])
    for refund, answer in zip(refunds, answers, strict=True):
        if answer.kind not in {RefundAnswerKind.KNOWN, RefundAnswerKind.REFUSED}:
            raise UnreachableError(f"{refund} cannot be read: {answer.message}")
    return answers


def _judge_read_refund(so_far: Comparison, row: Row[Any], answer: RefundAnswer) -> None:
    name = f"{row.name}, payout {row.id}"
    if answer.kind is RefundAnswerKind.REFUSED:
        so_far.accuse("unknown_there", row, f"{name}: {answer.code or 'refused'}")
    elif row.state == "succeeded" and answer.status is not RefundStatus.SUCCEEDED:
        so_far.accuse("state_differs", row, f"{name}: succeeded here, {answer.status} there")
    elif (answer.amount_minor, answer.currency) != (row.amount_minor, row.currency):
        here, said = f"{row.amount_minor} {row.currency}", f"{answer.amount_minor} {answer.currency}"
        so_far.accuse("amount_differs", row, f"{name}: {here} here, {said} there")


def _judge_read_dispute(runtime: Runtime, so_far: Comparison, row: Row[Any]) -> None:
    name = f"{row.name}, dispute {row.id}"
    try:
        told = runtime.payments.dispute(row.name)
    except UnreachableError as error:
        if error.__cause__ is None or kind_of(error.__cause__) is not AnswerKind.REFUSED:
            raise
        so_far.accuse("unknown_there", row, f"{name}: nobody knows it")
        return
    if told.status != row.status:
        so_far.accuse("state_differs", row, f"{name}: {row.status} here, {told.status} there")


def figures(so_far: Comparison) -> dict[str, int]:
    """What was looked at, and what was found, by kind; without what was not."""
    counts = {name: so_far.counts[name] for name in ("charges", "refunds", "disputes", "ours", "foreign")}
    waiting = {name: n for name in ("settling", "under_way") if (n := so_far.counts[name])}
    broken = {one.invariant.name: one.total for one in so_far.findings() if one.broken}
    return {**counts, **waiting, "broken": len(broken), **broken}
