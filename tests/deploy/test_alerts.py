"""deploy/alerts.yml: every metric, label and page exists, and each alert fires on bad data and not on good."""

import re
from collections import defaultdict
from dataclasses import replace

import pytest

from tests.deploy.alerting import Alert, Expected, filled, firing, load_alerts, load_expected, store_of
from tests.deploy.promql import NotUnderstoodError, parse, selectors
from tests.deploy.series import wrong_labels
from tests.house.test_runbook import parking_reasons
from tests.house.test_words import anchors
from tests.support.sources import CHECKOUT, python_sources
from worker.store.audit import INVARIANTS
from worker.store.audit.provider import RULES

ALERTS = {alert.name: alert for alert in load_alerts()}
EXPECTED = load_expected()
PAGES = anchors((CHECKOUT / "docs/runbook.md").read_text(encoding="utf-8"))


def label_values() -> dict[str, set[str]]:
    """What may stand in a template of a link."""
    reasons = {reason for source in python_sources() for reason in parking_reasons(source)}
    return {"reason": reasons, "invariant": {*INVARIANTS, *RULES}}


@pytest.mark.parametrize("alert", ALERTS.values(), ids=lambda alert: alert.name)
def test_it_reads_metrics_that_exist_by_labels_that_they_have(alert: Alert) -> None:
    for selector in selectors(alert.expression):
        assert wrong_labels(selector.metric, [label for label, _, _ in selector.matchers]) == []


@pytest.mark.parametrize("alert", ALERTS.values(), ids=lambda alert: alert.name)
def test_it_names_its_severity_and_a_page_that_says_what_to_do(alert: Alert) -> None:
    assert alert.labels["severity"] in ("critical", "warning")
    assert set(alert.annotations) == {"summary", "runbook"}
    page, _, anchor = alert.annotations["runbook"].partition("#")
    assert page == "docs/runbook.md"
    templates = re.findall(r"\$labels\.(\w+)", anchor)
    for value in [""] if not templates else label_values()[templates[0]]:
        assert filled(anchor, dict.fromkeys(templates, value), 0) in PAGES, value


def test_every_alert_is_asked_for_noise_and_for_silence() -> None:
    asked: dict[str, set[bool]] = defaultdict(set)
    for one in EXPECTED:
        asked[one.alert].add(bool(one.fired))
    assert asked == {name: {True, False} for name in ALERTS}


@pytest.mark.parametrize("one", EXPECTED, ids=lambda one: f"{one.test[:30]}-{one.alert}-{one.at_s // 60}m")
def test_it_fires_on_bad_data_and_is_silent_on_good(one: Expected) -> None:
    assert firing(ALERTS[one.alert], one.store, at_s=one.at_s, every_s=one.every_s) == one.fired


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_that_never_fires_would_be_noticed(name: str) -> None:
    deaf = replace(ALERTS[name], expression=parse("odnowa_no_such_metric"))
    mine = [one for one in EXPECTED if one.alert == name]
    assert any(firing(deaf, one.store, at_s=one.at_s, every_s=one.every_s) != one.fired for one in mine)


def test_samples_are_written_as_promtool_reads_them() -> None:
    store = store_of([{"series": 'a{x="1",y="2"}', "values": "1 _ 5+0x2 0+10x2 9-2x1"}], 60)
    (labels,) = store
    assert dict(labels) == {"__name__": "a", "x": "1", "y": "2"}
    times = [0, 120, 180, 240, 300, 360, 420, 480, 540]
    assert store[labels] == list(zip(times, [1.0, 5.0, 5.0, 5.0, 0.0, 10.0, 20.0, 9.0, 7.0], strict=True))


@pytest.mark.parametrize("series", ["a{x=1}", "a b", "{x='1'}"])
def test_other_ways_to_name_a_series_are_refused(series: str) -> None:
    with pytest.raises(NotUnderstoodError):
        store_of([{"series": series, "values": "1"}], 60)


@pytest.mark.parametrize("values", ["1+1", "stale", "NaN", "1x", "1e3"])
def test_other_ways_to_write_samples_are_refused(values: str) -> None:
    with pytest.raises(NotUnderstoodError):
        store_of([{"series": "a", "values": values}], 60)


def test_other_templates_are_refused() -> None:
    assert filled("{{ $value }} of {{ $labels.job }}", {"job": "renew"}, 3.0) == "3 of renew"
    for text, value in (("{{ $value | humanize }}", 3.0), ("{{ $value }}", 0.5)):
        with pytest.raises(NotUnderstoodError):
            filled(text, {}, value)
