"""A short storm over the real processes, in the suite; the long ones are `make chaos`."""

from pathlib import Path

import pytest

from tests.chaos.plan import KINDS
from tests.chaos.storm import Storm, play

SHORT = ("worker-kill", "scheduler-kill", "redis-kill", "postgres-kill", "mail-trouble", "customer-kill")


@pytest.mark.timeout(240)
def test_a_short_storm_loses_and_doubles_nothing(tmp_path: Path) -> None:
    storm = Storm(seed=1, seconds=3, only=SHORT, subscribers=20, buyers=2, hurried=True)
    result = play(storm, tmp_path / "storm")
    assert result.violations == []
    assert result.figures["charges succeeded"] > 0
    assert result.figures["desk requests"] > 0


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", KINDS)
def test_each_blow_alone_loses_and_doubles_nothing(tmp_path: Path, kind: str) -> None:
    result = play(Storm(seed=1, seconds=10, only=[kind], subscribers=60, buyers=4), tmp_path / "storm")
    assert result.violations == []
    assert result.blows[kind] > 0
