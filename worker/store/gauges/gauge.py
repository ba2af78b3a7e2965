"""What a measure is: one bounded statement, whose columns are labels and gauges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

LONGEST_MS = 2_000
"""A measure that takes longer is given up; the others are told, and `odnowa_measure_ok` says which it was."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number as it stands. `column` is where the statement has it."""

    name: str
    says: str
    column: str = "value"


@dataclass(frozen=True, slots=True)
class Measure:
    """Gauges that one statement gives.

    Args:
        name: of the measure.
        labels: columns that tell its rows apart.
        gauges: what each row has.
        query: the statement; knows :now and :today by the house's clock, and the names of daily :jobs.
        indexes: what its plan uses on tables that grow with the years; a test holds it to them. Without any it reads
            tables that stay small.
    """

    name: str
    labels: tuple[str, ...]
    gauges: Sequence[Gauge]
    query: TextClause
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AsOf:
    """When it is measured, by the house's clock, and the jobs that have a daily run."""

    now: datetime
    today: date
    jobs: Sequence[str]

    def values(self) -> dict[str, object]:
        """What the statements are given."""
        return {"now": self.now, "today": self.today, "jobs": list(self.jobs)}


_BOUNDED = text(f"SET LOCAL statement_timeout = {LONGEST_MS}")
_READ_ONLY = text("SET TRANSACTION READ ONLY")
# Each statement is short, so compiling it costs more than it can save.
_NO_JIT = text("SET LOCAL jit = off")


def take(connection: Connection, measure: Measure, as_of: AsOf) -> Sequence[Row[Any]]:
    """The rows of a measure; the transaction can only read from here on."""
    for setting in (_READ_ONLY, _BOUNDED, _NO_JIT):
        connection.execute(setting)
    wanted = {name: value for name, value in as_of.values().items() if f":{name}" in measure.query.text}
    return connection.execute(measure.query, wanted).all()
