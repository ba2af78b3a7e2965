"""Storms over the real processes: a short one in the suite; by `make storm` broken builds in it, each blow alone."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.plan import KINDS, Blow
from tests.chaos.site import REQUESTS, Site
from tests.chaos.storm import Storm, play

SLOW_MS = 150
LOST = 3
PUT_OFF = 2
MAILS_MET = 6
"""Mails among which those that the mail server puts off are drawn."""


def _harm(site: Site) -> None:
    """The provider is slow and some of its answers are lost, and some mails are put off."""
    site.stage.emulator.latency(SLOW_MS)
    site.stage.emulator.fault("drop_after_execution", "payment_intents.confirm", nth=2, times=LOST)
    site.set_trouble({"mails": MAILS_MET, "later": PUT_OFF})


def _answers_are_lost(site: Site) -> bool:
    """Whether so many payments were confirmed whose answers nobody got."""
    return (site.folder / REQUESTS).read_text(encoding="utf-8").count('"drop_after_execution"') == LOST


SHORT = Storm(
    seed=1,
    seconds=3,
    blows=(
        Blow(200, "postgres-kill", 300, 0),
        Blow(2_700, "worker-kill", 0, 0),
        Blow(2_800, "redis-kill", 500, 0),
        Blow(2_900, "scheduler-kill", 0, 0),
    ),
    subscribers=30,
    buyers=2,
    machines=1,
    overrides={"STRIPE_CONNECTIONS": "2", "RULE_QUOTE_MINUTES": "10080"},
    first=_harm,
    begun=_answers_are_lost,
    again=60,
    hurried=True,
)
"""The storm of the suite. Money moves slowly, so that PostgreSQL and the worker fall while some is under way.

There is one machine, since each start of a process costs a second or two, and none starts while PostgreSQL is away.
Quotes outlast the days that pass, so that every customer buys.
"""


@pytest.mark.timeout(300)
def test_a_short_storm_loses_and_doubles_nothing(tmp_path: Path) -> None:
    result = play(SHORT, tmp_path / "storm")
    assert result.violations == []
    assert set(+result.blows) == {blow.kind for blow in SHORT.blows}, "each blow hit somebody"
    assert result.figures["charges succeeded"] > LOST
    assert result.figures["of them orders"] > 0
    assert result.figures["mails put off by 4xx"] == PUT_OFF


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("build", "found"),
    [
        ("begun_anew", r"books: .* was charged and is not in our books"),
        ("taken_for_sent", r"mails: .* is sent in our books and never arrived"),
    ],
)
def test_the_short_storm_finds_a_broken_build(tmp_path: Path, build: str, found: str) -> None:
    result = play(replace(SHORT, worker=f"tests.chaos.broken.{build}"), tmp_path / "storm")
    assert [one for one in result.violations if re.fullmatch(found, one)]


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", KINDS)
def test_each_blow_alone_loses_and_doubles_nothing(tmp_path: Path, kind: str) -> None:
    result = play(Storm(seed=1, seconds=10, only=[kind], subscribers=60, buyers=4), tmp_path / "storm")
    assert result.violations == []
    assert result.blows[kind] > 0
