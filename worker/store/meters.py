"""What processes counted, added up; sums outlive the processes, so they never run backwards."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

# In one order, so that two processes that add at once wait for each other and never in a circle.
_ADD = text("""
    INSERT INTO meters (metric, labels, part, total)
    SELECT * FROM unnest(cast(:metrics AS text[]), cast(:labels AS text[]), cast(:parts AS text[]),
                         cast(:totals AS float8[])) AS t (metric, labels, part, total) ORDER BY 1, 2, 3
    ON CONFLICT (metric, labels, part) DO UPDATE SET total = meters.total + excluded.total
""")
_ALL = text("SELECT metric, labels, part, total FROM meters ORDER BY metric, labels, part")


def add(connection: Connection, counted: Mapping[tuple[str, str, str], float]) -> None:
    """Add these differences, by metric, labels and part."""
    if counted:
        metrics, labels, parts = zip(*counted, strict=True)
        values = {"metrics": list(metrics), "labels": list(labels), "parts": list(parts)}
        connection.execute(_ADD, {**values, "totals": [float(by) for by in counted.values()]})


def totals(connection: Connection) -> list[Row[Any]]:
    """All sums."""
    return list(connection.execute(_ALL))
