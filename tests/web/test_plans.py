"""The plans of the pages' queries: they read what is open, recent or of one day by its index, never the years."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.web.conftest import Browser
from worker.web.app import PAGES
from worker.web.console import Console

GROWING = (
    *("accounts", "attempts", "audit_log", "billing_details", "charges", "configurations", "invoice_documents"),
    *("invoices", "item_failures", "mails", "payouts", "runs", "subscriptions", "terms", "work_items"),
)
"""Tables that grow with customers and years."""
INDEXES = {
    "/": (
        *("runs_job_idx", "work_items_run_key_key", "charges_business_date_idx", "charges_parked_idx"),
        *("charges_open_idx", "work_items_dead_idx", "runs_open_idx", "mails_failed_idx", "work_items_ready_idx"),
    ),
    "/tonight/live": ("runs_job_idx", "charges_business_date_idx", "charges_open_idx", "work_items_ready_idx"),
    "/queues": ("work_items_ready_idx", "work_items_leased_idx", "work_items_dead_idx", "item_failures_pkey"),
    "/queues/live": ("work_items_ready_idx", "work_items_leased_idx", "work_items_dead_idx"),
    "/timetable": ("runs_job_idx", "runs_asked_idx"),
    "/stuck": ("charges_parked_idx", "charges_open_idx", "work_items_dead_idx", "runs_open_idx", "mails_failed_idx"),
}
_EMPTY = """
    SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
"""
_NO_STATISTICS = """
    DELETE FROM pg_statistic s USING pg_class c
    WHERE c.oid = s.starelid AND c.relnamespace = 'public'::regnamespace
"""
SHOWN = [one.path for group in PAGES for one in group if one.method == "GET" and "{" not in one.path]


@pytest.mark.parametrize("path", [path for path in SHOWN if path != "/login"])
def test_pages_read_by_index_what_they_show(operator: Browser, console: Console, engine: Engine, path: str) -> None:
    """With sequential scans discouraged, a plan that has one could not use an index."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(console.reading, "before_cursor_execute", note)
    assert operator.get(path).status_code == 200
    plans = []
    with engine.connect() as connection:
        # A plan hangs on the size of the files and on statistics, so on whatever ran before. Emptied in this
        # transaction, which is never committed, tables are new files that nobody looked at: taken for small ones.
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(connection.exec_driver_sql(_EMPTY).scalar_one())
        connection.exec_driver_sql(_NO_STATISTICS)
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, values in asked:
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
            found = re.search(rf"Seq Scan on ({'|'.join(GROWING)})\b", plan)
            assert found is None, f"{statement}\n{plan}"
            plans.append(plan)
    for index in INDEXES.get(path, ()):
        assert any(re.search(rf"\b{index}\b", plan) for plan in plans), (index, plans)
