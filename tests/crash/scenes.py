"""Scenes: what is prepared, and the step in which the process dies. One or more for every job and every act.

A step must be one that its caller may take again: the timetable plans again, the customer asks again by the same
request id. It is taken again after each death, and the books must be as if nothing had been.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.support.house import House

Made = Any
"""What preparing hands to the step; it goes from one process to another as JSON."""
Prepare = Callable[[House], Made]
Step = Callable[[House, Made], object]


class Kind(StrEnum):
    """What a scene shows."""

    JOB = "job"
    ACT = "act"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene.

    Args:
        name: its own.
        kind: whether it shows a job, an act of the desk, or something else.
        of: the job or act that it shows.
        prepare: makes everything before the step; nobody dies in it.
        step: what is done; a process dies in it at one door after another.
        but: invariants that cannot hold because the scene leaves out other jobs of its day.
        unbooked: the provider has money that waits for a person to book it, which is what the scene shows.
        gives_up: items that an operator gave up are what the scene shows, and no work that is left.
        registered: the seller is registered for VAT, and has VIES and a bank to ask.
        micro_batch: so many charges are asked for at once.
        waits: everything waits for the step, so that it is taken again before anything else can go on.
    """

    name: str
    kind: Kind
    of: str
    prepare: Prepare
    step: Step
    but: tuple[str, ...] = ()
    unbooked: bool = False
    gives_up: bool = False
    registered: bool = False
    micro_batch: int = 25
    waits: bool = False


SCENES: dict[str, Scene] = {}
STAND_INS: dict[str, str] = {}
"""Addresses of the stand-ins for VIES and the bank, `vies` and `bank`, in a process that plays."""


def add(scene: Scene) -> None:
    """Put a scene on the bill. Fails when the name is taken."""
    if scene.name in SCENES:
        raise AssertionError(f"two scenes are called {scene.name}")
    SCENES[scene.name] = scene


def nothing(house: House) -> Made:
    """For steps that need no more than a house."""
    del house


def work(house: House, job: str) -> None:
    """Plan a job for today and do all of it, and nothing of what it causes."""
    house.plan(job)
    house.drain(pick=lambda one: one == job)


def of_job(job: str, *, name: str | None = None, **how: Any) -> Callable[[Prepare], Prepare]:
    """The decorated function prepares a day of the job; its step is that job."""

    def put(prepare: Prepare) -> Prepare:
        add(Scene(name or prepare.__name__, Kind.JOB, job, prepare, lambda house, _made: work(house, job), **how))
        return prepare

    return put


def of_act(act: str, prepare: Prepare = nothing, **how: Any) -> Callable[[Step], Step]:
    """The decorated function does the act, by one request id, for what was prepared."""

    def put(step: Step) -> Step:
        add(Scene(step.__name__, Kind.ACT, act, prepare, step, **how))
        return step

    return put


def of_other(what: str, prepare: Prepare = nothing, **how: Any) -> Callable[[Step], Step]:
    """The decorated function does something that is neither a job nor an act."""

    def put(step: Step) -> Step:
        add(Scene(step.__name__, Kind.OTHER, what, prepare, step, **how))
        return step

    return put


def lacking(jobs: list[str], acts: list[str]) -> list[str]:
    """Which jobs and acts no scene shows, as sentences."""
    shown = {(scene.kind, scene.of) for scene in SCENES.values()}
    how = "add one to tests/crash, so that a process dies at every door that it passes"
    return [f"the job {job} has no scene: {how}" for job in jobs if (Kind.JOB, job) not in shown] + [
        f"the act {act} of the desk has no scene: {how}" for act in acts if (Kind.ACT, act) not in shown
    ]
