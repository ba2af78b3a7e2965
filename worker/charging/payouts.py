"""Refunds at the provider: sent once, looked up when the answer is missing, parked when they cannot be paid (R14b).

A payout is written as sent before it is, under a key made of its own name. Whatever is neither a definite yes nor a
definite no is unknown: the refunds of its PaymentIntent are read, and ours is known by its metadata. One that is not
there is asked for again under the same key while the provider certainly remembers it, and never after that.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.billing.states import PayoutState
from worker.charging.settle import PROCESSING_CHECK, UNKNOWN_CHECKS_MAX, check_pause
from worker.errors import UnreachableError
from worker.gateways.answers import RefundAnswer, RefundAnswerKind, RefundStatus
from worker.gateways.stripe import RefundRequest
from worker.queue.items import Lease, fence
from worker.runtime import Runtime
from worker.store import payouts

MARK = "payout"
"""The metadata that tells our refunds from those made by hand: the payout's name."""


@dataclass(frozen=True, slots=True)
class PayoutVerdict:
    """The state to which a payout moves, with the answer that led to it; parked if there is a reason.

    `pause` is until the next look, None when nothing is to be looked up.
    """

    row: Row[Any]
    state: PayoutState
    answer: RefundAnswer
    reason: str | None = None
    pause: timedelta | None = None
    checks: int = 0


def pay(runtime: Runtime, lease: Lease) -> Counter[str]:
    """Bring every payout of the lease as far as it can go now; returns how many came to which state.

    Raises:
        UnreachableError: the provider did not execute some of it; the item is tried again with a pause.
        LeaseLostError: somebody else goes on.
    """
    with boundary.transaction(runtime.engine, "payouts.held") as connection:
        fence(connection, lease)
        rows = payouts.held(connection, lease.ids, item=lease.item_id)
    counts: Counter[str] = Counter()
    for batch in _batches(runtime, [row for row in rows if row.state in {"sent", "unknown"}]):
        counts += settle_payouts(runtime, lease, _look_up(runtime, batch))
    for batch in _batches(runtime, [row for row in rows if row.state == "pending"]):
        counts += settle_payouts(runtime, lease, read_again(runtime, batch))
    for batch in _batches(runtime, [row for row in rows if row.state == "planned"]):
        counts += _send(runtime, lease, [row.id for row in batch])
    left = counts[PayoutState.PLANNED.value]
    if left:
        raise UnreachableError(f"{left} refunds wait for the provider: {dict(counts)}")
    return counts


def _batches(runtime: Runtime, rows: Sequence[Row[Any]]) -> Iterator[Sequence[Row[Any]]]:
    size = runtime.limits.micro_batch_max
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _send(runtime: Runtime, lease: Lease, ids: Sequence[int]) -> Counter[str]:
    with boundary.transaction(runtime.engine, "payouts.begin") as connection:
        fence(connection, lease)
        rows = payouts.begin(connection, ids, item=lease.item_id, now=runtime.clock.now())
    answers = runtime.payments.refund([_request(row) for row in rows])
    verdicts = [_of_first_answer(runtime, row, answer) for row, answer in zip(rows, answers, strict=True)]
    return settle_payouts(runtime, lease, verdicts)


def _request(row: Row[Any]) -> RefundRequest:
    """The same for the same payout, whenever it is sent: the provider then gives the money back once."""
    return RefundRequest(
        key=f"payout-{row.uid}",
        intent=row.provider_intent,
        amount_minor=row.amount_minor,
        metadata={MARK: str(row.uid)},
    )


def _of_first_answer(runtime: Runtime, row: Row[Any], answer: RefundAnswer) -> PayoutVerdict:
    match answer.kind:
        case RefundAnswerKind.KNOWN:
            return _of_refund(row, answer)
        case RefundAnswerKind.REFUSED:
            return PayoutVerdict(row, PayoutState.FAILED, answer, reason="payout_refused")
        case RefundAnswerKind.NOT_EXECUTED:
            return PayoutVerdict(row, PayoutState.PLANNED, answer)
        case RefundAnswerKind.ALREADY:
            return _of_nothing_left(runtime, row, answer)
        case _:
            return _unknown(row, answer)


def _of_nothing_left(runtime: Runtime, row: Row[Any], answer: RefundAnswer) -> PayoutVerdict:
    """The provider has nothing left to give back: by a request of ours that it had executed, or by somebody else."""
    try:
        ours = _ours(runtime, row)
    except UnreachableError:
        return _unknown(row, answer)
    if ours is None:
        return PayoutVerdict(row, PayoutState.FAILED, answer, reason="already_refunded")
    return _of_refund(row, ours)


