"""Queues: depth, oldest age, what is worked on and by whom, how fast; and jobs paused and resumed."""

from typing import Any

from starlette.responses import Response

from worker import boundary
from worker.operating import pausing as acts
from worker.operating.people import Role
from worker.queue import pausing
from worker.queue.heartbeats import ALIVE_S
from worker.store.console import queues as store
from worker.store.console.tonight import heartbeats
from worker.web.visit import Visit, act, page
from worker.web.words import N_

MINUTES = 60
SHOWN = 50


def _facts(visit: Visit) -> dict[str, Any]:
    with boundary.transaction(visit.console.reading, "web.queues") as connection:
        depth = store.depth(connection)
        rates = store.rates(connection, minutes=MINUTES)
        failed = store.failed(connection, minutes=MINUTES)
        paused = {row.job: row for row in pausing.paused(connection)}
        beats = heartbeats(connection)
        working = store.in_progress(connection, most=SHOWN)
    jobs = [
        {"name": name, "depth": depth.get(name), "rate": rates.get(name), "failed": failed.get(name, 0)}
        | {"paused": paused.get(name)}
        for name in sorted({*visit.console.specs(), *depth, *paused})
    ]
    return {"jobs": jobs, "beats": beats, "alive_s": ALIVE_S, "in_progress": working, "minutes": MINUTES}


@page("/queues", role=Role.READ_ONLY, menu=N_("Queues"))
def queues(visit: Visit) -> Response:
    """The whole screen."""
    return visit.render("queues.html.j2", **_facts(visit))


@page("/queues/live", role=Role.READ_ONLY)
def live(visit: Visit) -> Response:
    """The part of it that is asked for again while one looks on."""
    return visit.render("queues_live.html.j2", **_facts(visit))


@act("/queues/pause", role=Role.OPERATOR)
def pause(visit: Visit) -> Response:
    """Start nothing of a job until it is resumed."""
    acts.pause(visit.console.runtime.engine, visit.need("job"), by=visit.by, reason=visit.need("reason"))
    return visit.done("/queues", "paused")


@act("/queues/resume", role=Role.OPERATOR)
def resume(visit: Visit) -> Response:
    """Let a paused job go on."""
    acts.resume(visit.console.runtime.engine, visit.need("job"), by=visit.by, reason=visit.need("reason"))
    return visit.done("/queues", "resumed")


pages = [queues, live, pause, resume]
