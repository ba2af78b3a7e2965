"""Runs, items, processes and webhooks, as numbers."""

from sqlalchemy import text

from worker.store.gauges.gauge import Gauge, Measure

_LAST_RUNS = text("""
    SELECT r.job, extract(epoch FROM r.created_at)::float8 AS started,
           extract(epoch FROM coalesce(r.finished_at, now()) - r.created_at)::float8 AS lasted,
           CASE WHEN r.finished_at IS NULL THEN 1 ELSE 0 END AS open
    FROM unnest(cast(:jobs AS text[])) AS j (name)
    CROSS JOIN LATERAL (
        SELECT job, created_at, finished_at FROM runs
        WHERE job = j.name AND trigger = 'timetable' ORDER BY business_date DESC LIMIT 1
    ) r
""")
_LAST_ITEMS = text("""
    SELECT r.job, w.state, count(*) AS value
    FROM unnest(cast(:jobs AS text[])) AS j (name)
    CROSS JOIN LATERAL (
        SELECT id, job FROM runs
        WHERE job = j.name AND trigger = 'timetable' ORDER BY business_date DESC LIMIT 1
    ) r
    JOIN work_items w ON w.run_id = r.id
    GROUP BY r.job, w.state
""")
# Three statements, since each state has an index of its own; those who wait for an operator or a pause do not age.
_ITEMS = text("""
    SELECT job, CASE WHEN not_before = 'infinity' THEN 'held' WHEN not_before > now() THEN 'paused' ELSE 'ready' END
               AS state,
           count(*) AS value,
           coalesce(max(extract(epoch FROM now() - greatest(not_before, created_at)))
                        FILTER (WHERE not_before <= now()), 0)::float8 AS oldest
    FROM work_items WHERE state = 'ready' GROUP BY 1, 2
    UNION ALL
    SELECT job, state, count(*), max(extract(epoch FROM now() - created_at))::float8
    FROM work_items WHERE state = 'leased' GROUP BY job, state
    UNION ALL
    SELECT job, state, count(*), max(extract(epoch FROM now() - created_at))::float8
    FROM work_items WHERE state = 'dead' GROUP BY job, state
""")
_OPEN_RUNS = text("""
    SELECT job, CASE WHEN held_at IS NULL THEN 'open' ELSE 'held' END AS state, count(*) AS value
    FROM runs WHERE finished_at IS NULL GROUP BY 1, 2
""")
_PROCESSES = text("""
    SELECT k.kind, count(*) FILTER (WHERE h.beat_at > now() - interval '20 seconds') AS value,
           extract(epoch FROM now() - max(h.beat_at))::float8 AS silent
    FROM unnest(ARRAY['worker', 'scheduler']) AS k (kind) LEFT JOIN heartbeats h USING (kind) GROUP BY k.kind
""")
_WEBHOOKS = text("""
    SELECT count(*) AS value, coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 AS oldest
    FROM provider_inbox WHERE state = 'waiting'
""")
_EVENTS = text("""
    SELECT extract(epoch FROM cast(:now AS timestamptz) - read_at)::float8 AS value FROM provider_cursors
""")

MEASURES = (
    Measure(
        "last_runs",
        ("job",),
        [
            Gauge(
                "odnowa_job_last_run_timestamp_seconds", "when the newest run of the timetable was planned", "started"
            ),
            Gauge("odnowa_job_last_run_duration_seconds", "how long it took, or has taken by now", "lasted"),
            Gauge("odnowa_job_last_run_open", "1 while it has not ended", "open"),
        ],
        _LAST_RUNS,
        ("runs_timetable_key",),
    ),
    Measure(
        "last_items",
        ("job", "state"),
        (Gauge("odnowa_job_last_run_items", "items of the newest run of the timetable"),),
        _LAST_ITEMS,
        ("runs_timetable_key", "work_items_run_key_key"),
    ),
    Measure(
        "items",
        ("job", "state"),
        (
            Gauge("odnowa_items", "items that are not done: ready, paused, held, leased, dead"),
            Gauge("odnowa_items_oldest_age_seconds", "how long the oldest of them has been due", "oldest"),
        ),
        _ITEMS,
        ("work_items_ready_idx", "work_items_leased_idx", "work_items_dead_idx"),
    ),
    Measure(
        "open_runs",
        ("job", "state"),
        (Gauge("odnowa_runs_open", "runs that have not ended; held: an operator must release them (R8d)"),),
        _OPEN_RUNS,
        ("runs_open_idx",),
    ),
    Measure(
        "processes",
        ("kind",),
        (
            Gauge("odnowa_processes", "processes that have beaten in the last 20 seconds"),
            Gauge("odnowa_heartbeat_age_seconds", "since the last beat of any of them", "silent"),
        ),
        _PROCESSES,
    ),
    Measure(
        "webhooks",
        (),
        (
            Gauge("odnowa_webhooks_waiting", "webhooks that nobody has looked into yet"),
            Gauge("odnowa_webhooks_oldest_age_seconds", "how long the oldest of them has waited", "oldest"),
        ),
        _WEBHOOKS,
        ("provider_inbox_waiting_idx",),
    ),
    Measure(
        "events",
        (),
        (Gauge("odnowa_provider_events_read_age_seconds", "since the provider's events were read"),),
        _EVENTS,
    ),
)
