"""The product against a notebook that is kept by the rules."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine, Tally
from tests.support.house import House

SHORT = settings(
    max_examples=8,
    stateful_step_count=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def machine_of(house: House, tally: Tally) -> type[Machine]:
    """A machine that plays in this house."""
    return type("Machine", (Machine,), {"house": house, "tally": tally})


@pytest.mark.timeout(120)
def test_random_lives_go_as_a_notebook_kept_by_the_rules_says(house: House) -> None:
    tally = Tally()
    run_state_machine_as_test(machine_of(house, tally), settings=SHORT)
    assert tally.charges > 8, tally
