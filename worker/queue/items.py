"""Work items: one lease each, every write-back fenced by its token.

A worker that lost its lease (stalled, paused, cut off) finds its token gone and cannot write; whoever took the
item over goes on from the states of the business rows. Only leases that failed or ran out count as attempts.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker import boundary
from worker.errors import LeaseLostError, PermanentError, TransientError
from worker.queue.pausing import NOT_PAUSED
from worker.queue.plans import Claimed, PlannedItem
from worker.telemetry import scrubbed

RETRY_FIRST_S = 2
"""A failed item waits 2 s, then twice as long each time."""
RETRY_MAX_S = 600
DEFERRALS_MAX = 150
"""At one every ten minutes: about a day of waiting for a server that is away."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An item in our hands. The token fences every write."""

    item_id: int
    run_id: int
    root_run_id: int
    job: str
    key: str
    business_date: date
    ids: tuple[int, ...]
    token: UUID
    attempt: int
    deferrals: int


_INSERT = text("""
    INSERT INTO work_items (run_id, job, key, payload, not_before)
    SELECT :run, :job, i.key, i.payload::jsonb, CASE WHEN :held THEN 'infinity'::timestamptz ELSE now() END
    FROM unnest(cast(:keys AS text[]), cast(:payloads AS text[])) AS i (key, payload)
    ON CONFLICT (run_id, key) DO NOTHING
    RETURNING id, key
""")

_CLAIM = {
    table: text(f"""
        UPDATE {table} AS r SET work_item_id = v.item
        FROM unnest(cast(:ids AS bigint[]), cast(:items AS bigint[])) AS v (id, item) WHERE r.id = v.id
    """)  # noqa: S608 - the table's name comes from a closed enum
    for table in Claimed
}


def insert_items(
    connection: Connection, items: Sequence[PlannedItem], *, run_id: int, job: str, held: bool = False
) -> list[int]:
    """Insert items and mark the rows that they claim; part of the transaction that found them."""
    if not items:
        return []
    rows = connection.execute(
        _INSERT,
        {
            "run": run_id,
            "job": job,
            "held": held,
            "keys": [item.key for item in items],
            "payloads": ['{"ids": [' + ",".join(map(str, item.ids)) + "]}" for item in items],
        },
    ).all()
    item_of = {row.key: row.id for row in rows}
    for table in Claimed:
        pairs = [
            (row_id, item_of[item.key])
            for item in items
            if item.claims is table and item.key in item_of
            for row_id in item.ids
        ]
        if pairs:
            connection.execute(_CLAIM[table], {"ids": [p[0] for p in pairs], "items": [p[1] for p in pairs]})
    return list(item_of.values())


_LEASE = text(f"""
    UPDATE work_items w
    SET state = 'leased', lease_token = :token, lease_expires_at = now() + make_interval(secs => :lease_s)
    FROM runs r
    WHERE w.id = :item AND w.state = 'ready' AND w.not_before <= now() AND r.id = w.run_id
      AND {NOT_PAUSED.format(alias="w")}
    RETURNING w.id, w.run_id, coalesce(r.root_run_id, r.id) AS root, w.job, w.key, r.business_date,
              w.payload, w.attempts, w.deferrals
""")  # noqa: S608 - no value is put into the text


def lease(engine: Engine, item_id: int, *, lease_s: int) -> Lease | None:
    """Take the item, or None when it is not ours to take: done, leased, not due, cancelled, its job paused."""
    token = uuid4()
    with boundary.transaction(engine, "queue.lease") as connection:
        row = connection.execute(_LEASE, {"item": item_id, "token": token, "lease_s": lease_s}).one_or_none()
    if row is None:
        return None
    return Lease(
        item_id=row.id,
        run_id=row.run_id,
        root_run_id=row.root,
        job=row.job,
        key=row.key,
        business_date=row.business_date,
        ids=tuple(row.payload["ids"]),
        token=token,
        attempt=row.attempts + 1,
        deferrals=row.deferrals,
    )


_FENCE = text("""
    SELECT 1 FROM work_items WHERE id = :item AND lease_token = :token FOR NO KEY UPDATE
""")


