"""`odnowa runs`, `odnowa release` and `odnowa drop`: what ran, and letting a held run go or dropping it."""

from typing import Annotated

import typer

from worker.ops.edge import say
from worker.ops.options import By, DayFilter, Json, Limit, NeedsReason

JobFilter = Annotated[str | None, typer.Option("--job", help="Only this job, with what other runs made of it.")]
Caused = Annotated[bool, typer.Option("--all", help="Also the runs that other runs or a minute made.")]
RunId = Annotated[int, typer.Argument(help="A run's number.", metavar="RUN", min=1)]


def runs(
    *,
    job: JobFilter = None,
    date: DayFilter = None,
    everything: Caused = False,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List the newest runs: state, plan, and what came of it."""
    from worker import boundary
    from worker import jobs as registry
    from worker.job import find
    from worker.operating.states import as_dict, state_of
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.store import operations

    with open_store() as store:
        if job is not None:
            registry.load()
            find(job)
        with boundary.transaction(store.engine, "ops.runs") as connection:
            listed = operations.list_runs(
                connection, job=job, business_date=date, caused=everything or job is not None, most=limit
            )
            counted = operations.results(connection, [row.id for row in listed])
        results: dict[int, dict[str, int]] = {}
        for one in counted:
            results.setdefault(one.run_id, {})[one.key] = one.total
        if as_json:
            show.document([as_dict(row) | {"results": results.get(row.id, {})} for row in listed])
            return
        rows = [
            (
                row.id,
                row.job,
                row.business_date,
                row.trigger,
                row.requested_by,
                state_of(row) if row.held_reason is None else f"held: {row.held_reason}",
                f"{row.done}/{row.items}" + (f", {row.dead} dead" if row.dead else ""),
                show.facts({k: v for k, v in row.planned.items() if k not in {"items", "dropped"}}),
                show.facts(results.get(row.id, {})),
                show.instant(row.created_at, store.clock.zone),
            )
            for row in listed
        ]
        columns = ("run", "job", "date", "trigger", "by", "state", "items", "planned", "came to", "made")
        show.table(columns, rows, title="Runs, newest first")


def release(run: RunId, *, reason: NeedsReason, by: By, as_json: Json = False) -> None:
    """Let a held run go (R8d)."""
    from worker.operating.requeueing import release as let_go
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        rung = let_go(runtime, run, by=by, reason=reason)
    if not rung:
        say("Redis does not take messages; the scheduler will ring later, nothing is lost")
    if as_json:
        show.document({"released": run, "rung": rung})
    else:
        show.line(f"run {run} goes on")


def drop(run: RunId, *, reason: NeedsReason, by: By, as_json: Json = False) -> None:
    """Drop a held run (R8d): the next run of its job takes what it held."""
    from worker.operating.requeueing import drop as give_up
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        items = give_up(runtime, run, by=by, reason=reason)
    if as_json:
        show.document({"dropped": run, "items": items})
    else:
        show.line(f"run {run} is dropped; the next run of the job takes what it held")
