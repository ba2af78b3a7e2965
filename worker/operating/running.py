"""Runs by hand: start one, follow it and all that it caused to the end, or rehearse it without writing anything.

Callable without the command line; the demo and the tests are operators too.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from worker import boundary, jobs
from worker.charging.price import Pricing, price_rows
from worker.clock import monotonic_s, sleep_s
from worker.errors import RefusedError, UnreachableError
from worker.job import find
from worker.queue import heartbeats
from worker.queue.dispatch import sweep
from worker.queue.items import insert_items
from worker.queue.plans import Claimed, Plan, PlanRequest
from worker.queue.runs import PLANNING_LOCK, PlannedRun, check_may_run, newest_by_hand, request_run
from worker.runtime import Runtime
from worker.store import charges, operations
from worker.store.catalogue import load_catalogue

FOLLOW_LIMIT_S = 600.0
SWEEP_EVERY_S = 1.0
CHARGING_JOB = "renew"


def plan_request(
    runtime: Runtime, *, business_date: date, only: int | None, newest_seen: int | None = None
) -> PlanRequest:
    """What a planner is told when an operator asks."""
    return PlanRequest(
        business_date=business_date,
        today=runtime.clock.today(),
        now=runtime.clock.now(),
        only_subscription=only,
        item_size_max=runtime.limits.item_size_max,
        newest_seen=newest_seen,
    )


def plan_by_hand(
    runtime: Runtime,
    job_name: str,
    *,
    business_date: date,
    only: int | None = None,
    by: str,
    reason: str | None = None,
    newest_seen: int | None = None,
) -> PlannedRun:
    """Insert a run and its items, and say so in the audit log; nobody is rung for yet.

    Who looked at a rehearsal names by `newest_seen` the newest run by hand that it knew of (`DryRun.newest_by_hand`).

    Raises:
        UnknownJobError: no such job.
        FutureDateError: the date has not come.
        RefusedError: the date is not open for this job, or it was run by hand since the rehearsal.
    """
    jobs.load()
    spec = find(job_name).spec(runtime)
    request = plan_request(runtime, business_date=business_date, only=only, newest_seen=newest_seen)
    planned = request_run(runtime.engine, spec, request, by=by, reason=reason)
    details: dict[str, object] = {
        "run": planned.run_id,
        "job": job_name,
        "business_date": business_date.isoformat(),
        "items": len(planned.items),
    }
    with boundary.transaction(runtime.engine, "ops.audit") as connection:
        operations.write_audit(connection, actor=by, act="run", reason=reason, details=details, subscription_id=only)
    return planned


def ring(runtime: Runtime, items: Sequence[int]) -> bool:
    """Tell the workers; False while Redis is away: the scheduler's sweep tells them later."""
    if not items:
        return True
    try:
        sweep(runtime.engine, runtime.bell, threads=runtime.limits.worker_threads, items=items)
    except UnreachableError:
        return False
    return True


def start_run(
    runtime: Runtime,
    job_name: str,
    *,
    business_date: date,
    only: int | None = None,
    by: str,
    reason: str | None = None,
    newest_seen: int | None = None,
) -> PlannedRun:
    """Plan a run and ring for it. Raises as `plan_by_hand` does; a Redis that is away is no error."""
    planned = plan_by_hand(
        runtime, job_name, business_date=business_date, only=only, by=by, reason=reason, newest_seen=newest_seen
    )
    ring(runtime, planned.items)
    return planned


class Ending(StrEnum):
    """How the following of a run ended."""

    DONE = "done"
    DEAD = "dead"
    PARKED = "parked"
    TIMEOUT = "timeout"
    HELD = "held"
    NO_WORKER = "no_worker"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run and all that it caused has come."""

    runs: int
    items: int
    open: int
    dead: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What a run and all that it caused came to.

    Args:
        state: how it ended.
        counts: what the items counted, by job and word.
        dead: items that failed too often.
        parked: charges that wait for a person.
        unsettled: charges that still wait for the provider's answer.
        open: items that were not done yet.
        seconds: how long it was followed.
        because: why the run is held, None when it is not.
    """

    state: Ending
    counts: Mapping[str, Mapping[str, int]]
    dead: int
    parked: int
    unsettled: int
    open: int
    seconds: float
    because: str | None = None


def follow(
    runtime: Runtime,
    run_id: int,
    *,
    timeout_s: float = FOLLOW_LIMIT_S,
    poll_s: float = 0.2,
    on_progress: Callable[[Progress], None] | None = None,
) -> Followed:
    """Wait until a run and all that it caused has ended, ringing again for what is due.

    Ends early after `timeout_s`, when the run is held, and when no worker is alive. The run itself goes on.

    Raises:
        RefusedError: no such run.
    """
    began, swept = monotonic_s(), monotonic_s()
    while True:
        seconds = monotonic_s() - began
        now, alive = _look(runtime, run_id)
        if on_progress is not None:
            on_progress(Progress(len(now.run_ids), now.items, now.open, now.dead, seconds))
        ending = _ending(now, alive=alive, late=seconds >= timeout_s)
        if ending is not None:
            return _followed(runtime, now, ending=ending, seconds=seconds)
        if monotonic_s() - swept >= SWEEP_EVERY_S:
            _ring_again(runtime)
            swept = monotonic_s()
        sleep_s(poll_s)


