"""`odnowa jobs`: the timetable, what ran last, what runs next."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from worker.ops.options import Json

if TYPE_CHECKING:
    from worker.clock import Clock
    from worker.job import Job


def jobs(*, as_json: Json = False) -> None:
    """Show every job: timetable, last run, next run."""
    from worker import boundary
    from worker import jobs as registry
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.ops.states import state_of
    from worker.store import operations

    with open_store() as store:
        known = registry.load()
        with boundary.transaction(store.engine, "ops.jobs") as connection:
            last = operations.last_runs(connection, list(known))
        listed = [_line(job, last.get(name), store.clock) for name, job in known.items()]
        if as_json:
            show.document([one | {"last": _last(last.get(str(one["job"])))} for one in listed])
            return
        rows = []
        for one in listed:
            row = last.get(str(one["job"]))
            state = "never" if row is None else f"{row.business_date}  {state_of(row)}  {show.facts(row.planned)}"
            next_at = one["next_at"]
            upcoming = show.instant(next_at, store.clock.zone) if isinstance(next_at, datetime) else next_at
            rows.append((one["job"], one["timetable"], state, upcoming))
        show.table(("job", "timetable", "last run", "next run"), rows, title=f"Jobs, times in {store.clock.zone.key}")


def _line(job: "Job", last: Any, clock: "Clock") -> dict[str, object]:
    del last
    if job.daily_at is not None:
        after = "" if job.after is None else f", after {job.after}"
        timetable = f"daily at {job.daily_at:%H:%M}{after}" + (", and minutely" if job.minutely else "")
        next_at: object = next_daily(job.daily_at, now=clock.now(), zone=clock.zone)
    elif job.minutely:
        timetable, next_at = "minutely", "within a minute, if anything waits"
    else:
        timetable, next_at = "when another job rings", "when another job rings"
    return {"job": job.name, "timetable": timetable, "next_at": next_at}


def next_daily(daily_at: time, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The next instant at which the seller's clock shows that time."""
    local = now.astimezone(zone)
    on: date = local.date() if local.time() < daily_at else local.date() + timedelta(days=1)
    return datetime.combine(on, daily_at, tzinfo=zone)


def _last(row: Any) -> dict[str, object] | None:
    from worker.ops.states import as_dict

    return None if row is None else as_dict(row)
