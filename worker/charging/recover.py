"""Answers that were lost. An unknown outcome is settled by reading the PaymentIntent, never by guessing.

Succeeded, processing and cancelled speak for themselves. One that still waits is sent the same attempt with the
same key and parameters while that is younger than the replay limit, and is cancelled after it: the provider would
have forgotten the key, and the same request would be a new one.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.charging.outcomes import Step, Verdict, of_confirmation, of_reading
from worker.charging.settle import settle
from worker.gateways.answers import Answer, AnswerKind
from worker.gateways.stripe import ConfirmRequest
from worker.queue.items import Lease
from worker.runtime import Runtime
from worker.store import attempts


def recover(runtime: Runtime, lease: Lease, ids: Sequence[int]) -> Counter[str]:
    """Settle charges whose last answer is missing; what stays unknown is looked at again after a pause."""
    counts: Counter[str] = Counter()
    size = runtime.limits.micro_batch_max
    for start in range(0, len(ids), size):
        with boundary.transaction(runtime.engine, "charging.open_attempts") as connection:
            rows = list(attempts.open_attempts(connection, ids[start : start + size], item=lease.item_id))
        answers = runtime.payments.read([row.provider_intent for row in rows])
        readings = [
            of_reading(row.id, answer, was_processing="processing" in {row.state, row.attempt_state})
            for row, answer in zip(rows, answers, strict=True)
        ]
        verdicts = _act_on(runtime, rows, readings)
        counts += settle(runtime, lease, verdicts, checks={row.id: row.checks for row in rows})
    return counts


def _act_on(runtime: Runtime, rows: Sequence[Row[Any]], readings: Sequence[Verdict]) -> list[Verdict]:
    """Those that wait: send the same attempt again, or cancel what is too old for it."""
    limit = timedelta(hours=runtime.policy.replay_limit_hours)
    now = runtime.clock.now()
    waiting = [row for row, reading in zip(rows, readings, strict=True) if reading.step is Step.RESEND]
    young = [row for row in waiting if row.attempt_id is not None and now - row.sent_at < limit]
    old = [row for row in waiting if row not in young]
    resent = runtime.payments.confirm(
        [ConfirmRequest(key=f"attempt-{row.uid}", intent=row.provider_intent, parameters=row.request) for row in young]
    )
    cancelled = runtime.payments.cancel([row.provider_intent for row in old])
    found = {reading.charge_id: reading for reading in readings}
    found |= {row.id: of_confirmation(row.id, answer, resent=True) for row, answer in zip(young, resent, strict=True)}
    found |= {row.id: _of_cancelling(row.id, answer) for row, answer in zip(old, cancelled, strict=True)}
    # one that has moved on since it was read is read again at the next look
    return [v if v.step is not Step.READ else Verdict(v.charge_id, Step.UNKNOWN, v.answer) for v in found.values()]


def _of_cancelling(charge_id: int, answer: Answer) -> Verdict:
    step = Step.GIVE_UP if answer.kind is AnswerKind.CANCELLED else Step.UNKNOWN
    return Verdict(charge_id, step, answer)
