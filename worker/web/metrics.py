"""GET /metrics: what stands in the store, read at each scrape, and what all processes have counted (docs/metrics.md).

Nothing of it is kept in this process or in Redis, so every web process on every machine says the same.
"""

import hmac
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from worker import boundary, jobs, meters
from worker.meters import Counter, Histogram
from worker.queue import metering, runs
from worker.runtime import Runtime
from worker.store import audit, gauges
from worker.store import meters as stored
from worker.store.audit.provider import RULES
from worker.store.gauges import Measure
from worker.web.health import Examiner

log = structlog.get_logger("web")

OWN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("odnowa_check_ok", "1 where a check of /readyz passes", ("check",)),
    ("odnowa_measure_ok", "1 where a measure could be taken; its gauges are missing otherwise", ("measure",)),
    ("odnowa_job_days_owed", "business dates that the timetable owes; more than a minute of any is drift", ("job",)),
)
"""Gauges that are no statement: name, what it says, labels."""


def declared() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Every metric by its name in queries, with its type and labels; docs, dashboards and alerts are held to it."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {name: ("gauge", labels) for name, _, labels in OWN}
    for measure in gauges.MEASURES.values():
        found |= {gauge.name: ("gauge", measure.labels) for gauge in measure.gauges}
    for name, one in meters.DECLARED.items():
        kind = "counter" if isinstance(one, Counter) else "histogram" if one.bounds else "summary"
        found[name] = (kind, one.labels)
    return found


class StoreCollector(Collector):
    """Takes all measures anew at each scrape; one that fails is left out and said to be."""

    def __init__(self, runtime: Runtime, examiner: Examiner) -> None:
        self._runtime = runtime
        self._examiner = examiner

    def collect(self) -> Iterator[Metric]:
        """All families."""
        checks = self._examiner.examine()
        yield _gauge(*OWN[0], [((name,), float(one.ok)) for name, one in checks.items()])
        taken: list[tuple[tuple[str, ...], float]] = []
        if checks["database"].ok:
            for name in (*gauges.MEASURES, "days_owed", "meters"):
                families = self._tried(name)
                taken.append(((name,), float(families is not None)))
                yield from families or ()
        yield _gauge(*OWN[1], taken)

    def _tried(self, name: str) -> list[Metric] | None:
        try:
            if name == "days_owed":
                return [self._days_owed()]
            return self._meters() if name == "meters" else self._measured(gauges.MEASURES[name])
        except SQLAlchemyError as error:
            log.warning("measure_failed", measure=name, error=type(error).__name__)
            return None

    def _measured(self, measure: Measure) -> list[Metric]:
        clock = self._runtime.clock
        daily = [name for name, job in jobs.load().items() if job.daily_at is not None]
        as_of = gauges.AsOf(now=clock.now(), today=clock.today(), jobs=daily)
        with boundary.transaction(self._runtime.engine, "web.measure") as connection:
            rows = gauges.take(connection, measure, as_of)
        found: dict[str, list[tuple[tuple[str, ...], float]]] = {gauge.column: [] for gauge in measure.gauges}
        for row in rows:
            labels = tuple(str(getattr(row, name)) for name in measure.labels)
            for column, samples in found.items():
                if getattr(row, column) is not None:
                    samples.append((labels, float(getattr(row, column))))
        if measure.name == "audit":
            found["value"] = _audited(dict(found["value"]))
        return [_gauge(gauge.name, gauge.says, measure.labels, found[gauge.column]) for gauge in measure.gauges]

    def _days_owed(self) -> Metric:
        samples = []
        for name, job in jobs.load().items():
            spec = job.spec(self._runtime)
            last_due = runs.last_due_date(spec, self._runtime.clock)
            if last_due is not None:
                with boundary.transaction(self._runtime.engine, "web.days_owed") as connection:
                    owed = runs.missing_dates(connection, spec, last_due=last_due)
                samples.append(((name,), float(len(owed))))
        return _gauge(*OWN[2], samples)

    def _meters(self) -> list[Metric]:
        metering.flush(self._runtime.engine)
        with boundary.transaction(self._runtime.engine, "web.meters") as connection:
            rows = stored.totals(connection)
        found: dict[str, dict[tuple[str, ...], dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        for row in rows:
            found[row.metric][tuple(json.loads(row.labels))][row.part] = row.total
        # what an older release counted under other labels is left out
        return [
            _family(one, {labels: parts for labels, parts in found[name].items() if len(labels) == len(one.labels)})
            for name, one in meters.DECLARED.items()
        ]


def _audited(told: dict[tuple[str, ...], float]) -> list[tuple[tuple[str, ...], float]]:
    """What is broken, and what was asked and holds: a gauge that vanishes could not say that all is well again."""
    asked = [*(["broken"] if told else []), *(audit.INVARIANTS if ("invariants",) in told else [])]
    asked += RULES if ("charges",) in told else []
    return [((name,), told.get((name,), 0.0)) for name in asked]


def _gauge(
    name: str, says: str, labels: Sequence[str], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, says, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _family(one: Counter | Histogram, sums: dict[tuple[str, ...], dict[str, float]]) -> Metric:
    family: Any
    if isinstance(one, Counter):
        family = CounterMetricFamily(one.name, one.says, labels=one.labels)
        for labels, parts in sums.items():
            family.add_metric(labels, parts.get("", 0.0))
    elif not one.bounds:
        family = SummaryMetricFamily(one.name, one.says, labels=one.labels)
        for labels, parts in sums.items():
            family.add_metric(labels, count_value=parts.get("+Inf", 0.0), sum_value=parts.get("sum", 0.0))
    else:
        family = HistogramMetricFamily(one.name, one.says, labels=one.labels)
        bounds = [*map(repr, one.bounds), "+Inf"]
        for labels, parts in sums.items():
            reached = accumulate(parts.get(bound, 0.0) for bound in bounds)
            family.add_metric(labels, list(zip(bounds, reached, strict=True)), parts.get("sum", 0.0))
    return family  # type: ignore[no-any-return] # three classes without a common way to add


def routes(runtime: Runtime) -> list[BaseRoute]:
    """GET /metrics in the text format; 401 without the token where one is set."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(runtime, Examiner(runtime)))

    def read(request: Request) -> Response:
        token = runtime.door_keys.metrics_token
        if token is not None and not _bears(request, token):
            return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [Route("/metrics", read, methods=["GET"])]


def _bears(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
