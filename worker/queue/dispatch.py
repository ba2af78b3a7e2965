"""The sweep: marks ready items, commits, then rings. A lost, doubled or late ring changes nothing but the time."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Engine, text

from worker import boundary
from worker.queue.pausing import NOT_PAUSED

REDISPATCH_FIRST_S = 5
REDISPATCH_MAX_S = 60
WINDOW_PER_THREAD = 5
"""Items that may be rung for and not yet leased, per worker thread: enough to keep threads busy, few to ring again."""


class Bell(Protocol):
    """Whatever can tell a worker that an item waits."""

    def ring(self, *, job: str, item_id: int) -> None:
        """Send one message. Raises when the messenger is away; the sweep tries again later."""
        ...


_IN_FLIGHT = """
    SELECT count(*) FROM work_items
    WHERE state = 'ready' AND dispatches > 0 AND next_dispatch_at > now() AND not_before <= now()
      AND NOT EXISTS (SELECT FROM paused_jobs p WHERE p.job = work_items.job)
"""

# Materialized: a plan that asks for the limited rows once per item would mark more of them than the limit says.
_MARK = text(f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM work_items
        WHERE state = 'ready' AND not_before <= now() AND next_dispatch_at <= now()
          AND (:all_items OR id = ANY(:items)) AND {NOT_PAUSED.format(alias="work_items")}
        ORDER BY next_dispatch_at, id
        LIMIT CASE WHEN :all_items THEN greatest(:window - ({_IN_FLIGHT}), 0) ELSE :window END
        FOR UPDATE SKIP LOCKED)
    UPDATE work_items w
    SET dispatches = dispatches + 1,
        next_dispatch_at = now() + make_interval(secs => least(:first_s * power(2, least(w.dispatches, 10)), :max_s))
    FROM due WHERE w.id = due.id
    RETURNING w.id, w.job
""")  # noqa: S608 - no value is put into the text


def sweep(engine: Engine, bell: Bell, *, threads: int, items: Sequence[int] | None = None) -> int:
    """Ring for ready items, all of them or just these; returns how many.

    A ring that fails is no loss: the item is rung for again after 5 s, backing off to 60 s. Raises what the bell
    raises, after the marks are committed.
    """
    values = {
        "first_s": REDISPATCH_FIRST_S,
        "max_s": REDISPATCH_MAX_S,
        "window": threads * WINDOW_PER_THREAD,
        "all_items": items is None,
        "items": list(items or ()),
    }
    with boundary.transaction(engine, "queue.dispatch") as connection:
        marked = connection.execute(_MARK, values).all()
    for row in sorted(marked, key=lambda row: row.id):
        with boundary.call("redis.ring"):
            bell.ring(job=row.job, item_id=row.id)
    return len(marked)
