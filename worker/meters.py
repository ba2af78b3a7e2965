"""What this process counts: calls, commits, items, slots. Kept as differences until they are added up in the store.

Nothing is counted before `begin`, so tests and the command line pay one attribute test. Labels are names out of the
code, never of customers, so there are few of them. What each number means stands in docs/metrics.md.
"""

import bisect
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass

Key = tuple[str, str, str]
"""Metric, labels' values as a JSON list, part."""

_BOUNDS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Counter:
    """Something that happened so often; its name ends in `_total`."""

    name: str
    says: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long something took, in seconds; without bounds only how often, and how long in all."""

    name: str
    says: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = _BOUNDS_S


CALLS = Histogram("odnowa_call_duration_seconds", "calls that left a process, by gateway and verb", ("call",))
COMMITS = Histogram("odnowa_commit_duration_seconds", "transactions that committed, by name", ("transaction",), ())
ANSWERS = Counter(
    "odnowa_provider_answers_total",
    "what the payment provider answered; answered: a list or an object",
    ("call", "answer"),
)
SLOTS = Counter("odnowa_pace_slots_total", "places on the line for calls; alone: Redis was away", ("endpoint", "pace"))
PACE_WAITS = Histogram("odnowa_pace_wait_seconds", "how far ahead the first slot of a batch was", ("endpoint",))
ITEMS = Histogram("odnowa_item_duration_seconds", "work on items, whatever it came to", ("job",), (*_BOUNDS_S, 120.0))
ENDS = Counter("odnowa_items_ended_total", "what work on items came to", ("job", "outcome"))
RESULTS = Counter("odnowa_results_total", "what finished items counted, by its word", ("job", "result"))
WEBHOOKS = Counter("odnowa_webhooks_total", "webhooks that came", ("outcome",))

DECLARED: Mapping[str, Counter | Histogram] = {
    one.name: one for one in (CALLS, COMMITS, ANSWERS, SLOTS, PACE_WAITS, ITEMS, ENDS, RESULTS, WEBHOOKS)
}
"""All that processes count, by name."""

_guard = threading.Lock()
_kept: dict[Key, float] | None = None


def begin() -> None:
    """Count from now on; what a parent process had counted before its fork is the parent's."""
    global _kept  # noqa: PLW0603 - one set of meters per process is the point
    with _guard:
        _kept = {}


def end() -> None:
    """Count no more."""
    global _kept  # noqa: PLW0603 - as above
    with _guard:
        _kept = None


def count(counter: Counter, *labels: str, by: float = 1) -> None:
    """It happened."""
    _add(counter, labels, {"": by})


def observe(histogram: Histogram, *labels: str, seconds: float) -> None:
    """It took so long."""
    place = bisect.bisect_left(histogram.bounds, seconds)
    bound = "+Inf" if place == len(histogram.bounds) else repr(histogram.bounds[place])
    _add(histogram, labels, {bound: 1, "sum": seconds})


def _add(metric: Counter | Histogram, labels: tuple[str, ...], parts: Mapping[str, float]) -> None:
    if _kept is None:
        return
    assert len(labels) == len(metric.labels), f"{metric.name} has the labels {metric.labels}"
    told = json.dumps(labels)
    with _guard:
        if _kept is not None:
            for part, by in parts.items():
                key = (metric.name, told, part)
                _kept[key] = _kept.get(key, 0) + by


def take() -> dict[Key, float]:
    """What was counted since the last take, now the caller's to keep."""
    with _guard:
        taken = dict(_kept or {})
        if _kept is not None:
            _kept.clear()
    return taken


def give_back(taken: Mapping[Key, float]) -> None:
    """It could not be kept; it is taken again with what follows."""
    with _guard:
        if _kept is not None:
            for key, by in taken.items():
                _kept[key] = _kept.get(key, 0) + by


def through_door(kind: str, name: str, seconds: float) -> None:
    """What `boundary.doors.timing` is told."""
    if kind == "call":
        observe(CALLS, name, seconds=seconds)
    elif kind == "commit":
        observe(COMMITS, name, seconds=seconds)
