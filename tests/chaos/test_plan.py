"""The plan of a storm: the same seed is the same storm, and no kind of blow is left out."""

import pytest

from tests.chaos.aftermath import MAY_PARK
from tests.chaos.blows import BLOWS
from tests.chaos.plan import KINDS, plan
from tests.house.test_runbook import parking_reasons
from tests.support.sources import python_sources


def test_the_same_seed_is_the_same_storm() -> None:
    assert plan(7, 60) == plan(7, 60)
    assert plan(7, 60) != plan(8, 60)


@pytest.mark.parametrize("seed", range(1, 11))
def test_every_kind_of_blow_falls_in_every_storm(seed: int) -> None:
    assert {blow.kind for blow in plan(seed, 60)} == set(KINDS) == set(BLOWS)


def test_one_kind_can_be_had_alone() -> None:
    assert {blow.kind for blow in plan(1, 30, ["redis-kill"])} == {"redis-kill"}
    with pytest.raises(ValueError, match="no such blow: rain"):
        plan(1, 30, ["rain"])


def test_blows_fall_within_the_storm_and_stops_outlast_a_lease() -> None:
    for blow in plan(3, 60):
        assert 6_000 <= blow.at_ms < 54_000
        assert blow.lasts_ms > 5_000 or not blow.kind.endswith(("worker-stop", "scheduler-stop"))


def test_what_a_storm_may_park_is_among_the_parking_reasons() -> None:
    assert {reason for source in python_sources() for reason in parking_reasons(source)} >= MAY_PARK
