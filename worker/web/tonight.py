"""Tonight, the first screen: did every job of the night end, is money left, is anything stuck, what waits longest."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from worker import boundary
from worker.errors import RefusedError
from worker.operating.people import Role
from worker.queue.heartbeats import ALIVE_S
from worker.queue.plans import JobSpec
from worker.store.console import tonight as store
from worker.web import charts
from worker.web.charts import Bar, Part
from worker.web.render import Figures
from worker.web.visit import Visit, page
from worker.web.words import N_, words

NIGHTS = 30
LATE_S = 300
"""Whoever waits longer than this for a worker waits for something that is wrong."""

STATES = {
    "ended": N_("ended"),
    "working": N_("working"),
    "dead": N_("dead items"),
    "held": N_("held"),
    "missing": N_("not planned"),
    "to come": N_("to come"),
    "quiet": N_("nothing to do"),
}
COLOURS = {"ended": "good", "working": "open", "dead": "bad", "held": "bad", "missing": "bad"}


def state_of(row: Any, spec: JobSpec, *, business_date: date, now: datetime, today: date) -> str:
    """What became of the job on that day, in one word of `STATES`; what is wrong comes first."""
    if row.held:
        return "held"
    if row.dead:
        return "dead"
    if row.waiting:
        return "working"
    if spec.daily_at is None:
        return "ended" if row.items else "quiet"
    if row.whole_runs:
        return "ended"
    if business_date > today or (business_date == today and now.time() < spec.daily_at):
        return "to come"
    return "missing"


def day_shown(visit: Visit, specs: Mapping[str, JobSpec]) -> date:
    """The day that was asked for, else the newest one whose first daily job has come."""
    said = visit.field("date")
    local = visit.now.astimezone(visit.console.runtime.clock.zone)
    if said:
        try:
            return date.fromisoformat(said)
        except ValueError:
            raise RefusedError(f"{said[:20]!r} is no date like 2026-03-31") from None
    first = min((spec.daily_at for spec in specs.values() if spec.daily_at is not None), default=None)
    return local.date() if first is None or local.time() >= first else local.date() - timedelta(days=1)


def live_facts(visit: Visit, specs: Mapping[str, JobSpec], day: date) -> dict[str, Any]:
    """What changes while one looks on."""
    clock = visit.console.runtime.clock
    with boundary.transaction(visit.console.reading, "web.tonight") as connection:
        rows = store.jobs_of(connection, list(specs), business_date=day)
        money = store.money_of(connection, business_date=day)
        stuck = store.stuck_counts(connection)
        oldest = store.oldest_waiting(connection)
        beats = store.heartbeats(connection)
    local = visit.now.astimezone(clock.zone)
    states = {
        name: state_of(rows[name], spec, business_date=day, now=local.replace(tzinfo=None), today=clock.today())
        for name, spec in specs.items()
    }
    alive = {kind: sum(b.kind == kind and b.age_s < ALIVE_S for b in beats) for kind in ("worker", "scheduler")}
    listed = [
        {
            "name": name,
            "row": rows[name],
            "state": STATES[states[name]],
            "colour": COLOURS.get(states[name], "none"),
            "progress": _progress(visit, name, rows[name]),
        }
        for name in specs
    ]
    return {
        "day": day,
        "today": clock.today(),
        "jobs": listed,
        "wrong": [name for name, state in states.items() if state in {"dead", "held", "missing"}],
        "working": [name for name, state in states.items() if state == "working"],
        "to_come": [name for name, state in states.items() if state == "to come"],
        "money": money,
        "left_over": sum(row.left_over for row in money),
        "stuck": stuck,
        "stuck_total": stuck.parked
        + stuck.unanswered
        + stuck.dead
        + stuck.held
        + stuck.payouts
        + stuck.disputes
        + stuck.mails,
        "oldest": oldest,
        "late": oldest is not None and oldest.age_s > LATE_S,
        "alive": alive,
    }


def _progress(visit: Visit, name: str, row: Any) -> Markup:
    said = words(visit.language)
    return charts.progress(
        [Part(row.done, "good"), Part(row.in_progress, "open"), Part(row.dead, "bad"), Part(row.cancelled, "none")],
        whole=row.items,
        title=name,
        description=said.gettext("%(done)s of %(items)s done, %(dead)s dead")
        % {"done": row.done, "items": row.items, "dead": row.dead},
    )


def history(visit: Visit, specs: Mapping[str, JobSpec], day: date) -> list[dict[str, object]]:
    """The last nights of every daily job, as charts over rows that also stand in a table."""
    daily = [name for name, spec in specs.items() if spec.daily_at is not None]
    first = day - timedelta(days=NIGHTS - 1)
    with boundary.transaction(visit.console.reading, "web.nights") as connection:
        found = store.nights(connection, daily, first=first, last=day)
    by_job: dict[str, dict[date, Any]] = {name: {} for name in daily}
    for row in found:
        by_job[row.job][row.business_date] = row
    days = [first + timedelta(days=n) for n in range(NIGHTS)]
    return [_nights_of(visit, name, days, by_job[name]) for name in daily]


def _nights_of(visit: Visit, name: str, days: Sequence[date], rows: Mapping[date, Any]) -> dict[str, object]:
    said, figures = words(visit.language), Figures(visit.language)
    drawn = []
    for one in days:
        row = rows.get(one)
        items = 0 if row is None else int(row.planned.get("items", 0))
        state = "none" if row is None else "bad" if row.dead else "good" if row.finished_at else "open"
        told = said.gettext("items: %(items)s") % {"items": figures.count(items)}
        drawn.append(Bar(f"{figures.short_day(one)}: {told}", items, state))
    dead = sum(row.dead > 0 for row in rows.values())
    description = said.gettext("nights that ran: %(nights)s of %(days)s; with dead items: %(dead)s") % {
        "nights": len(rows),
        "days": len(days),
        "dead": dead,
    }
    took = [row.took_s for row in rows.values() if row.took_s is not None]
    return {
        "name": name,
        "chart": charts.bars(drawn, title=name, description=description),
        "ran": len(rows),
        "dead": dead,
        "usual_s": sorted(took)[len(took) // 2] if took else None,
        "longest_s": max(took, default=None),
        "rows": [rows[one] for one in reversed(days) if one in rows],
    }


@page("/", role=Role.READ_ONLY, menu=N_("Tonight"))
def tonight(visit: Visit) -> Response:
    """The whole screen."""
    specs = visit.console.specs()
    day = day_shown(visit, specs)
    return visit.render("tonight.html.j2", history=history(visit, specs, day), **live_facts(visit, specs, day))


@page("/tonight/live", role=Role.READ_ONLY)
def live(visit: Visit) -> Response:
    """The part of it that is asked for again while one looks on."""
    specs = visit.console.specs()
    return visit.render("tonight_live.html.j2", **live_facts(visit, specs, day_shown(visit, specs)))


pages = [tonight, live]
