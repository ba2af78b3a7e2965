"""Another life for what is stuck: dead items, parked rows, failed mails; a held run let go or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from worker import boundary, jobs
from worker.errors import RefusedError
from worker.job import find
from worker.operating.running import CHARGING_JOB, plan_request, ring
from worker.queue import runs
from worker.queue.items import cancel as cancel_items
from worker.queue.items import requeue as requeue_items
from worker.queue.plans import Claimed, Plan, PlanRequest, Trigger, in_items
from worker.runtime import Runtime
from worker.store import charges, mails, operations, payouts

WHAT = {"item": "dead item", "charge": "parked charge", "mail": "failed mail", "payout": "parked payout"}
"""What may be requeued, as the messages call it."""


_WORKED_BY = {
    "charge": (CHARGING_JOB, Claimed.CHARGES),
    "mail": ("deliver_mail", Claimed.MAILS),
    "payout": ("pay_refunds", Claimed.PAYOUTS),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an operator wants to give another life, by number; `all_dead` adds every dead item."""

    items: Sequence[int] = ()
    charges: Sequence[int] = ()
    mails: Sequence[int] = ()
    payouts: Sequence[int] = ()
    all_dead: bool = False


@dataclass(frozen=True, slots=True)
class Requeued:
    """What got another life, the runs made for it, and whether the workers were told."""

    items: list[int] = field(default_factory=list)
    charges: list[int] = field(default_factory=list)
    mails: list[int] = field(default_factory=list)
    payouts: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    rung: bool = True


def requeue(runtime: Runtime, chosen: Chosen, *, by: str, reason: str) -> Requeued:
    """Give the chosen another life and ring for it.

    Raises:
        RefusedError: nothing was chosen, or some of it is not stuck, and nothing was written; or somebody else was
            faster with some of it, and nothing of that kind was written.
    """
    jobs.load()
    item_ids = _checked(runtime, chosen)
    rung_for: list[int] = []
    made: list[int] = []
    if item_ids:
        with boundary.transaction(runtime.engine, "ops.requeue") as connection:
            rung_for += requeue_items(connection, item_ids)
            _demand_all("item", item_ids, rung_for)
            _audit(connection, "requeue", by=by, reason=reason, details={"items": item_ids})
    for kind, ids in _rows(chosen):
        if ids:
            planned = _requeue_rows(runtime, kind, ids, by=by, reason=reason)
            made.append(planned.run_id)
            rung_for += planned.items
    return Requeued(
        items=item_ids,
        charges=sorted(set(chosen.charges)),
        mails=sorted(set(chosen.mails)),
        payouts=sorted(set(chosen.payouts)),
        runs=made,
        rung=ring(runtime, rung_for),
    )


def _demand_all(kind: str, wanted: Sequence[int], done: Sequence[int]) -> None:
    """Refuse what two people asked for at once, or one by a double click: the first one's act is the act."""
    late = sorted(set(wanted) - set(done))
    if late:
        raise RefusedError(f"no {WHAT[kind]} any more: {', '.join(map(str, late))}; somebody was faster")


def _rows(chosen: Chosen) -> list[tuple[str, list[int]]]:
    named = (("charge", chosen.charges), ("mail", chosen.mails), ("payout", chosen.payouts))
    return [(kind, sorted(set(ids))) for kind, ids in named]


def _checked(runtime: Runtime, chosen: Chosen) -> list[int]:
    """The items to requeue, after everything chosen was found to be stuck."""
    with boundary.transaction(runtime.engine, "ops.requeuable") as connection:
        for kind, ids in (("item", chosen.items), *_rows(chosen)):
            wrong = operations.not_requeuable(connection, kind=kind, ids=ids)
            if wrong:
                raise RefusedError(f"no {WHAT[kind]}: {', '.join(map(str, wrong))}; nothing was requeued")
        dead = operations.all_dead(connection) if chosen.all_dead else []
    item_ids = sorted({*chosen.items, *dead})
    if not item_ids and not any(ids for _, ids in _rows(chosen)):
        raise RefusedError("nothing is dead" if chosen.all_dead else "nothing was chosen to be requeued")
    return item_ids


def _requeue_rows(runtime: Runtime, kind: str, ids: Sequence[int], *, by: str, reason: str) -> runs.PlannedRun:
    """Release the rows, plan an item that holds them and write the audit, all in the planner's one transaction.

    The run is a rung one: it is no day's whole set, so it must not count as that day's run.
    """
    job_name, claims = _WORKED_BY[kind]

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        details: dict[str, object] = {}
        if kind == "payout":
            revived = payouts.revive(connection, ids)
            released = [row.id for row in revived]
            # the names under which the provider knows what was sent before
            details["sent_before"] = {
                str(row.id): {"uid": str(row.former_uid), "state": row.former_state, "refund": row.provider_refund}
                for row in revived
            }
        else:
            release = charges.release_parked if kind == "charge" else mails.requeue_mails
            released = release(connection, ids, now=request.now)
        _demand_all(kind, ids, released)
        _audit(connection, "requeue", by=by, reason=reason, details={f"{kind}s": released, **details})
        items = in_items(sorted(released), size=request.item_size_max, claims=claims, prefix=f"{kind}s")
        return Plan(items, {f"requeued_{kind}s": len(released)})

    spec = replace(find(job_name).spec(runtime), planner=plan)
    request = plan_request(runtime, business_date=runtime.clock.today(), only=None)
    planned = runs.plan_run(runtime.engine, spec, request, trigger=Trigger.RUNG, by=by, reason=reason)
    assert planned is not None, "only the timetable and the minute may find nothing to insert"
    return planned


def release(runtime: Runtime, run_id: int, *, by: str, reason: str) -> bool:
    """Let a held run go and ring for its items; False while Redis is away. Raises RefusedError if it is not held."""
    with boundary.transaction(runtime.engine, "ops.release") as connection:
        items = runs.release(connection, run_id)
        _audit(connection, "release", by=by, reason=reason, details={"run": run_id, "items": len(items)})
    return ring(runtime, items)


def drop(runtime: Runtime, run_id: int, *, by: str, reason: str) -> int:
    """Drop a held run, so that the next run of the job takes what it held; returns how many items it had.

    Raises RefusedError if it is not held.
    """
    with boundary.transaction(runtime.engine, "ops.drop") as connection:
        items = runs.drop(connection, run_id)
        _audit(connection, "drop", by=by, reason=reason, details={"run": run_id, "items": items})
    return len(items)


def cancel(runtime: Runtime, item_ids: Sequence[int], *, by: str, reason: str) -> list[int]:
    """Give dead items up, all of those named or none; returns them.

    Raises:
        RefusedError: none was named, or one of them is not dead; nothing was written.
    """
    wanted = sorted(set(item_ids))
    if not wanted:
        raise RefusedError("nothing was chosen to be cancelled")
    with boundary.transaction(runtime.engine, "ops.cancel") as connection:
        done = cancel_items(connection, wanted)
        wrong = sorted(set(wanted) - set(done))
        if wrong:
            raise RefusedError(f"no dead item: {', '.join(map(str, wrong))}; nothing was cancelled")
        _audit(connection, "cancel", by=by, reason=reason, details={"items": done})
    return done


def _audit(connection: Connection, act: str, *, by: str, reason: str, details: dict[str, object]) -> None:
    operations.write_audit(connection, actor=by, act=act, reason=reason, details=details)
