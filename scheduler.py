"""APScheduler: ticks that ensure runs and dispatch items; it never works. Several may run: rows are UNIQUE.

Run it with `python -m scheduler`. SIGTERM and SIGINT end it after the tick at hand.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import SQLAlchemyError

from settings import load_settings
from worker import jobs, telemetry
from worker.errors import OdnowaError, UnreachableError
from worker.queue import dispatch, items, metering, runs
from worker.queue.execution import LeaseKeeper
from worker.queue.plans import JobSpec
from worker.runtime import Runtime, open_runtime

SWEEP_S = 0.5
EXPIRE_S = 2
ENDING = {signal.SIGTERM, signal.SIGINT}

log = structlog.get_logger("scheduler")


@dataclass(frozen=True, slots=True)
class Ticks:
    """What happens at each tick; all of it is harmless twice, late or side by side with another scheduler."""

    runtime: Runtime
    specs: list[JobSpec]

    def ensure(self) -> None:
        """Plan what the timetable owes, oldest first, and what the minutely jobs find; job by job."""
        for spec in self.specs:  # a planner that fails holds up nobody else's
            guarded(f"ensure {spec.name}", partial(self._ensure, spec))()

    def _ensure(self, spec: JobSpec) -> None:
        runtime, size = self.runtime, self.runtime.limits.item_size_max
        made = runs.ensure_runs(runtime.engine, [spec], runtime.clock, item_size_max=size)
        made += runs.look_for_work(runtime.engine, [spec], runtime.clock, item_size_max=size)
        for run in made:
            log.info("run_planned", job=run.job, run=run.run_id, date=str(run.business_date), items=len(run.items))
            if run.held is not None:
                log.error("run_held", job=run.job, run=run.run_id, date=str(run.business_date), reason=run.held)

    def sweep(self) -> None:
        """Ring for items that wait."""
        dispatch.sweep(self.runtime.engine, self.runtime.bell, threads=self.runtime.limits.worker_threads)

    def expire(self) -> None:
        """Take items back from workers that died or stalled."""
        taken = items.expire_leases(self.runtime.engine, attempts_max=self.runtime.limits.item_attempts_max)
        if taken:
            log.warning("leases_expired", items=taken)


def guarded(name: str, tick: Callable[[], None]) -> Callable[[], None]:
    """A tick that logs a server that is away, or a fault of ours with its traceback, and comes again."""

    def run() -> None:
        try:
            tick()
        except (SQLAlchemyError, UnreachableError) as error:
            log.warning("tick_failed", tick=name, error=f"{type(error).__name__}: {error}".splitlines()[0][:200])
        except Exception:
            log.exception("tick_broken", tick=name)

    return run


def build(runtime: Runtime) -> BackgroundScheduler:
    """The scheduler with its three ticks. A tick that was missed is made up once, however late.

    The timetable is looked at once more at the start.
    """
    ticks = Ticks(runtime, [job.spec(runtime) for job in jobs.load().values()])
    scheduler = BackgroundScheduler(
        timezone=runtime.clock.zone,
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    ensure = guarded("ensure", ticks.ensure)
    scheduler.add_job(ensure, id="ensure at the start")
    scheduler.add_job(ensure, CronTrigger(second=0, timezone=runtime.clock.zone), id="ensure")
    scheduler.add_job(guarded("sweep", ticks.sweep), IntervalTrigger(seconds=SWEEP_S), id="sweep")
    scheduler.add_job(guarded("expire", ticks.expire), IntervalTrigger(seconds=EXPIRE_S), id="expire")
    return scheduler


def main() -> int:
    """Run until a signal. Returns the process's exit code."""
    # Signals are waited for, not handled: a handler runs in the middle of anything, also of the scheduler's own locks,
    # and would wait for them for ever. Threads inherit the mask, so it comes first.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        settings = load_settings()
        telemetry.configure_logging(level=settings.log_level, style=settings.log_format)
        runtime = open_runtime(settings)
    except OdnowaError as error:
        print(f"scheduler: {error}", file=sys.stderr)  # noqa: T201 - the one line for whoever started it
        return 1
    scheduler = build(runtime)
    keeper = LeaseKeeper(
        runtime.engine,
        lease_s=runtime.limits.lease_s,
        process=f"scheduler:{socket.gethostname()}",
        kind="scheduler",
    )
    metering.begin()
    keeper.start(pid=os.getpid())
    scheduler.start()
    log.info("scheduler_started", jobs=sorted(jobs.load()))
    signal.sigwait(ENDING)
    scheduler.shutdown(wait=True)
    keeper.stop()
    log.info("scheduler_stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
