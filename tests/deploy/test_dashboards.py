"""deploy/grafana: what Grafana needs to show a board, and metrics and labels that exist."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.deploy.alerting import DEPLOY, load_alerts
from tests.deploy.promql import selectors
from tests.deploy.series import SERIES, wrong_labels

BOARDS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(DEPLOY.glob("grafana/*.json"))}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"none", "s", "d", "ops", "percentunit"}
_METRIC = re.compile(r"(odnowa_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(?:=|!=|=~|!~)"')
_GROUPED = re.compile(r"\bby \(([\w, ]+)\)")
_LEGEND = re.compile(r"\{\{(\w+)\}\}")


def panels(board: Any, *, rows: bool = False) -> Iterator[Any]:
    yield from (panel for panel in board["panels"] if rows or panel["type"] != "row")


def expressions(board: Any) -> Iterator[tuple[str, str]]:
    """Each with its legend."""
    for panel in panels(board):
        yield from ((target["expr"], target["legendFormat"]) for target in panel["targets"])


def wrong(expression: str, legend: str) -> list[str]:
    """Metrics and labels of an expression that do not exist, and labels of a legend that are not there."""
    read = [(name, _MATCHER.findall(matchers)) for name, matchers in _METRIC.findall(expression)]
    found = [each for name, labels in read for each in wrong_labels(name, labels)]
    known = set().union(*(SERIES.get(name, ()) for name, _ in read))
    kept = {label.strip() for group in _GROUPED.findall(expression) for label in group.split(",")}
    found += sorted(kept - known)
    return found + sorted(set(_LEGEND.findall(legend)) - (kept or known))


def test_there_are_two() -> None:
    assert {name: board["title"] for name, board in BOARDS.items()} == {
        "machine_room": "Machine room",
        "tonight": "Tonight",
    }
    assert len({board["uid"] for board in BOARDS.values()}) == 2


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_it_reads_metrics_that_exist_by_labels_that_they_have(board: Any) -> None:
    assert [each for expression, legend in expressions(board) for each in wrong(expression, legend)] == []


@pytest.mark.parametrize(
    ("expression", "legend", "found"),
    [
        ("odnowa_no_such", "", ["odnowa_no_such"]),
        ('odnowa_items{queue="x"}', "", ["odnowa_items{queue}"]),
        ("sum by (queue) (odnowa_items)", "", ["queue"]),
        ("odnowa_items", "{{queue}}", ["queue"]),
        ("sum by (job) (odnowa_items)", "{{state}}", ["state"]),
        ("rate(odnowa_item_duration_seconds[5m])", "", ["odnowa_item_duration_seconds"]),
    ],
)
def test_what_does_not_exist_is_found(expression: str, legend: str, found: list[str]) -> None:
    assert wrong(expression, legend) == found


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_its_source_can_be_chosen(board: Any) -> None:
    (variable,) = board["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    for panel in panels(board):
        assert panel["datasource"] == SOURCE
        assert all(target["datasource"] == SOURCE for target in panel["targets"])


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_panels_stand_beside_each_other(board: Any) -> None:
    places: set[tuple[int, int]] = set()
    for panel in panels(board, rows=True):
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        mine = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not mine & places, panel["title"]
        places |= mine
    ids = [panel["id"] for panel in panels(board, rows=True)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_each_panel_says_what_it_shows_in_which_unit_and_when_it_is_bad(board: Any) -> None:
    for panel in panels(board):
        assert panel["title"], panel
        assert panel["description"], panel["title"]
        fields = panel["fieldConfig"]
        told = [
            fields["defaults"],
            *({one["id"]: one["value"] for one in each["properties"]} for each in fields["overrides"]),
        ]
        (unit,) = [each["unit"] for each in told if "unit" in each]
        (thresholds,) = [each["thresholds"] for each in told if "thresholds" in each]
        assert unit in UNITS, panel["title"]
        first, *others = [step["value"] for step in thresholds["steps"]]
        assert first is None
        assert all(low < high for low, high in pairwise(others))


def test_what_alerts_watch_is_on_a_board() -> None:
    shown = {
        name
        for board in BOARDS.values()
        for expression, _ in expressions(board)
        for name, _ in _METRIC.findall(expression)
    }
    watched = {selector.metric for alert in load_alerts() for selector in selectors(alert.expression)}
    assert watched - shown == set()
