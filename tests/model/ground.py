"""Where the model's stories are played, how many of them, and what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine

from tests.model.machine import Machine, Tally
from tests.support.house import House


@dataclass(frozen=True, slots=True)
class Size:
    """How much is played.

    seed: what is drawn; None draws the same each time. shrinks: whether a difference is told by the shortest story.
    """

    examples: int
    steps: int
    seed: int | None = None
    shrinks: bool = True


@contextmanager
def quick(house: House, engine: Engine) -> Iterator[House]:
    """The house over a pool that does not ask each connection whether it lives: a story has a thousand transactions."""
    asking = house.runtime.engine
    house.runtime = replace(house.runtime, engine=engine)
    try:
        yield house
    finally:
        asking.dispose()


def play(house: House, size: Size, tally: Tally) -> None:
    """Play so many stories; raises AssertionError with the story in words when product and model differ."""
    machine = type("Machine", (Machine,), {"house": house, "tally": tally})
    if size.seed is not None:
        machine = seed(size.seed)(machine)
    how = settings(
        max_examples=size.examples,
        stateful_step_count=size.steps,
        derandomize=size.seed is None,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if size.shrinks else (Phase.generate,),
    )
    run_state_machine_as_test(machine, settings=how)
