"""Storms over the real processes, by `make storm`: a short one, each blow alone, broken builds."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.plan import KINDS
from tests.chaos.site import Site
from tests.chaos.storm import Storm, play

SHORT = ("worker-kill", "scheduler-kill", "redis-kill", "postgres-kill", "mail-trouble", "customer-kill")

MOVED = 5
"""Charges at the provider after which the answers that shall be lost are lost."""


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_short_storm_loses_and_doubles_nothing(tmp_path: Path) -> None:
    storm = Storm(seed=1, seconds=3, only=SHORT, subscribers=20, buyers=2, hurried=True)
    result = play(storm, tmp_path / "storm")
    assert result.violations == []
    assert result.figures["charges succeeded"] > 0
    assert result.figures["desk requests"] > 0


def _answers_lost(site: Site) -> None:
    site.stage.emulator.fault("drop_after_execution", "payment_intents.confirm", times=3)


def _mails_put_off(site: Site) -> None:
    site.set_trouble({"mails": 6, "later": 3})


def _money_moved(site: Site) -> bool:
    return len(site.stage.emulator.journal()) > MOVED


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("build", "first", "found"),
    [
        ("begun_anew", _answers_lost, r"books: .*"),
        ("taken_for_sent", _mails_put_off, r"mails: .* is sent in our books and never arrived"),
    ],
)
def test_a_broken_build_is_found(tmp_path: Path, build: str, first: Callable[[Site], None], found: str) -> None:
    broken = f"tests.chaos.broken.{build}"
    storm = Storm(seed=1, seconds=5, only=["worker-kill"], subscribers=20, buyers=2, worker=broken, hurried=True)
    result = play(replace(storm, first=first, until=_money_moved), tmp_path / "storm")
    assert [one for one in result.violations if re.fullmatch(found, one)]


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", KINDS)
def test_each_blow_alone_loses_and_doubles_nothing(tmp_path: Path, kind: str) -> None:
    result = play(Storm(seed=1, seconds=10, only=[kind], subscribers=60, buyers=4), tmp_path / "storm")
    assert result.violations == []
    assert result.blows[kind] > 0
