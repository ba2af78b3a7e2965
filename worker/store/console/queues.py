"""The queues: what waits and since when, what is worked on, how fast it goes, what failed lately."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

NEWEST = 10_000
"""Rates are told of so many newest items: finished ones have no index of their own, since work writes them."""

_DEPTH = text("""
    SELECT job,
           count(*) FILTER (WHERE state = 'ready' AND not_before <= now()) AS due,
           count(*) FILTER (WHERE state = 'ready' AND not_before > now() AND not_before < 'infinity') AS later,
           count(*) FILTER (WHERE state = 'ready' AND not_before = 'infinity') AS held,
           count(*) FILTER (WHERE state = 'leased') AS in_progress,
           count(*) FILTER (WHERE state = 'dead') AS dead,
           extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'ready' AND not_before <= now()))::float
               AS oldest_s
    FROM (
        SELECT job, state, not_before, created_at FROM work_items WHERE state = 'ready'
        UNION ALL SELECT job, state, not_before, created_at FROM work_items WHERE state = 'leased'
        UNION ALL SELECT job, state, not_before, created_at FROM work_items WHERE state = 'dead'
    ) w GROUP BY job
""")


def depth(connection: Connection) -> dict[str, Row[Any]]:
    """Per job with anything in it: due, later, held, in progress, dead, and the age of the oldest that is due."""
    return {row.job: row for row in connection.execute(_DEPTH)}


_RATES = text("""
    SELECT w.job, count(*) AS done,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM w.done_at - w.created_at))::float AS usual_s,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM w.done_at - w.created_at))::float AS slow_s
    FROM (SELECT job, state, created_at, done_at FROM work_items ORDER BY id DESC LIMIT :newest) w
    WHERE w.state = 'done' AND w.done_at > now() - make_interval(mins => :minutes)
    GROUP BY w.job
""")


def rates(connection: Connection, *, minutes: int) -> dict[str, Row[Any]]:
    """Per job, items finished within that time, and how long they took from being planned to done."""
    return {row.job: row for row in connection.execute(_RATES, {"newest": NEWEST, "minutes": minutes})}


_FAILED = text("""
    SELECT w.job, count(*) AS failed
    FROM (SELECT item_id, failed_at FROM item_failures ORDER BY id DESC LIMIT :newest) f
    JOIN work_items w ON w.id = f.item_id
    WHERE f.failed_at > now() - make_interval(mins => :minutes)
    GROUP BY w.job
""")


def failed(connection: Connection, *, minutes: int) -> dict[str, int]:
    """Per job, attempts that failed within that time."""
    values = {"newest": NEWEST, "minutes": minutes}
    return {row.job: row.failed for row in connection.execute(_FAILED, values)}


_IN_PROGRESS = text("""
    SELECT w.id, w.job, r.business_date, w.key, w.attempts, w.lease_expires_at, w.created_at
    FROM work_items w JOIN runs r ON r.id = w.run_id
    WHERE w.state = 'leased' ORDER BY w.lease_expires_at LIMIT :most
""")


def in_progress(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """Items in a worker's hands; whose lease ends first comes first."""
    return connection.execute(_IN_PROGRESS, {"most": most}).all()
