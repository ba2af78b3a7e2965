"""The product against a notebook that is kept by the rules; `make model` plays more of it."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.model.ground import Size, play, quick
from tests.model.machine import Machine, Tally
from tests.model.mutants import MUTANTS
from tests.support.house import House

SHORT = Size(examples=4, steps=9)


@pytest.mark.timeout(120)
def test_random_lives_go_as_a_notebook_kept_by_the_rules_says(house: House, engine: Engine) -> None:
    tally = Tally()
    with quick(house, engine):
        play(house, SHORT, tally)
    assert tally.charges > SHORT.examples, tally


def tell(house: House, story: Callable[[Machine], None]) -> None:
    """Play a given story instead of a random one."""
    machine: Machine = type("Machine", (Machine,), {"house": house, "tally": Tally()})()
    story(machine)
    machine.teardown()


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_build_that_bends_a_rule_differs_and_is_told_as_a_story(house: House, engine: Engine) -> None:
    with quick(house, engine):
        for bend, story in MUTANTS.values():
            tell(house, story)
            with bend(), pytest.raises(AssertionError) as difference:
                tell(house, story)
            told = str(difference.value)
            assert "anna opens an account" in told
            assert "    and then" not in told, "it is the rule that differs, not a story that stands still"
