"""`odnowa jobs`: the timetable, what ran last, what runs next; and jobs paused and resumed."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.ops.accounts import ShownByDefault
from worker.ops.options import By, Json, NeedsReason

if TYPE_CHECKING:
    from worker.clock import Clock
    from worker.job import Job


class ListedByDefault(ShownByDefault):
    """`odnowa jobs` lists; what else can be done has a name of its own."""

    default = "list"
    bare = True
    """It needs no argument: `odnowa jobs` alone is a whole command."""


app = typer.Typer(
    cls=ListedByDefault,
    help="Show every job: timetable, last run, next run; or pause and resume one.",
    rich_markup_mode=None,
)
JobName = Annotated[str, typer.Argument(help="One of those that `odnowa jobs` lists.", metavar="JOB")]


@app.command("list")
def jobs(*, as_json: Json = False) -> None:
    """Show every job: timetable, last run, next run."""
    from worker import boundary
    from worker import jobs as registry
    from worker.operating.states import state_of
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.queue import pausing
    from worker.store import operations

    with open_store() as store:
        known = registry.load()
        with boundary.transaction(store.engine, "ops.jobs") as connection:
            last = operations.last_runs(connection, list(known))
            paused = {row.job: row for row in pausing.paused(connection)}
        listed = [_line(job, last.get(name), store.clock) for name, job in known.items()]
        if as_json:
            show.document(
                [
                    one | {"last": _last(last.get(str(one["job"]))), "paused": _paused(paused.get(str(one["job"])))}
                    for one in listed
                ]
            )
            return
        rows = []
        for one in listed:
            row = last.get(str(one["job"]))
            state = "never" if row is None else f"{row.business_date}  {state_of(row)}  {show.facts(row.planned)}"
            next_at = one["next_at"]
            upcoming = show.instant(next_at, store.clock.zone) if isinstance(next_at, datetime) else next_at
            if one["job"] in paused:
                held = paused[str(one["job"])]
                upcoming = f"paused by {held.paused_by} for {show.age(held.age_s)}: {held.reason}"
            rows.append((one["job"], one["timetable"], state, upcoming))
        show.table(("job", "timetable", "last run", "next run"), rows, title=f"Jobs, times in {store.clock.zone.key}")


def _line(job: "Job", last: Any, clock: "Clock") -> dict[str, object]:
    del last
    from worker.operating.timetable import next_daily

    if job.daily_at is not None:
        after = "" if job.after is None else f", after {job.after}"
        timetable = f"daily at {job.daily_at:%H:%M}{after}" + (", and minutely" if job.minutely else "")
        next_at: object = next_daily(job.daily_at, now=clock.now(), zone=clock.zone)
    elif job.minutely:
        timetable, next_at = "minutely", "within a minute, if anything waits"
    else:
        timetable, next_at = "when another job rings", "when another job rings"
    return {"job": job.name, "timetable": timetable, "next_at": next_at}


def _last(row: Any) -> dict[str, object] | None:
    from worker.operating.states import as_dict

    return None if row is None else as_dict(row)


def _paused(row: Any) -> dict[str, object] | None:
    return None if row is None else {"at": row.paused_at, "by": row.paused_by, "reason": row.reason}


@app.command("pause")
def pause(job: JobName, *, reason: NeedsReason, by: By) -> None:
    """Start nothing of a job until it is resumed.

    What is being worked on is worked to its end, and plans are made as ever: their items wait.
    """
    from worker.operating import pausing
    from worker.ops import show
    from worker.ops.session import open_store

    with open_store() as store:
        pausing.pause(store.engine, job, by=by, reason=reason)
    show.line(f"{job} is paused; let it go on with: odnowa jobs resume {job} --reason ...")


@app.command("resume")
def resume(job: JobName, *, reason: NeedsReason, by: By) -> None:
    """Let a paused job go on; the scheduler rings for what waits."""
    from worker.operating import pausing
    from worker.ops import show
    from worker.ops.session import open_store

    with open_store() as store:
        pausing.resume(store.engine, job, by=by, reason=reason)
    show.line(f"{job} goes on")
