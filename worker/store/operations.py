"""What the operator looks at and writes: runs and what they came to, what is stuck, the audit log."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

_AUDIT = text("""
    INSERT INTO audit_log (actor, act, reason, account_id, subscription_id, details)
    VALUES (:actor, :act, :reason, :account, :subscription, :details)
""").bindparams(bindparam("details", type_=JSONB))


def write_audit(
    connection: Connection,
    *,
    actor: str,
    act: str,
    reason: str | None,
    details: Mapping[str, object],
    account_id: int | None = None,
    subscription_id: int | None = None,
) -> None:
    """Write who did what by hand, and why, in the transaction that did it."""
    values = {
        "actor": actor,
        "act": act,
        "reason": reason,
        "account": account_id,
        "subscription": subscription_id,
        "details": dict(details),
    }
    connection.execute(_AUDIT, values)


_RUNS = """
    SELECT r.*, i.*
    FROM (
        SELECT id, job, business_date, trigger, root_run_id, requested_by, reason, selection, planned, created_at,
               held_at, held_reason, finished_at
        FROM runs
        WHERE (cast(:job AS text) IS NULL OR job = :job) AND (cast(:date AS date) IS NULL OR business_date = :date)
          AND {which}
        ORDER BY id DESC LIMIT :most
    ) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS items, count(*) FILTER (WHERE state IN ('ready', 'leased')) AS open,
               count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'dead') AS dead
        FROM work_items w WHERE w.run_id = r.id
    ) i
    ORDER BY r.id DESC
"""
_ALL_RUNS = text(_RUNS.format(which="true"))
# a statement of its own, so that its condition is the index's whatever plan is kept
_ASKED_RUNS = text(
    _RUNS.format(which="(trigger IN ('timetable', 'manual') OR (trigger = 'rung' AND root_run_id IS NULL))")
)


def list_runs(
    connection: Connection, *, job: str | None, business_date: date | None, caused: bool, most: int
) -> Sequence[Row[Any]]:
    """The newest runs with their items by state; `caused` adds those that other runs or a minute made."""
    values = {"job": job, "date": business_date, "most": most}
    return connection.execute(_ALL_RUNS if caused else _ASKED_RUNS, values).all()


_LAST_RUNS = text("""
    SELECT r.*, i.*
    FROM unnest(cast(:jobs AS text[])) AS j (name)
    CROSS JOIN LATERAL (
        SELECT id, job, business_date, trigger, planned, created_at, held_at, held_reason, finished_at
        FROM runs WHERE job = j.name ORDER BY business_date DESC, id DESC LIMIT 1
    ) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS items, count(*) FILTER (WHERE state IN ('ready', 'leased')) AS open,
               count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'dead') AS dead
        FROM work_items w WHERE w.run_id = r.id
    ) i
""")


def last_runs(connection: Connection, jobs: Sequence[str]) -> dict[str, Row[Any]]:
    """The run of the newest business date of each job."""
    return {row.job: row for row in connection.execute(_LAST_RUNS, {"jobs": list(jobs)})}


_RESULTS = text("""
    SELECT w.run_id, w.job, e.key, sum(e.value::bigint)::bigint AS total
    FROM work_items w CROSS JOIN LATERAL jsonb_each_text(w.result) AS e (key, value)
    WHERE w.run_id = ANY(:runs) AND jsonb_typeof(w.result) = 'object' AND e.value ~ '^-?[0-9]{1,15}$'
    GROUP BY w.run_id, w.job, e.key ORDER BY w.run_id, w.job, e.key
""")


def results(connection: Connection, run_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """What the finished items of these runs counted, added up by run and word."""
    return connection.execute(_RESULTS, {"runs": list(run_ids)}).all()


# One statement, one snapshot: a run that is rung for between two looks would be missed, and its parent found done.
_FAMILY = text("""
    WITH family AS (SELECT id FROM runs WHERE id = :run OR root_run_id = :run)
    SELECT r.held_reason, (SELECT array_agg(id ORDER BY id) FROM family) AS run_ids, i.*
    FROM runs r
    CROSS JOIN (
        SELECT count(*) AS items, count(*) FILTER (WHERE state IN ('ready', 'leased')) AS open,
               count(*) FILTER (WHERE state = 'dead') AS dead
        FROM work_items WHERE run_id IN (SELECT id FROM family)
    ) i
    WHERE r.id = :run
""")


def family(connection: Connection, run_id: int) -> Row[Any] | None:
    """A run and everything that it caused: run ids, items, how many are open and dead, why it is held."""
    return connection.execute(_FAMILY, {"run": run_id}).one_or_none()


_TOUCHED = text("""
    SELECT count(*) FILTER (WHERE c.parked_at IS NOT NULL) AS parked,
           count(*) FILTER (WHERE c.parked_at IS NULL AND c.state IN ('processing', 'unknown', 'cancelling'))
               AS unsettled
    FROM work_items w JOIN charges c ON c.work_item_id = w.id
    WHERE w.run_id = ANY(:runs)
""")


def touched(connection: Connection, run_ids: Sequence[int]) -> Row[Any]:
    """Of the charges that these runs held last: how many are parked, how many still wait for the provider."""
    return connection.execute(_TOUCHED, {"runs": list(run_ids)}).one()


_PLANNING_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")
_REHEARSED_RUN = text("""
    INSERT INTO runs (job, business_date, trigger, sequence, requested_by, reason)
    VALUES (:job, :date, 'rung', 0, 'dry run', 'rolled back') RETURNING id