def _look_up(runtime: Runtime, rows: Sequence[Row[Any]]) -> list[PayoutVerdict]:
    """Settle what was sent and has no answer; what the provider does not know is asked for again, if young enough."""
    limit = timedelta(hours=runtime.policy.replay_limit_hours)
    now = runtime.clock.now()
    verdicts: list[PayoutVerdict] = []
    absent: list[Row[Any]] = []
    for row in rows:
        try:
            ours = _ours(runtime, row)
        except UnreachableError as error:
            verdicts.append(_unknown(row, RefundAnswer(RefundAnswerKind.UNKNOWN, message=str(error))))
            continue
        if ours is not None:
            verdicts.append(_of_refund(row, ours))
        elif now - row.sent_at < limit:
            absent.append(row)
        else:
            said = f"not among the provider's refunds, and sent more than {runtime.policy.replay_limit_hours} hours ago"
            too_old = RefundAnswer(RefundAnswerKind.UNKNOWN, message=said)
            verdicts.append(PayoutVerdict(row, PayoutState.UNKNOWN, too_old, reason="unknown_too_long"))
    answers = runtime.payments.refund([_request(row) for row in absent])
    # anything but a refund speaks of the repeat only; the first request may still have been executed
    verdicts += [
        _of_refund(row, answer) if answer.kind is RefundAnswerKind.KNOWN else _unknown(row, answer)
        for row, answer in zip(absent, answers, strict=True)
    ]
    return verdicts


def read_again(runtime: Runtime, rows: Sequence[Row[Any]]) -> list[PayoutVerdict]:
    """Read refunds whose end is still to come, or whose end an event speaks of; what cannot be read stays as it is."""
    answers = runtime.payments.read_refunds([row.provider_refund for row in rows])
    return [
        _of_refund(row, answer)
        if answer.kind is RefundAnswerKind.KNOWN
        else PayoutVerdict(row, PayoutState(row.state), answer, pause=PROCESSING_CHECK)
        for row, answer in zip(rows, answers, strict=True)
    ]


def _ours(runtime: Runtime, row: Row[Any]) -> RefundAnswer | None:
    """This payout's refund at the provider, None when there is none. Raises UnreachableError."""
    found = [
        each for each in runtime.payments.refunds_of(row.provider_intent) if each.metadata.get(MARK) == str(row.uid)
    ]
    return found[0] if found else None


def _of_refund(row: Row[Any], answer: RefundAnswer) -> PayoutVerdict:
    """What a refund that the provider showed means. The books must never say what did not happen."""
    if (answer.amount_minor, answer.currency) != (row.amount_minor, row.currency):
        said = f"the provider says {answer.amount_minor} {answer.currency} of {answer.refund}"
        differing = RefundAnswer(answer.kind, code=answer.code, message=said, request_id=answer.request_id)
        state = PayoutState.PENDING if row.state == PayoutState.PENDING else PayoutState.UNKNOWN
        return PayoutVerdict(row, state, differing, reason="amount_differs")
    match answer.status:
        case RefundStatus.SUCCEEDED:
            return PayoutVerdict(row, PayoutState.SUCCEEDED, answer)
        case RefundStatus.FAILED | RefundStatus.CANCELLED:
            return PayoutVerdict(row, PayoutState.FAILED, answer, reason="payout_failed")
        case _:
            return PayoutVerdict(row, PayoutState.PENDING, answer, pause=PROCESSING_CHECK)


def _unknown(row: Row[Any], answer: RefundAnswer) -> PayoutVerdict:
    checks = row.checks + 1 if row.state == PayoutState.UNKNOWN else 0
    if checks >= UNKNOWN_CHECKS_MAX:
        return PayoutVerdict(row, PayoutState.UNKNOWN, answer, reason="unknown_too_long")
    return PayoutVerdict(row, PayoutState.UNKNOWN, answer, pause=check_pause(checks), checks=checks)


def settle_payouts(runtime: Runtime, lease: Lease, verdicts: Sequence[PayoutVerdict]) -> Counter[str]:
    """Write a micro-batch's verdicts in one transaction. Returns how many payouts came to which state."""
    if not verdicts:
        return Counter()
    now = runtime.clock.now()
    with boundary.transaction(runtime.engine, "payouts.settle") as connection:
        fence(connection, lease)
        for state in PayoutState:
            rows = [_written(verdict, now=now) for verdict in verdicts if verdict.state is state]
            payouts.settle(connection, state, rows, now=now)
    return Counter(verdict.state.value for verdict in verdicts)


def _written(verdict: PayoutVerdict, *, now: datetime) -> dict[str, object]:
    answer = verdict.answer
    parts = (answer.failure_reason, answer.code, answer.message, answer.request_id)
    return {
        "id": verdict.row.id,
        "refund": answer.refund,
        "code": answer.failure_reason or answer.code,
        "check_after": None if verdict.pause is None else (now + verdict.pause).isoformat(),
        "checks": verdict.checks,
        "parked_reason": verdict.reason,
        "parked_detail": None if verdict.reason is None else " ".join(part for part in parts if part),
    }
