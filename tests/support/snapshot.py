"""All that the business knows, to be compared before and after: what a run may change is left out."""

from typing import Any

from sqlalchemy import Engine

from tests.support.builders import rows

MAY_CHANGE = {"runs", "work_items", "audit_log", "heartbeats", "provider_cursors"}
"""The first three by the promise; the cursor is where reading goes on and says nothing of anybody."""
DAY_TWICE = ("work_item_id", "check_after")
"""Who holds a row, and when the provider is asked again: neither is a fact of the business."""


def everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables that a day run twice may not change."""
    names = rows(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    found = {}
    for name in (row["tablename"] for row in names if row["tablename"] not in MAY_CHANGE):
        content = rows(engine, f"SELECT to_jsonb(t) AS row FROM {name} t ORDER BY to_jsonb(t)::text")  # noqa: S608 - the catalogue's names
        found[name] = [{k: v for k, v in each["row"].items() if k not in DAY_TWICE} for each in content]
    return found
