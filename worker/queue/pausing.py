"""Paused jobs: their items stay ready and are planned as ever; nobody rings for them, and nobody leases them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

NOT_PAUSED = "NOT EXISTS (SELECT FROM paused_jobs p WHERE p.job = {alias}.job)"
"""SQL: of items that may be started. Format with the alias of `work_items`."""

_PAUSE = text("""
    INSERT INTO paused_jobs (job, paused_by, reason) VALUES (:job, :by, :reason)
    ON CONFLICT (job) DO NOTHING RETURNING job
""")
_RESUME = text("DELETE FROM paused_jobs WHERE job = :job RETURNING job")
# what was rung for in vain meanwhile need not wait out its minute
_RING_SOON = text(
    "UPDATE work_items SET next_dispatch_at = now() WHERE job = :job AND state = 'ready' AND dispatches > 0"
)
_PAUSED = text("""
    SELECT job, paused_at, paused_by, reason, extract(epoch FROM now() - paused_at)::float AS age_s
    FROM paused_jobs ORDER BY job
""")


def pause(connection: Connection, job: str, *, by: str, reason: str) -> bool:
    """Start nothing of the job from now on; False when it is paused already. What is leased is worked to its end."""
    return connection.execute(_PAUSE, {"job": job, "by": by, "reason": reason}).first() is not None


def resume(connection: Connection, job: str) -> bool:
    """Let the job go on; False when it was not paused."""
    found = connection.execute(_RESUME, {"job": job}).first() is not None
    connection.execute(_RING_SOON, {"job": job})
    return found


def paused(connection: Connection) -> Sequence[Row[Any]]:
    """The paused jobs: since when, by whom, why."""
    return connection.execute(_PAUSED).all()