def fence(connection: Connection, held: Lease) -> None:
    """Begin every write-back with this. Raises LeaseLostError when the item is somebody else's by now."""
    if connection.execute(_FENCE, {"item": held.item_id, "token": held.token}).one_or_none() is None:
        raise LeaseLostError(f"item {held.item_id} of {held.job} is no longer ours")


_RENEW = text("""
    UPDATE work_items w SET lease_expires_at = now() + make_interval(secs => :lease_s)
    FROM unnest(cast(:items AS bigint[]), cast(:tokens AS uuid[])) AS v (id, token)
    WHERE w.id = v.id AND w.lease_token = v.token
""")


def renew_leases(engine: Engine, held: Sequence[Lease], *, lease_s: int) -> None:
    """Push the expiry of leases whose worker lives; those lost meanwhile stay lost."""
    if held:
        with boundary.transaction(engine, "queue.renew") as connection:
            connection.execute(
                _RENEW,
                {"items": [h.item_id for h in held], "tokens": [h.token for h in held], "lease_s": lease_s},
            )


_DONE = text("""
    UPDATE work_items
    SET state = 'done', done_at = now(), lease_token = NULL, lease_expires_at = NULL, result = :result,
        last_error = NULL, last_traceback = NULL
    WHERE id = :item AND lease_token = :token RETURNING run_id
""").bindparams(bindparam("result", type_=JSONB))

_LOCK_RUN = text("SELECT 1 FROM runs WHERE id = :run FOR NO KEY UPDATE")

_CLOSE_RUN = text("""
    UPDATE runs r SET finished_at = now()
    WHERE r.id = :run AND r.finished_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM work_items w WHERE w.run_id = r.id AND w.state IN ('ready', 'leased'))
""")


def close_run(connection: Connection, run_id: int) -> None:
    """Mark the run finished if nothing of it is left; the row lock lets the last of two finishers see both."""
    connection.execute(_LOCK_RUN, {"run": run_id})
    connection.execute(_CLOSE_RUN, {"run": run_id})


def finish(engine: Engine, held: Lease, result: Mapping[str, object]) -> None:
    """The item is done. Raises LeaseLostError when it was not ours any more."""
    with boundary.transaction(engine, "queue.finish") as connection:
        row = connection.execute(
            _DONE, {"item": held.item_id, "token": held.token, "result": dict(result)}
        ).one_or_none()
        if row is None:
            raise LeaseLostError(f"item {held.item_id} of {held.job} is no longer ours")
        close_run(connection, row.run_id)


_FAIL = text("""
    WITH failed AS (
    UPDATE work_items
    SET attempts = attempts + CASE WHEN :transient THEN 0 ELSE 1 END,
        deferrals = deferrals + CASE WHEN :transient THEN 1 ELSE 0 END,
        state = CASE WHEN CASE WHEN :transient THEN deferrals + 1 >= :deferrals_max
                               ELSE attempts + 1 >= :attempts_max END THEN 'dead' ELSE 'ready' END,
        not_before = now() + make_interval(secs => :pause_s),
        next_dispatch_at = now() + make_interval(secs => :pause_s),
        lease_token = NULL, lease_expires_at = NULL, last_error = :error, last_traceback = :trace
    WHERE id = :item AND lease_token = :token RETURNING id, run_id, state, attempts
    ), kept AS (
        INSERT INTO item_failures (item_id, attempt, error, traceback)
        SELECT id, attempts, :error, :trace FROM failed WHERE NOT :transient OR state = 'dead'
    )
    SELECT run_id, state FROM failed
""")


def fail(engine: Engine, held: Lease, error: BaseException, *, attempts_max: int) -> str | None:
    """The lease failed: the item waits and is tried again, or is dead. Returns its new state, None when lost.

    What will fail again is dead at once. A server that is away is waited for, for about a day, and counts as no
    attempt; anything else is tried `attempts_max` times. Each attempt is kept with its error, for whoever looks later.
    """
    transient = isinstance(error, TransientError)
    pause_s = min(RETRY_FIRST_S * 2 ** min(held.deferrals if transient else held.attempt - 1, 20), RETRY_MAX_S)
    values = {
        "item": held.item_id,
        "token": held.token,
        "attempts_max": 1 if isinstance(error, PermanentError) else attempts_max,
        "deferrals_max": DEFERRALS_MAX,
        "transient": transient,
        "pause_s": pause_s,
        "error": scrubbed(f"{type(error).__name__}: {error}")[:1000],
        "trace": scrubbed("".join(traceback.format_exception(error)))[-8000:],
    }
    with boundary.transaction(engine, "queue.fail") as connection:
        row = connection.execute(_FAIL, values).one_or_none()
        if row is not None and row.state == "dead":
            close_run(connection, row.run_id)
    return None if row is None else str(row.state)


