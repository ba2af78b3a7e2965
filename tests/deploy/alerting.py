"""Alerts as Prometheus keeps them, and promtool's test files, as far as deploy/ uses them; more is refused."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.deploy.promql import Expression, Labels, NotUnderstoodError, Store, evaluate, parse
from tests.support.sources import CHECKOUT

DEPLOY = CHECKOUT / "deploy"
_UNITS = {"s": 1, "m": 60, "h": 3600}
_LENGTH = re.compile(r"(\d+)([smh])")
_VALUES = re.compile(r"(\d+(?:\.\d+)?)(?:([+-])(\d+(?:\.\d+)?))?(?:x(\d+))?|_")
_SERIES = re.compile(r"(\w+)(?:\{(.*)\})?")
_LABEL = re.compile(r'(\w+)="([^"]*)",?')
_TEMPLATE = re.compile(r"\{\{ \$(?:labels\.(\w+)|(value)) \}\}")


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule."""

    name: str
    text: str
    expression: Expression
    for_s: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that is firing, with its templates filled in."""

    labels: Labels
    annotations: frozenset[tuple[str, str]]


def only(given: Mapping[str, Any], *known: str) -> None:
    """Refuse keys that nobody here looks at."""
    if more := set(given) - set(known):
        raise NotUnderstoodError(f"unknown: {sorted(more)}")


def seconds(length: str) -> int:
    """A length of time such as 5m."""
    found = _LENGTH.fullmatch(length)
    if found is None:
        raise NotUnderstoodError(f"{length!r} is no length of time")
    return int(found[1]) * _UNITS[found[2]]


def load_alerts() -> list[Alert]:
    """All of deploy/alerts.yml."""
    document = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    only(document, "groups")
    found = []
    for group in document["groups"]:
        only(group, "name", "rules")
        for rule in group["rules"]:
            only(rule, "alert", "expr", "for", "labels", "annotations")
            words = rule["expr"]
            found.append(
                Alert(rule["alert"], words, parse(words), seconds(rule["for"]), rule["labels"], rule["annotations"])
            )
    return found


def filled(text: str, labels: Mapping[str, str], value: float) -> str:
    """A template's text. Values are told as Prometheus does where both agree: whole numbers."""

    def fill(found: re.Match[str]) -> str:
        if found[1]:
            return labels.get(found[1], "")
        if value != int(value):
            raise NotUnderstoodError(f"{value} is not whole, in {text!r}")
        return str(int(value))

    told = _TEMPLATE.sub(fill, text)
    if "{{" in told:
        raise NotUnderstoodError(text)
    return told


def firing(alert: Alert, store: Store, *, at_s: int, every_s: int) -> set[Fired]:
    """What fires at that second when the rule is looked at from 0 on."""
    since: dict[Labels, int] = {}
    values: dict[Labels, float] = {}
    for now_s in range(0, at_s + 1, every_s):
        true = evaluate(alert.expression, store, now_s)
        values = {frozenset(one for one in labels if one[0] != "__name__"): n for labels, n in true.items()}
        since = {labels: since.get(labels, now_s) for labels in values}
    return {
        Fired(
            labels | frozenset(alert.labels.items()),
            frozenset((name, filled(text, dict(labels), values[labels])) for name, text in alert.annotations.items()),
        )
        for labels, began_s in since.items()
        if at_s - began_s >= alert.for_s
    }


def _numbers(written: str) -> Iterator[float | None]:
    """The short way of writing samples: 1 2 _ 5x3 0+10x4."""
    for word in written.split():
        found = _VALUES.fullmatch(word)
        if found is None:
            raise NotUnderstoodError(f"{word!r} among samples")
        first, sign, step, times = found.groups()
        if first is None:
            yield None
            continue
        by = float(f"{sign or '+'}{step or 0}")
        if step is not None and times is None:
            raise NotUnderstoodError(f"{word!r} among samples")
        yield from (float(first) + by * n for n in range(int(times or 0) + 1))


def store_of(input_series: Sequence[Mapping[str, str]], every_s: int) -> Store:
    """Series of a test file."""
    store: dict[Labels, list[tuple[int, float]]] = {}
    for one in input_series:
        only(one, "series", "values")
        found = _SERIES.fullmatch(one["series"])
        if found is None or _LABEL.sub("", found[2] or ""):
            raise NotUnderstoodError(one["series"])
        labels = frozenset({("__name__", found[1]), *_LABEL.findall(found[2] or "")})
        store[labels] = [(n * every_s, value) for n, value in enumerate(_numbers(one["values"])) if value is not None]
    return store


@dataclass(frozen=True, slots=True)
class Expected:
    """What a test file says of one alert at one moment."""

    test: str
    alert: str
    at_s: int
    every_s: int
    store: Store
    fired: frozenset[Fired]


def load_expected() -> list[Expected]:
    """All of deploy/alerts_test.yml."""
    document = yaml.safe_load((DEPLOY / "alerts_test.yml").read_text(encoding="utf-8"))
    only(document, "rule_files", "evaluation_interval", "tests")
    assert document["rule_files"] == ["alerts.yml"]
    every_s = seconds(document["evaluation_interval"])
    found = []
    for test in document["tests"]:
        only(test, "name", "interval", "input_series", "alert_rule_test")
        store = store_of(test["input_series"], seconds(test["interval"]))
        for one in test["alert_rule_test"]:
            only(one, "eval_time", "alertname", "exp_alerts")
            fired = set()
            for each in one.get("exp_alerts", ()):
                only(each, "exp_labels", "exp_annotations")
                fired.add(Fired(frozenset(each["exp_labels"].items()), frozenset(each["exp_annotations"].items())))
            found.append(
                Expected(test["name"], one["alertname"], seconds(one["eval_time"]), every_s, store, frozenset(fired))
            )
    return found
