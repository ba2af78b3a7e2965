"""The product against a notebook that is kept by the rules; `make model` plays more of it."""

import pytest
from sqlalchemy import Engine

from tests.model.ground import Size, play, quick
from tests.model.machine import Tally
from tests.model.mutants import MUTANTS
from tests.support.house import House

SHORT = Size(examples=6, steps=12)
ENOUGH = Size(examples=150, steps=25, shrinks=False)


@pytest.mark.timeout(120)
def test_random_lives_go_as_a_notebook_kept_by_the_rules_says(house: House, engine: Engine) -> None:
    tally = Tally()
    with quick(house, engine):
        play(house, SHORT, tally)
    assert tally.charges > SHORT.examples, tally


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_build_that_bends_a_rule_is_found(house: House, engine: Engine, name: str) -> None:
    with quick(house, engine), MUTANTS[name](), pytest.raises(AssertionError) as difference:
        play(house, ENOUGH, Tally())
    told = str(difference.value)
    assert "anna opens an account" in told, "what differs is told as a story"
    assert "    and then" not in told, "it is the rule that differs, not a story that stands still"