_HAND_BACK = text("""
    UPDATE work_items
    SET state = 'ready', lease_token = NULL, lease_expires_at = NULL, next_dispatch_at = now()
    WHERE id = :item AND lease_token = :token
""")


def hand_back(engine: Engine, held: Lease) -> None:
    """Give an item back in order, as a worker that is asked to end does: another takes it at once, nothing counts."""
    with boundary.transaction(engine, "queue.hand_back") as connection:
        connection.execute(_HAND_BACK, {"item": held.item_id, "token": held.token})


_EXPIRE = text("""
    WITH late AS MATERIALIZED (
        SELECT id FROM work_items WHERE state = 'leased' AND lease_expires_at < now()
        ORDER BY lease_expires_at LIMIT 500 FOR UPDATE SKIP LOCKED
    ), expired AS (
    UPDATE work_items w
    SET attempts = attempts + 1, state = CASE WHEN attempts + 1 >= :attempts_max THEN 'dead' ELSE 'ready' END,
        lease_token = NULL, lease_expires_at = NULL, next_dispatch_at = now(),
        last_error = 'the lease ran out: its worker died or stalled'
    FROM late WHERE w.id = late.id
    RETURNING w.id, w.run_id, w.state, w.attempts, w.last_error
    ), kept AS (
        INSERT INTO item_failures (item_id, attempt, error) SELECT id, attempts, last_error FROM expired
    )
    SELECT run_id, state FROM expired
""")


def expire_leases(engine: Engine, *, attempts_max: int) -> int:
    """Take items back from workers that died or stalled; returns how many."""
    with boundary.transaction(engine, "queue.expire") as connection:
        rows = connection.execute(_EXPIRE, {"attempts_max": attempts_max}).all()
        for run_id in sorted({row.run_id for row in rows if row.state == "dead"}):
            close_run(connection, run_id)
    return len(rows)


_REQUEUE = text("""
    UPDATE work_items
    SET state = 'ready', attempts = 0, deferrals = 0, dispatches = 0, not_before = now(), next_dispatch_at = now(),
        done_at = NULL
    WHERE id = ANY(:items) AND state IN ('dead', 'cancelled') RETURNING id, run_id
""")
_REOPEN_RUNS = text("UPDATE runs SET finished_at = NULL WHERE id = ANY(:runs)")


def requeue(connection: Connection, item_ids: Sequence[int]) -> list[int]:
    """Give dead items another life; returns those that were dead."""
    rows = connection.execute(_REQUEUE, {"items": list(item_ids)}).all()
    connection.execute(_REOPEN_RUNS, {"runs": [row.run_id for row in rows]})
    return [row.id for row in rows]


_CANCEL = text("""
    UPDATE work_items SET state = 'cancelled', done_at = now() WHERE id = ANY(:items) AND state = 'dead'
    RETURNING id
""")


def cancel(connection: Connection, item_ids: Sequence[int]) -> list[int]:
    """Give dead items up: they are not stuck any more, and the rows that they held are free for the next run.

    Returns those that were dead; requeueing brings a cancelled one back.
    """
    return list(connection.execute(_CANCEL, {"items": list(item_ids)}).scalars())


_OLDEST_DUE = text("""
    SELECT coalesce(max(extract(epoch FROM now() - greatest(not_before, created_at))), 0)::float8
    FROM work_items WHERE state = 'ready' AND not_before <= now()
""")


def oldest_due_s(connection: Connection) -> float:
    """How long the oldest item that may be done has waited for a worker, 0 when there is none."""
    return float(connection.execute(_OLDEST_DUE).scalar_one())