def _look(runtime: Runtime, run_id: int) -> tuple[Row[Any], bool]:
    with boundary.transaction(runtime.engine, "ops.follow") as connection:
        now = operations.family(connection, run_id)
        if now is None:
            raise RefusedError(f"there is no run {run_id}")
        return now, heartbeats.alive(connection, "worker") > 0


def _ending(now: Row[Any], *, alive: bool, late: bool) -> Ending | None:
    if now.held_reason is not None:
        return Ending.HELD
    if not now.open:
        return Ending.DEAD if now.dead else Ending.DONE
    if not alive:
        return Ending.NO_WORKER
    return Ending.TIMEOUT if late else None


def _ring_again(runtime: Runtime) -> None:
    """Workers ring once for what they caused, and a failed item waits for its time: without a scheduler it is us."""
    try:
        sweep(runtime.engine, runtime.bell, threads=runtime.limits.worker_threads)
    except UnreachableError:
        return


def _followed(runtime: Runtime, now: Row[Any], *, ending: Ending, seconds: float) -> Followed:
    with boundary.transaction(runtime.engine, "ops.results") as connection:
        counted = operations.results(connection, now.run_ids)
        touched = operations.touched(connection, now.run_ids)
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in counted:
        counts[row.job][row.key] = counts[row.job].get(row.key, 0) + row.total
    if ending is Ending.DONE and touched.parked:
        ending = Ending.PARKED
    return Followed(
        state=ending,
        counts={job: dict(sorted(of.items())) for job, of in sorted(counts.items())},
        dead=now.dead,
        parked=touched.parked,
        unsettled=touched.unsettled,
        open=now.open,
        seconds=seconds,
        because=now.held_reason,
    )


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would do.

    Args:
        figures: what the planner counted, and how many items it would make.
        sums: per currency, charges that would be priced now: how many, to charge, from credit, carried (R7b).
        tries: per currency, charges whose sum is frozen already and that would be tried.
        parked: charges that would be set aside, by reason.
        unwanted: planned charges that would be dropped.
        hold: why the run would wait for an operator (R8d), None when it would not.
        refusal: why a real run for this date would be refused today, None when it would not.
        newest_by_hand: the newest run by hand of that job and date, 0 for none.
    """

    figures: Mapping[str, object]
    sums: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tries: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    parked: Mapping[str, int] = field(default_factory=dict)
    unwanted: int = 0
    hold: str | None = None
    refusal: str | None = None
    newest_by_hand: int = 0


def dry_run(runtime: Runtime, job_name: str, *, business_date: date, only: int | None = None) -> DryRun:
    """Run the same planner and the same pricing in a transaction that rolls back; future dates are welcome.

    For a day to come, today is taken to be that day.

    Raises:
        UnknownJobError: no such job.
    """
    jobs.load()
    spec = find(job_name).spec(runtime)
    today = max(business_date, runtime.clock.today())
    request = PlanRequest(
        business_date=business_date,
        today=today,
        now=runtime.clock.now(),
        only_subscription=only,
        item_size_max=runtime.limits.item_size_max,
    )
    refusal = _refusal(runtime, job_name, business_date)
    with boundary.rehearsal(runtime.engine, f"ops.rehearse.{job_name}") as connection:
        run_id = operations.begin_rehearsal(connection, lock=PLANNING_LOCK, job=job_name, business_date=business_date)
        newest = newest_by_hand(connection, job=job_name, business_date=business_date)
        plan = spec.planner(connection, request)
        pricing, tries = _rehearse_prices(runtime, connection, plan, run_id=run_id, job=job_name, today=today)
    parked: dict[str, int] = defaultdict(int)
    for _, reason, _ in pricing.parked:
        parked[reason] += 1
    return DryRun(
        figures={**plan.figures, "items": len(plan.items)},
        sums=pricing.sums,
        tries=tries,
        parked=dict(parked),
        unwanted=len(pricing.unwanted),
        hold=plan.hold,
        refusal=refusal,
        newest_by_hand=newest,
    )


def _refusal(runtime: Runtime, job_name: str, business_date: date) -> str | None:
    if business_date > runtime.clock.today():
        return "that day has not come"
    try:
        check_may_run(runtime.engine, find(job_name).spec(runtime), business_date)
    except RefusedError as error:
        return str(error)
    return None


def _rehearse_prices(
    runtime: Runtime, connection: Connection, plan: Plan, *, run_id: int, job: str, today: date
) -> tuple[Pricing, Mapping[str, Mapping[str, int]]]:
    pricing = Pricing()
    if job != CHARGING_JOB:
        return pricing, {}
    claimed = [item for item in plan.items if item.claims is Claimed.CHARGES]
    for planned in claimed:
        [item_id] = insert_items(connection, [planned], run_id=run_id, job=job)
        rows = charges.to_price(connection, planned.ids, item=item_id)
        catalogue = load_catalogue(connection) if any(row.scheduled for row in rows) else None
        one = price_rows(runtime, list(rows), today=today, catalogue=catalogue)
        pricing.frozen += one.frozen
        pricing.unwanted += one.unwanted
        pricing.parked += one.parked
    return pricing, operations.priced_before(connection, [i for item in claimed for i in item.ids])
