"""Printing: tables for people, one JSON document for programs. Only stdout; what went wrong is the edge's."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from worker.operating.sums import facts, money

__all__ = ["age", "document", "facts", "instant", "line", "money", "table"]

WIDTH = 180
"""Columns when nobody's terminal tells its own width: nothing is cut off in a pipe."""
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def document(value: object) -> None:
    """Print one JSON document; dates and instants in ISO form."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=2) + "\n")


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value)
    return str(value)


def line(words: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{words}\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str, empty: str = "none") -> None:
    """Print a table under its title; without rows one line says so."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    if not listed:
        line(f"{title}: {empty}")
        return
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in listed:
        # what customers and servers wrote is text, never markup
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH, highlight=False).print(made)


def instant(value: datetime | None, zone: ZoneInfo) -> str:
    """An instant in the seller's zone, to the second."""
    return "" if value is None else value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def age(seconds: float) -> str:
    """An age in its two largest units: `3 d 4 h`."""
    left = max(int(seconds), 0)
    if left >= DAY_S:
        return f"{left // DAY_S} d {left % DAY_S // HOUR_S} h"
    if left >= HOUR_S:
        return f"{left // HOUR_S} h {left % HOUR_S // MINUTE_S} min"
    return f"{left // MINUTE_S} min {left % MINUTE_S} s" if left >= MINUTE_S else f"{left} s"