""")


def begin_rehearsal(connection: Connection, *, lock: int, job: str, business_date: date) -> int:
    """Wait for other planners, which skip what is locked here, and insert a run for planned items to hang on.

    Only for a transaction that rolls back.
    """
    connection.execute(_PLANNING_LOCK, {"lock": lock})
    return int(connection.execute(_REHEARSED_RUN, {"job": job, "date": business_date}).scalar_one())


_PRICED_BEFORE = text("""
    SELECT currency, count(*) AS charges, sum(amount_minor)::bigint AS to_charge_minor
    FROM charges WHERE id = ANY(:ids) AND state <> 'planned' AND amount_minor IS NOT NULL
    GROUP BY currency ORDER BY currency
""")


def priced_before(connection: Connection, ids: Sequence[int]) -> dict[str, dict[str, int]]:
    """Per currency, the charges among these whose sum is frozen already: tries, and what was left behind."""
    return {
        row.currency: {"charges": row.charges, "to_charge_minor": row.to_charge_minor}
        for row in connection.execute(_PRICED_BEFORE, {"ids": list(ids)})
    }


_STUCK_CHARGES = text("""
    SELECT c.id, a.external_id, c.subscription_id, c.term_number, c.state, c.currency, c.amount_minor,
           c.parked_at, c.parked_reason, c.parked_detail, c.checks, c.provider_intent,
           coalesce(c.parked_at, t.sent_at, c.created_at) AS since,
           extract(epoch FROM CASE WHEN coalesce(c.parked_at, t.sent_at) IS NULL THEN now() - c.created_at
                                   ELSE cast(:now AS timestamptz) - coalesce(c.parked_at, t.sent_at) END) AS age_s
    FROM charges c
    JOIN accounts a ON a.id = c.account_id
    LEFT JOIN LATERAL (SELECT sent_at FROM attempts WHERE charge_id = c.id ORDER BY number DESC LIMIT 1) t ON true
    WHERE c.parked_at IS NOT NULL OR c.state IN ('unknown', 'cancelling')
    ORDER BY since, c.id LIMIT :most
""")


def stuck_charges(connection: Connection, *, now: datetime, most: int) -> Sequence[Row[Any]]:
    """Parked charges, and those whose answer is missing, oldest first. Ages are seconds by the clock that wrote."""
    return connection.execute(_STUCK_CHARGES, {"now": now, "most": most}).all()


_DEAD_ITEMS = text("""
    SELECT w.id, w.job, w.run_id, r.business_date, w.key, w.attempts, w.last_error, w.created_at AS since,
           extract(epoch FROM now() - w.created_at) AS age_s
    FROM work_items w JOIN runs r ON r.id = w.run_id
    WHERE w.state = 'dead' ORDER BY w.id LIMIT :most
""")


def dead_items(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """Items that failed too often, oldest first."""
    return connection.execute(_DEAD_ITEMS, {"most": most}).all()


_HELD_RUNS = text("""
    SELECT id, job, business_date, held_reason, held_at AS since, extract(epoch FROM now() - held_at) AS age_s
    FROM runs WHERE finished_at IS NULL AND held_at IS NOT NULL ORDER BY id LIMIT :most
""")


def held_runs(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """Runs that wait for an operator's word (R8d), oldest first."""
    return connection.execute(_HELD_RUNS, {"most": most}).all()


_FAILED_MAILS = text("""
    SELECT m.id, a.external_id, m.kind, m.subject_key, m.recipient, m.attempts, m.last_answer, m.created_at AS since,
           extract(epoch FROM now() - m.created_at) AS age_s
    FROM mails m JOIN accounts a ON a.id = m.account_id
    WHERE m.state = 'failed' ORDER BY m.id LIMIT :most
""")


def failed_mails(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """Mails that were refused, or deferred too often, oldest first."""
    return connection.execute(_FAILED_MAILS, {"most": most}).all()


_REQUEUABLE = {
    "item": text("SELECT id FROM work_items WHERE id = ANY(:ids) AND state IN ('dead', 'cancelled')"),
    "charge": text("SELECT id FROM charges WHERE id = ANY(:ids) AND parked_at IS NOT NULL"),
    "mail": text("SELECT id FROM mails WHERE id = ANY(:ids) AND state = 'failed'"),
    "payout": text("SELECT id FROM payouts WHERE id = ANY(:ids) AND parked_at IS NOT NULL"),
}


def not_requeuable(connection: Connection, *, kind: str, ids: Sequence[int]) -> list[int]:
    """Those of the ids that are no dead `item`, parked `charge` or `payout`, or failed `mail`."""
    found = set(connection.execute(_REQUEUABLE[kind], {"ids": list(ids)}).scalars())
    return [one for one in ids if one not in found]


_ALL_DEAD = text("SELECT id FROM work_items WHERE state = 'dead' ORDER BY id")


def all_dead(connection: Connection) -> list[int]:
    """Every dead item."""
    return list(connection.execute(_ALL_DEAD).scalars())


_SERVER = text("SELECT current_setting('server_version_num')::int / 10000")


def server_version(connection: Connection) -> int:
    """The major version of PostgreSQL."""
    return int(connection.execute(_SERVER).scalar_one())
