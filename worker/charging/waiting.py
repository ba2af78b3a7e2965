"""Charges that wait for their customer: the events tell; single reads are the net below them (R6).

A payment must be known within two minutes even if its event never comes, and the provider allows few reads: so an
order is read every minute at first, when nearly all of them are paid, and seldom later. A declined renewal is read
when its customer has acted and the event could not be followed at once.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.billing.states import Purpose
from worker.charging.outcomes import Step, Verdict, of_reading
from worker.charging.settle import ORDER_PAUSE_FIRST, settle
from worker.queue.items import Lease, fence
from worker.runtime import Runtime
from worker.store import attempts

ORDER_READS_OFTEN = 60
"""So many reads of an order are `ORDER_PAUSE_FIRST` apart, then `ORDER_PAUSE_MAX`."""
ORDER_PAUSE_MAX = timedelta(minutes=10)
_NEWS = frozenset({Step.SUCCEED, Step.PROCESS, Step.GIVE_UP})


def look(runtime: Runtime, lease: Lease, ids: Sequence[int]) -> Counter[str]:
    """Read waiting charges and settle those that were paid or given up; the others are looked at again later."""
    counts: Counter[str] = Counter()
    size = runtime.limits.micro_batch_max
    for start in range(0, len(ids), size):
        with boundary.transaction(runtime.engine, "waiting.rows") as connection:
            rows = list(attempts.waiting(connection, ids[start : start + size], item=lease.item_id))
        with_intent = [row for row in rows if row.provider_intent is not None]
        answers = runtime.payments.read([row.provider_intent for row in with_intent])
        readings = [of_reading(row.id, answer) for row, answer in zip(with_intent, answers, strict=True)]
        counts += settle(runtime, lease, [reading for reading in readings if reading.step in _NEWS])
        _look_again(runtime, lease, [reading for reading in readings if reading.step not in _NEWS], rows)
    return counts


def _look_again(runtime: Runtime, lease: Lease, still: Sequence[Verdict], rows: Sequence[Row[Any]]) -> None:
    looked = {row.id: row for row in rows}
    now = runtime.clock.now()
    again: list[dict[str, object]] = []
    for verdict in still:
        row = looked[verdict.charge_id]
        pause = ORDER_PAUSE_FIRST if row.checks < ORDER_READS_OFTEN else ORDER_PAUSE_MAX
        # of a renewal that waits after all, the next event tells
        told = row.purpose == Purpose.RENEWAL and verdict.step is Step.RESEND
        at = None if told else (now + pause).isoformat()
        again.append({"id": row.id, "check_after": at, "checks": 0 if told else row.checks + 1})
    with boundary.transaction(runtime.engine, "waiting.again") as connection:
        fence(connection, lease)
        attempts.look_again(connection, again)
