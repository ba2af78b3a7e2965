"""Runs: one row per job and business date, planned in the transaction that inserts it; nothing is planned twice.

The timetable, an operator, a minute and a settled charge all come through here; nobody sends a message directly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker import boundary
from worker.clock import Clock
from worker.errors import FutureDateError, RefusedError
from worker.queue.items import close_run, insert_items
from worker.queue.plans import JobSpec, Plan, PlannedItem, PlanRequest, Trigger

PLANNING_LOCK = 7_206_312
"""Planners see each other's claims: one plans at a time, for milliseconds."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that exists now, with the items to ring for."""

    run_id: int
    job: str
    business_date: date
    items: Sequence[int]
    held: str | None


_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")


def lock_planning(connection: Connection) -> None:
    """Let nobody else claim rows until the transaction ends; claims made before are seen by what comes after."""
    connection.execute(_LOCK, {"lock": PLANNING_LOCK})


_INSERT_RUN = text("""
    INSERT INTO runs (job, business_date, trigger, sequence, root_run_id, requested_by, reason, selection)
    SELECT :job, :date, cast(:trigger AS text),
           CASE WHEN :trigger = 'timetable' THEN 0
                ELSE 1 + coalesce((SELECT max(sequence) FROM runs WHERE job = :job AND business_date = :date), 0) END,
           :root, :by, :reason, :selection
    ON CONFLICT DO NOTHING
    RETURNING id
""").bindparams(bindparam("selection", type_=JSONB))

_SET_FIGURES = text("""
    UPDATE runs SET planned = :figures, held_at = CASE WHEN cast(:hold AS text) IS NULL THEN NULL ELSE now() END,
                    held_reason = :hold
    WHERE id = :run
""").bindparams(bindparam("figures", type_=JSONB))


def _insert_run(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    *,
    job: str,
    business_date: date,
    trigger: Trigger,
    by: str,
    reason: str | None = None,
    root_run_id: int | None = None,
    only_subscription: int | None = None,
) -> int | None:
    selection = {} if only_subscription is None else {"only_subscription": only_subscription}
    row = connection.execute(
        _INSERT_RUN,
        {
            "job": job,
            "date": business_date,
            "trigger": trigger.value,
            "root": root_run_id,
            "by": by,
            "reason": reason,
            "selection": selection,
        },
    ).one_or_none()
    return None if row is None else int(row.id)


# A look that wrote nothing, as nearly all do, is not rolled back: the driver would forget what it had prepared.
_WROTE = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")


def plan_run(
    engine: Engine,
    spec: JobSpec,
    request: PlanRequest,
    *,
    trigger: Trigger,
    by: str,
    reason: str | None = None,
) -> PlannedRun | None:
    """Insert a run and its items in one transaction.

    Returns None when the timetable's run exists already, or when a minutely look found no work (and left no trace).
    Raises RefusedError when somebody ran it by hand since the person looked.
    """
    with boundary.transaction(engine, f"queue.plan.{spec.name}") as connection:
        lock_planning(connection)
        _check_nobody_was_faster(connection, spec.name, request)
        plan = spec.planner(connection, request) if trigger is Trigger.MINUTELY else None
        if plan is not None and not plan.items:
            if connection.execute(_WROTE).scalar_one():
                connection.rollback()
            return None
        run_id = _insert_run(
            connection,
            job=spec.name,
            business_date=request.business_date,
            trigger=trigger,
            by=by,
            reason=reason,
            only_subscription=request.only_subscription,
        )
        if run_id is None:
            return None
        plan = plan or spec.planner(connection, request)
        items = _write_plan(connection, plan, run_id=run_id, job=spec.name)
    hold = plan.hold if items else None
    return PlannedRun(run_id, spec.name, request.business_date, [] if hold else items, hold)


_NEWEST_BY_HAND = text("""
    SELECT coalesce(max(id), 0) FROM runs WHERE job = :job AND business_date = :date AND trigger = 'manual'
""")


def newest_by_hand(connection: Connection, *, job: str, business_date: date) -> int:
    """The number of the newest run by hand of the job for that date, 0 when there is none."""
    newest: int = connection.execute(_NEWEST_BY_HAND, {"job": job, "date": business_date}).scalar_one()
    return newest


