"""Timetable: what ran last, what runs next; runs by hand, always rehearsed first; a held run let go or dropped."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

from worker import boundary
from worker.errors import RefusedError
from worker.operating import requeueing, running
from worker.operating.people import Role
from worker.operating.states import state_of
from worker.operating.timetable import next_daily
from worker.queue import pausing
from worker.queue.plans import JobSpec
from worker.store import operations
from worker.web.visit import Visit, act, page
from worker.web.words import N_

SHOWN = 40
COLOURS = {"done": "good", "running": "open", "dead": "bad", "held": "bad", "dropped": "none"}
STATES = {
    "done": N_("done"),
    "running": N_("running"),
    "dead": N_("dead items"),
    "held": N_("held"),
    "dropped": N_("dropped"),
}
TRIGGERS = {"timetable": N_("timetable"), "manual": N_("by hand"), "rung": N_("requested"), "minutely": N_("minutely")}


def _run(row: Row[Any]) -> dict[str, Any]:
    state = state_of(row)
    return {"row": row, "state": STATES[state], "colour": COLOURS[state]}


def _next(spec: JobSpec, visit: Visit) -> datetime | None:
    if spec.daily_at is None:
        return None
    return next_daily(spec.daily_at, now=visit.now, zone=visit.console.runtime.clock.zone)


@page("/timetable", role=Role.READ_ONLY, menu=N_("Timetable"))
def timetable(visit: Visit) -> Response:
    """Every job with its last and next run, and the newest runs."""
    specs = visit.console.specs()
    with boundary.transaction(visit.console.reading, "web.timetable") as connection:
        last = operations.last_runs(connection, list(specs))
        newest = operations.list_runs(connection, job=None, business_date=None, caused=False, most=SHOWN)
        counted = operations.results(connection, [row.id for row in newest])
        paused = {row.job for row in pausing.paused(connection)}
    results: dict[int, list[tuple[str, int]]] = {}
    for one in counted:
        results.setdefault(one.run_id, []).append((one.key, one.total))
    jobs = [
        {"spec": spec, "next_at": _next(spec, visit), "last": _run(last[name]) if name in last else None}
        | {"paused": name in paused}
        for name, spec in specs.items()
    ]
    runs = [_run(row) | {"results": results.get(row.id, [])} for row in newest]
    return visit.render(
        "timetable.html.j2", jobs=jobs, runs=runs, triggers=TRIGGERS, today=visit.console.runtime.clock.today()
    )


def _asked(visit: Visit) -> tuple[str, date]:
    job = visit.need("job")
    if job not in visit.console.specs():
        raise RefusedError(f"no job is called {job[:50]}")
    said = visit.need("date")
    try:
        return job, date.fromisoformat(said)
    except ValueError:
        raise RefusedError(f"{said[:20]!r} is no date like 2026-03-31") from None


def _seen(visit: Visit, job: str, on: date, newest: int) -> str:
    """What a rehearsal hands on to the run itself: proof that this person saw what it would do.

    It names the newest run by hand of then, so that a form sent twice, or beside somebody else's, runs once.
    """
    return f"{newest}.{visit.console.signing.csrf(visit.token, f'rehearsed {job} {on} {newest}')}"


def _newest_seen(visit: Visit, job: str, on: date) -> int:
    said = visit.field("seen")
    number = said.partition(".")[0]
    newest = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else -1  # noqa: PLR2004 - a bigint's digits
    if said != _seen(visit, job, on, newest):
        raise RefusedError("look at the rehearsal of this job and date first")
    return newest


@act("/timetable/preview", role=Role.OPERATOR)
def preview(visit: Visit) -> Response:
    """Run the job in a transaction that rolls back, and show what it would do; dates to come are welcome."""
    job, on = _asked(visit)
    found = running.dry_run(visit.console.runtime, job, business_date=on)
    return visit.render(
        "preview.html.j2", job=job, on=on, found=found, seen=_seen(visit, job, on, found.newest_by_hand)
    )


@act("/timetable/run", role=Role.OPERATOR)
def run(visit: Visit) -> Response:
    """Run the job for the date, after its rehearsal was looked at, once for each rehearsal."""
    job, on = _asked(visit)
    newest = _newest_seen(visit, job, on)
    planned = running.start_run(
        visit.console.runtime, job, business_date=on, by=visit.by, reason=visit.need("reason"), newest_seen=newest
    )
    return visit.done("/timetable", "started" if planned.held is None else "held")


@act("/timetable/release", role=Role.OPERATOR)
def release(visit: Visit) -> Response:
    """Let a held run go (R8d)."""
    requeueing.release(visit.console.runtime, _held(visit), by=visit.by, reason=visit.need("reason"))
    return visit.done("/timetable", "released")


@act("/timetable/drop", role=Role.OPERATOR)
def drop(visit: Visit) -> Response:
    """Drop a held run (R8d)."""
    requeueing.drop(visit.console.runtime, _held(visit), by=visit.by, reason=visit.need("reason"))
    return visit.done("/timetable", "dropped")


def _held(visit: Visit) -> int:
    numbers = visit.numbers("run")
    if len(numbers) != 1:
        raise RefusedError("name one run")
    return numbers[0]


pages = [timetable, preview, run, release, drop]
