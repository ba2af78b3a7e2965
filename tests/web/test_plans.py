"""The plans of the pages' queries: they read what is open, recent or of one day by its index, never the years."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.support.builders import catalogue, subscriber
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
    "/money": ("charges_open_idx",),
    "/customer?q=shop": (
        *("billing_details_company_idx", "billing_details_email_idx", "accounts_provider_customer_idx"),
        *("invoices_number_key", "charges_provider_intent_key", "billing_details_current_key"),
    ),
    "/customer/{number}": (
        *("charges_subscription_id_idx", "terms_subscription_number_key", "invoices_account_id_idx"),
        *("attempts_charge_number_key", "audit_log_account_id_idx", "mails_reason_key"),
    ),
    "/audit": ("audit_log_pkey",),
    "/audit?person=ania": ("audit_log_actor_idx",),
    "/audit?account=shop-1": ("audit_log_account_id_idx", "accounts_external_id_key"),
    "/stuck": ("charges_parked_idx", "charges_open_idx", "work_items_dead_idx", "runs_open_idx", "mails_failed_idx"),
}
_EMPTY = """
    SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
"""
_NO_STATISTICS = """
    DELETE FROM pg_statistic s USING pg_class c
    WHERE c.oid = s.starelid AND c.relnamespace = 'public'::regnamespace
"""
SHOWN = {one.path for group in PAGES for one in group if one.method == "GET" and "{" not in one.path} - {"/login"}


def test_every_page_has_its_pinned_plans() -> None:
    """Those of one row read by its key; pages without growing tables are named here."""
    assert {path.partition("?")[0] for path in INDEXES} == SHOWN | {"/customer/{number}"}


@pytest.mark.parametrize("path", sorted(SHOWN | INDEXES.keys()))
def test_pages_read_by_index_what_they_show(operator: Browser, console: Console, engine: Engine, path: str) -> None:
    """With sequential scans discouraged, a plan that has one could not use an index."""
    catalogue(engine)
    one = subscriber(engine, external_id="shop-1")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(console.reading, "before_cursor_execute", note)
    assert operator.get(path.format(number=one.account_id)).status_code == 200
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
