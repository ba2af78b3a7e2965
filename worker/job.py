"""@job: a function of one leased item becomes a job with a planner, a timetable and an actor of the same name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time

from worker.errors import UnknownJobError
from worker.queue.items import Lease
from worker.queue.plans import JobSpec, Planner
from worker.runtime import Runtime

Work = Callable[[Runtime, Lease], Mapping[str, object]]
PlannerFactory = Callable[[Runtime], Planner]
CATCH_UP_DAYS = 31


@dataclass(frozen=True, slots=True)
class Job:
    """A registered job.

    Args:
        name: file = job = log key = runbook heading.
        work: does one leased item and returns its counts.
        planner: makes the planner from the runtime, whose policy it may need.
        daily_at: wall-clock time in the seller's zone, None for none.
        minutely: look for work every minute.
        after: the job that must be planned first for the same date.
        money: never before the go-live date.
    """

    name: str
    work: Work
    planner: PlannerFactory
    daily_at: time | None = None
    minutely: bool = False
    after: str | None = None
    money: bool = False

    def spec(self, runtime: Runtime) -> JobSpec:
        """The job as the queue sees it."""
        return JobSpec(
            name=self.name,
            planner=self.planner(runtime),
            daily_at=self.daily_at,
            minutely=self.minutely,
            catch_up_days=runtime.limits.catch_up_days,
            after=self.after,
            money=self.money,
        )


REGISTRY: dict[str, Job] = {}


def job(
    *,
    planner: PlannerFactory,
    daily_at: time | None = None,
    minutely: bool = False,
    after: str | None = None,
    money: bool = False,
) -> Callable[[Work], Work]:
    """Register the decorated function under its own name, which is its file's name."""

    def register(work: Work) -> Work:
        name = work.__name__
        if not work.__module__.endswith(f".{name}"):
            raise AssertionError(f"the job {name} must stand in a file of its own name, not in {work.__module__}")
        REGISTRY[name] = Job(name, work, planner, daily_at, minutely, after, money)
        return work

    return register


def find(name: str) -> Job:
    """The job of that name. Raises UnknownJobError, which lists the known ones."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise UnknownJobError(f"no job is called {name}; there are: {', '.join(sorted(REGISTRY))}") from None
