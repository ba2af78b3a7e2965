"""The evaluator of our own: what it knows it does as Prometheus does, and what it does not know it refuses."""

import pytest

from tests.deploy.alerting import load_alerts
from tests.deploy.promql import WORDS, Labels, NotUnderstoodError, Store, evaluate, parse, words


def named(metric: str, **labels: str) -> Labels:
    return frozenset({("__name__", metric), *labels.items()})


def every_minute(*values: float) -> list[tuple[int, float]]:
    return [(60 * n, value) for n, value in enumerate(values)]


STORE: Store = {
    named("a", job="x"): every_minute(1, 2, 3, 4, 5),
    named("a", job="y"): every_minute(10, 20, 30, 40, 50),
    named("b", job="x"): every_minute(2, 2, 2, 2, 2),
    named("c", job="x"): every_minute(7, 9, 1, 3, 5),
    named("d", job="x"): every_minute(100, 101, 102, 103, 104),
}


def at_4_minutes(expression: str) -> dict[tuple[tuple[str, str], ...], float]:
    found = evaluate(parse(expression), STORE, 240)
    return {tuple(sorted(one for one in labels if one[0] != "__name__")): value for labels, value in found.items()}


X, Y = (("job", "x"),), (("job", "y"),)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("a", {X: 5, Y: 50}),
        ('a{job="x"}', {X: 5}),
        ('a{job=~"x|z"}', {X: 5}),
        ('a{job!~"x|z"}', {Y: 50}),
        ('a{job=""}', {}),
        ("a > 5", {Y: 50}),
        ("a == 5", {X: 5}),
        ("sum(a)", {(): 55}),
        ("sum by (job) (a)", {X: 5, Y: 50}),
        ("sum by (none) (a)", {(): 55}),
        ("a / b", {X: 2.5}),
        ("a and b", {X: 5}),
        ("a > 4 and b == 2", {X: 5}),
        ("a / b > 2 and b == 2", {X: 2.5}),
        ("(a and b) / b", {X: 2.5}),
        ("absent(a)", {}),
        ('absent(a{job="z"})', {(("job", "z"),): 1}),
        ("increase(a[4m])", {X: 4, Y: 40}),
        ("rate(a[4m])", {X: 4 / 240, Y: 40 / 240}),
        ("increase(a[2m])", {X: 2, Y: 20}),
    ],
)
def test_what_it_knows(expression: str, found: dict[object, float]) -> None:
    assert at_4_minutes(expression) == pytest.approx(found)


def test_a_counter_that_begins_again_is_no_loss() -> None:
    assert at_4_minutes("increase(c[4m])") == pytest.approx({X: 7})


def test_rates_reach_out_half_a_step_where_nothing_was_scraped() -> None:
    assert at_4_minutes("increase(d[1h])") == pytest.approx({X: 4 * 270 / 240})
    assert at_4_minutes("increase(a[1h])") == pytest.approx({X: 5, Y: 50}), "and never back beyond zero"


def test_a_sample_is_good_for_five_minutes() -> None:
    assert evaluate(parse("b"), STORE, 240 + 300)
    assert not evaluate(parse("b"), STORE, 240 + 301)


@pytest.mark.parametrize(
    "expression",
    [
        "a or b",
        "a unless b",
        "a < 5",
        "a >= 5",
        "a != 5",
        "a > bool 5",
        "a > b",
        "a + b",
        "a * 2",
        "-a",
        "a / on(job) b",
        "a and on(job) b",
        "a offset 5m",
        "a @ 5",
        "a[5m]",
        "sum(a[5m])",
        "sum(a) by (job)",
        "sum without (job) (a)",
        "count(a)",
        "max(a)",
        "histogram_quantile(0.9, a)",
        "rate(a)",
        "rate(a[5m:1m])",
        "rate(a[1.5m])",
        "rate(sum(a)[5m])",
        "absent(sum(a))",
        'a{job!="x"}',
        'a{job=~"x.*"}',
        'a{job=~"(?i)x"}',
        "a{job='x'}",
        "a{}",
        "a > ",
        "(a",
        "a b",
        "5 > a",
        "5",
        "",
    ],
)
def test_what_it_does_not_know_it_refuses(expression: str) -> None:
    with pytest.raises(NotUnderstoodError):
        evaluate(parse(expression), STORE, 240)


def test_it_knows_no_more_than_the_alerts_use() -> None:
    assert set().union(*(words(alert.expression) for alert in load_alerts())) == WORDS
