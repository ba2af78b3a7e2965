"""The first screen: what each job of a business day came to, the money of that day, what is stuck, the last nights."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

# runs by job and day are found by their index, whatever made them: the timetable, a person, a minute or another job
_JOBS = text("""
    SELECT j.name AS job, r.*, i.*
    FROM unnest(cast(:jobs AS text[])) AS j (name)
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs, count(*) FILTER (WHERE trigger IN ('timetable', 'manual')) AS whole_runs,
               count(*) FILTER (WHERE held_at IS NOT NULL) AS held,
               min(created_at) AS began_at, max(finished_at) AS ended_at
        FROM runs WHERE job = j.name AND business_date = :date
    ) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS items,
               count(*) FILTER (WHERE w.state = 'done') AS done,
               count(*) FILTER (WHERE w.state IN ('ready', 'leased')) AS waiting,
               count(*) FILTER (WHERE w.state = 'leased') AS in_progress,
               count(*) FILTER (WHERE w.state = 'dead') AS dead,
               count(*) FILTER (WHERE w.state = 'cancelled') AS cancelled
        FROM runs o JOIN work_items w ON w.run_id = o.id
        WHERE o.job = j.name AND o.business_date = :date
    ) i
""")


def jobs_of(connection: Connection, jobs: Sequence[str], *, business_date: date) -> dict[str, Row[Any]]:
    """Per job, the runs and items of that business day by state."""
    return {row.job: row for row in connection.execute(_JOBS, {"jobs": list(jobs), "date": business_date})}


_MONEY = text("""
    SELECT currency, count(*) AS charges,
           count(*) FILTER (WHERE state = 'succeeded') AS charged,
           coalesce(sum(amount_minor) FILTER (WHERE state = 'succeeded'), 0)::bigint AS charged_minor,
           count(*) FILTER (WHERE state = 'processing') AS processing,
           coalesce(sum(amount_minor) FILTER (WHERE state = 'processing'), 0)::bigint AS processing_minor,
           count(*) FILTER (WHERE state IN ('declined', 'failed')) AS declined,
           coalesce(sum(amount_minor) FILTER (WHERE state IN ('declined', 'failed')), 0)::bigint AS declined_minor,
           count(*) FILTER (WHERE state NOT IN ('succeeded', 'processing', 'declined', 'failed', 'cancelled'))
               AS left_over,
           coalesce(sum(amount_minor)
               FILTER (WHERE state NOT IN ('succeeded', 'processing', 'declined', 'failed', 'cancelled')), 0)::bigint
               AS left_over_minor
    FROM charges WHERE business_date = :date AND purpose = 'renewal'
    GROUP BY currency ORDER BY currency NULLS LAST
""")


def money_of(connection: Connection, *, business_date: date) -> Sequence[Row[Any]]:
    """Per currency, the renewals of that business day: charged, on their way, declined, and left over.

    What has no price yet has no currency and no sum.
    """
    return connection.execute(_MONEY, {"date": business_date}).all()


_STUCK = text("""
    SELECT (SELECT count(*) FROM charges WHERE parked_at IS NOT NULL) AS parked,
           (SELECT count(*) FROM charges
            WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND state IN ('unknown', 'cancelling')
              AND parked_at IS NULL) AS unanswered,
           (SELECT count(*) FROM work_items WHERE state = 'dead') AS dead,
           (SELECT count(*) FROM runs WHERE finished_at IS NULL AND held_at IS NOT NULL) AS held,
           (SELECT count(*) FROM payouts WHERE parked_at IS NOT NULL OR state = 'unknown') AS payouts,
           (SELECT count(*) FROM disputes WHERE released_at IS NULL) AS disputes,
           (SELECT count(*) FROM mails WHERE state = 'failed') AS mails,
           (SELECT count(*) FROM paused_jobs) AS paused
""")


def stuck_counts(connection: Connection) -> Row[Any]:
    """How much waits for a person, by kind."""
    return connection.execute(_STUCK).one()


_OLDEST = text("""
    SELECT job, created_at, extract(epoch FROM now() - created_at)::float AS age_s
    FROM work_items WHERE state = 'ready' AND not_before <= now()
    ORDER BY created_at, id LIMIT 1
""")


def oldest_waiting(connection: Connection) -> Row[Any] | None:
    """The item that has waited longest for a worker; what is held or waits for its next try is not counted."""
    return connection.execute(_OLDEST).one_or_none()


# a day that a person ran is a night as well; where the timetable ran it too, that is the one
_NIGHTS = text("""
    SELECT DISTINCT ON (r.job, r.business_date) r.job, r.business_date, r.planned, r.created_at, r.finished_at,
           extract(epoch FROM r.finished_at - r.created_at)::float AS took_s,
           (SELECT count(*) FROM work_items w WHERE w.state = 'dead' AND w.run_id = r.id) AS dead
    FROM unnest(cast(:jobs AS text[])) AS j (name)
    JOIN runs r ON r.job = j.name AND r.trigger IN ('timetable', 'manual')
               AND r.business_date BETWEEN :first AND :last
    ORDER BY r.job, r.business_date, r.trigger DESC, r.id
""")


def nights(connection: Connection, jobs: Sequence[str], *, first: date, last: date) -> Sequence[Row[Any]]:
    """The whole runs of these days, one per job and day: what was planned, how long it took, what is dead."""
    return connection.execute(_NIGHTS, {"jobs": list(jobs), "first": first, "last": last}).all()


_BEATS = text("""
    SELECT process, kind, beat_at, extract(epoch FROM now() - beat_at)::float AS age_s FROM heartbeats
    ORDER BY kind, process
""")


def heartbeats(connection: Connection) -> Sequence[Row[Any]]:
    """Every process that said that it lives within a day."""
    return connection.execute(_BEATS).all()


_LAST_DATE = text("""
    SELECT max(r.business_date) FROM unnest(cast(:jobs AS text[])) AS j (name)
    CROSS JOIN LATERAL (
        SELECT business_date FROM runs WHERE job = j.name AND business_date <= :today
        ORDER BY business_date DESC LIMIT 1
    ) r
""")


def newest_date(connection: Connection, jobs: Sequence[str], *, today: date) -> date | None:
    """The newest business day on which any of the jobs ran."""
    found: date | None = connection.execute(_LAST_DATE, {"jobs": list(jobs), "today": today}).scalar_one()
    return found
