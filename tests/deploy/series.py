"""Which series /metrics has: names and labels as the registry declares them."""

from collections.abc import Iterable

from worker.web import metrics


def _declared() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, (kind, labels) in metrics.declared().items():
        if kind in ("histogram", "summary"):
            found |= {f"{name}_sum": labels, f"{name}_count": labels}
            if kind == "histogram":
                found[f"{name}_bucket"] = (*labels, "le")
        else:
            found[name] = labels
    return found


SERIES = _declared()
"""Labels by the name of the series: a histogram has three."""


def wrong_labels(metric: str, labels: Iterable[str]) -> list[str]:
    """What does not exist: the metric itself, or labels that it has not."""
    if metric not in SERIES:
        return [metric]
    return [f"{metric}{{{label}}}" for label in labels if label not in SERIES[metric]]