def _check_nobody_was_faster(connection: Connection, job: str, request: PlanRequest) -> None:
    if request.newest_seen is None:
        return
    newest = newest_by_hand(connection, job=job, business_date=request.business_date)
    if newest > request.newest_seen:
        raise RefusedError(
            f"{job} for {request.business_date} was run by hand since the rehearsal, as run {newest}: rehearse it again"
        )


def _write_plan(connection: Connection, plan: Plan, *, run_id: int, job: str) -> list[int]:
    held = plan.hold is not None and bool(plan.items)
    figures = {**plan.figures, "items": len(plan.items)}
    connection.execute(_SET_FIGURES, {"run": run_id, "figures": figures, "hold": plan.hold if held else None})
    items = insert_items(connection, plan.items, run_id=run_id, job=job, held=held)
    if not items:
        close_run(connection, run_id)
    return items


def ring(
    connection: Connection,
    *,
    job: str,
    items: Sequence[PlannedItem],
    business_date: date,
    root_run_id: int | None,
    by: str,
) -> list[int]:
    """Insert a rung run with ready items inside the caller's transaction; returns the items to ring for after it.

    Without a root, as after a request at the desk, the run is the root of what it causes.
    """
    if not items:
        return []
    run_id = _insert_run(
        connection, job=job, business_date=business_date, trigger=Trigger.RUNG, by=by, root_run_id=root_run_id
    )
    assert run_id is not None, "a rung run has no business key to collide with"
    return insert_items(connection, items, run_id=run_id, job=job)


_GO_LIVE = text("SELECT go_live_on FROM installation")
_LAST_RUN = text("SELECT max(business_date) FROM runs WHERE job = :job AND trigger = 'timetable'")
_PLANNED = text("""
    SELECT 1 FROM runs WHERE job = :job AND business_date = :date AND trigger IN ('timetable', 'manual')
      AND NOT jsonb_exists(selection, 'only_subscription') LIMIT 1
""")


def go_live_on(connection: Connection) -> date | None:
    """The first business date of money jobs, None when an import set none."""
    found: date | None = connection.execute(_GO_LIVE).scalar_one_or_none()
    return found


def is_planned(connection: Connection, *, job: str, business_date: date) -> bool:
    """Whether the job's whole set for that date was planned; a run for one subscription does not count."""
    return connection.execute(_PLANNED, {"job": job, "date": business_date}).first() is not None


_HAS_ITEMS = text("""
    SELECT 1 FROM runs r JOIN work_items w ON w.run_id = r.id WHERE r.job = :job AND r.business_date = :date LIMIT 1
""")


def has_items(connection: Connection, *, job: str, business_date: date) -> bool:
    """Whether any run of the job for that date found work, whoever asked for it."""
    return connection.execute(_HAS_ITEMS, {"job": job, "date": business_date}).first() is not None


def missing_dates(connection: Connection, spec: JobSpec, *, last_due: date) -> list[date]:
    """The business dates that the timetable still owes, oldest first, within the catch-up window.

    A job that never ran begins at the go-live date, else at its newest due date: nobody is charged by surprise.
    """
    last_run: date | None = connection.execute(_LAST_RUN, {"job": spec.name}).scalar_one()
    live_from = go_live_on(connection)
    first = last_due if last_run is None and live_from is None else last_due - timedelta(days=spec.catch_up_days)
    if last_run is not None:
        first = max(first, last_run + timedelta(days=1))
    if live_from is not None:
        first = max(first, live_from)
    return [first + timedelta(days=n) for n in range((last_due - first).days + 1)]


def last_due_date(spec: JobSpec, clock: Clock) -> date | None:
    """The newest business date whose time of day has come, None for jobs without a daily run."""
    if spec.daily_at is None:
        return None
    local = clock.now().astimezone(clock.zone)
    return local.date() if local.time() >= spec.daily_at else local.date() - timedelta(days=1)


def ensure_runs(engine: Engine, specs: Sequence[JobSpec], clock: Clock, *, item_size_max: int) -> list[PlannedRun]:
    """Plan every run that the timetable owes, oldest first; a later date only after the earlier one.

    Safe to call at any time, from several processes: the row is UNIQUE per job and business date.
    """
    made: list[PlannedRun] = []
    for spec in specs:
        last_due = last_due_date(spec, clock)
        if last_due is None:
            continue
        with boundary.transaction(engine, "queue.missing") as connection:
            dates = missing_dates(connection, spec, last_due=last_due)
        for business_date in dates:
            if spec.after is not None and not _is_planned_now(engine, spec.after, business_date):
                break
            today, now = clock.today(), clock.now()
            request = PlanRequest(business_date, today, now, item_size_max=item_size_max, trigger=Trigger.TIMETABLE)
            planned = plan_run(engine, spec, request, trigger=Trigger.TIMETABLE, by="timetable")
            if planned is not None:
                made.append(planned)
    return made


