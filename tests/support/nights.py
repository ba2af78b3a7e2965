"""Nights with real worker processes: plan, watch, wait until all is quiet, hold the books against the journal."""

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from tests.support.invariants import AT_ONCE, broken
from worker import jobs
from worker.jobs.audit import as_of
from worker.queue import runs
from worker.queue.plans import PlanRequest
from worker.queue.runs import PlannedRun
from worker.sandbox.books import Books, compare
from worker.sandbox.stage import Stage

_OPEN = "SELECT count(*) FROM work_items WHERE state IN ('ready', 'leased')"


def due_day(stage: Stage) -> date:
    """Today, or the last day that every month has."""
    today = stage.runtime.clock.today()
    return today - timedelta(days=max(0, today.day - 28))


def plan(stage: Stage, job: str, day: date | None = None) -> PlannedRun:
    """An operator's run; the scheduler of the stage rings for it."""
    clock = stage.runtime.clock
    request = PlanRequest(day or clock.today(), clock.today(), clock.now())
    return runs.request_run(stage.runtime.engine, jobs.load()[job].spec(stage.runtime), request, by="test")


def number(stage: Stage, query: str, **values: object) -> int:
    """One number from the store."""
    with stage.runtime.engine.begin() as connection:
        return int(connection.execute(text(query), values).scalar_one())


def rows(stage: Stage, query: str, **values: object) -> list[dict[str, Any]]:
    """Rows from the store."""
    with stage.runtime.engine.begin() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


def until(condition: Callable[[], bool], *, limit_s: float, what: str) -> float:
    """Wait for a condition; returns the seconds it took. Fails after the limit."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > limit_s:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - started


def until_quiet(stage: Stage, *, limit_s: float) -> float:
    """Wait until no item is left and every charge that money may still move for has its answer."""
    return until(
        lambda: (
            number(stage, _OPEN) == 0
            and number(stage, "SELECT count(*) FROM charges WHERE state NOT IN ('succeeded', 'declined')") == 0
        ),
        limit_s=limit_s,
        what="quiet",
    )


def books(stage: Stage) -> Books:
    """Our books against the provider's journal."""
    return compare(stage.runtime.engine, stage.emulator.journal(), stage.emulator.journal_refunds())


def broken_rules(stage: Stage) -> list[str]:
    """What the product's own audit finds, when nothing is left to do."""
    return broken(stage.runtime.engine, as_of=as_of(stage.runtime, grace=AT_ONCE))


def succeeded(stage: Stage) -> int:
    """How many charges have succeeded in our books."""
    return number(stage, "SELECT count(*) FROM charges WHERE state = 'succeeded'")
