"""Measures what a scrape of /metrics asks the store, with years behind it: milliseconds of each measure, and in all.

    python -m bench.scrape [SUBSCRIBERS] [TERMS]

The store is that of `bench.audit`, with a day of renewals under way: a twentieth of the subscribers is declined, parked
or waits. To it come a run with two items for each minute of 100 days, and as many meters as processes come to.
"""

import sys
from datetime import UTC, datetime, timedelta
from statistics import median

from sqlalchemy import Engine, create_engine, text

from bench.audit import _DUE, fill
from worker import jobs
from worker.boundary import transaction
from worker.clock import monotonic_s
from worker.sandbox.servers import PrivatePostgres
from worker.store import gauges, meters, migrations
from worker.store.engine import make_engine

_SUBSCRIBERS = 25_000
_TERMS = 12
_TIMES = 9
_SHOWN = 5
_UNCHECKED = "-c session_replication_role=replica"
"""What is written here fits together, so references need no look, which would take most of the time."""

_WORK = (
    """
    INSERT INTO runs (job, business_date, trigger, requested_by, created_at, finished_at)
    SELECT 'follow_payments', cast(:today AS date) - n / 1440, 'minutely', 'scheduler', now() - n * interval '1 minute',
           now() FROM generate_series(1, 144000) n
    """,
    """
    INSERT INTO runs (job, business_date, trigger, requested_by, created_at, finished_at)
    SELECT j, cast(:today AS date) - n, 'timetable', 'scheduler', now() - n * interval '1 day', now()
    FROM unnest(cast(:jobs AS text[])) j CROSS JOIN generate_series(0, 365) n
    """,
    """
    INSERT INTO work_items (run_id, job, key, payload, state, done_at, result)
    SELECT r.id, r.job, k, '{}', 'done', now(), '{"invariants": 50, "charges": 9, "broken": 0}'
    FROM runs r CROSS JOIN (VALUES ('audit'), ('provider')) AS t (k)
    """,
    """
    INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, state, currency, net_minor,
                         vat_minor, gross_minor, amount_minor, decline_kind, parked_at, parked_reason)
    SELECT account_id, id, 'renewal', term_number + 1, :today, (ARRAY['declined', 'planned', 'unknown'])[id % 3 + 1],
           'EUR', 5700, 0, 5700, 5700, 'soft', CASE WHEN id % 9 = 0 THEN now() END,
           CASE WHEN id % 9 = 0 THEN 'cannot_be_priced' END
    FROM subscriptions WHERE id % 20 = 0
    """,
    """
    INSERT INTO meters (metric, labels, part, total)
    SELECT 'odnowa_call_duration_seconds', '["call-' || n || '"]', p, 5
    FROM generate_series(1, 60) n CROSS JOIN unnest(ARRAY['0.01', '0.05', '0.1', '0.25', '+Inf', 'sum']) p
    """,
    "VACUUM ANALYZE",
)


def _fill(engine: Engine, *, subscribers: int, terms: int, as_of: gauges.AsOf) -> None:
    fill(engine, subscribers=subscribers, terms=terms)
    wanted = {"today": as_of.today, "jobs": list(as_of.jobs)}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in _WORK:
            connection.execute(
                text(statement), {name: value for name, value in wanted.items() if f":{name}" in statement}
            )


def _scrape(engine: Engine, as_of: gauges.AsOf) -> dict[str, float]:
    took = {}
    for name, measure in gauges.MEASURES.items():
        began = monotonic_s()
        with transaction(engine, "bench.scrape") as connection:
            gauges.take(connection, measure, as_of)
        took[name] = (monotonic_s() - began) * 1000
    began = monotonic_s()
    with transaction(engine, "bench.scrape") as connection:
        meters.totals(connection)
    return took | {"meters": (monotonic_s() - began) * 1000}


def main() -> None:
    """Fill a store and take all measures some times over, after once to warm up."""
    subscribers = int(sys.argv[1]) if len(sys.argv) > 1 else _SUBSCRIBERS
    terms = int(sys.argv[2]) if len(sys.argv) > 2 else _TERMS  # noqa: PLR2004 - the second argument
    now = datetime(_DUE.year, _DUE.month, _DUE.day, 9, tzinfo=UTC) + timedelta(days=30 * (terms - 1))
    daily = [name for name, job in jobs.load().items() if job.daily_at is not None]
    as_of = gauges.AsOf(now=now, today=now.date(), jobs=daily)
    with PrivatePostgres(durable=False) as server:
        url = server.url("postgres")
        migrations.upgrade(url)
        filling = create_engine(url, connect_args={"options": _UNCHECKED})
        _fill(filling, subscribers=subscribers, terms=terms, as_of=as_of)
        filling.dispose()
        engine = make_engine(url)
        first, *others = (_scrape(engine, as_of) for _ in range(_TIMES + 1))
        took = {name: median(one[name] for one in others) for name in first}
        slowest = sorted(took, key=lambda name: -took[name])[:_SHOWN]
        sums = [sum(one.values()) for one in others]
        sys.stdout.write(
            f"{subscribers * terms} charges: {median(sums):.0f} ms a scrape ({min(sums):.0f} to {max(sums):.0f}, the "
            f"first {sum(first.values()):.0f}); slowest "
            + ", ".join(f"{name} {took[name]:.1f}" for name in slowest)
            + "\n"
        )
        engine.dispose()


if __name__ == "__main__":
    main()