def _is_planned_now(engine: Engine, job: str, business_date: date) -> bool:
    with boundary.transaction(engine, "queue.is_planned") as connection:
        return is_planned(connection, job=job, business_date=business_date)


def look_for_work(engine: Engine, specs: Sequence[JobSpec], clock: Clock, *, item_size_max: int) -> list[PlannedRun]:
    """The minutely look: plans a run only where something waits."""
    made = []
    for spec in specs:
        if spec.minutely:
            today, now = clock.today(), clock.now()
            request = PlanRequest(today, today, now, item_size_max=item_size_max, trigger=Trigger.MINUTELY)
            planned = plan_run(engine, spec, request, trigger=Trigger.MINUTELY, by="minute")
            if planned is not None:
                made.append(planned)
    return made


def request_run(
    engine: Engine, spec: JobSpec, request: PlanRequest, *, by: str, reason: str | None = None
) -> PlannedRun:
    """An operator's run, now.

    Raises:
        FutureDateError: the date has not come.
        RefusedError: the date lies before the go-live date, or the job that must come first is not planned.
    """
    if request.business_date > request.today:
        raise FutureDateError(
            f"{spec.name} for {request.business_date}: that day has not come (today is {request.today}); "
            "only --dry-run may look ahead"
        )
    check_may_run(engine, spec, request.business_date)
    planned = plan_run(engine, spec, request, trigger=Trigger.MANUAL, by=by, reason=reason)
    assert planned is not None, "a manual run always leaves a row"
    return planned


def check_may_run(engine: Engine, spec: JobSpec, business_date: date) -> None:
    """Pass if the date is open for this job. Raises RefusedError with the reason."""
    with boundary.transaction(engine, "queue.may_run") as connection:
        live_from = go_live_on(connection)
        if spec.money and live_from is not None and business_date < live_from:
            raise RefusedError(f"{spec.name} for {business_date}: money jobs begin on the go-live date {live_from}")
        if spec.after is not None and not is_planned(connection, job=spec.after, business_date=business_date):
            raise RefusedError(
                f"{spec.name} for {business_date}: `{spec.after}` of that date must be planned first: "
                f"odnowa run {spec.after} --date {business_date}"
            )


_RELEASE = text(
    "UPDATE runs SET held_at = NULL, held_reason = NULL WHERE id = :run AND held_at IS NOT NULL RETURNING id"
)
_RELEASE_ITEMS = text("""
    UPDATE work_items SET not_before = now(), next_dispatch_at = now()
    WHERE run_id = :run AND state = 'ready' AND not_before = 'infinity' RETURNING id
""")


def release(connection: Connection, run_id: int) -> list[int]:
    """Let a held run go; returns its items. Raises RefusedError when the run is not held."""
    if connection.execute(_RELEASE, {"run": run_id}).one_or_none() is None:
        raise RefusedError(f"run {run_id} is not held")
    return [row.id for row in connection.execute(_RELEASE_ITEMS, {"run": run_id})]


_DROP = text("""
    UPDATE runs SET planned = planned || jsonb_build_object('dropped', true), held_at = NULL, held_reason = NULL,
                    finished_at = now()
    WHERE id = :run AND held_at IS NOT NULL RETURNING id
""")
_DROP_ITEMS = text("""
    UPDATE work_items SET state = 'cancelled', done_at = now()
    WHERE run_id = :run AND state = 'ready' AND not_before = 'infinity' RETURNING id
""")


def drop(connection: Connection, run_id: int) -> list[int]:
    """Drop a held run for good; returns its items, which are cancelled. What they held is free for the next run.

    Its sum is no usual day's any more (R8d). Raises RefusedError when the run is not held.
    """
    if connection.execute(_DROP, {"run": run_id}).one_or_none() is None:
        raise RefusedError(f"run {run_id} is not held")
    return list(connection.execute(_DROP_ITEMS, {"run": run_id}).scalars())
