"""What an import tells: counts, refused rows with line, column and reason, and what is incomplete."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

REPORTED_MAX = 1000
"""So many refusals and incomplete rows are listed; all of them are counted."""


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """Why a row cannot be taken. `line` counts from 1, the header included; no column means the whole line."""

    line: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A customer who was imported, and is asked for these billing details before the renewal (R4b)."""

    line: int
    external_id: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file of customers.

    rows: lines with data. Each of them is imported, unchanged, refused, or (with `refused_whole`) left out
        because of others.
    refused_whole: rows were refused and therefore nothing was written.
    live, suspended: how those imported begin; suspended are those whose term ended before `live_from`.
    go_live_on: the installation's first day for money jobs, as it stands now; None when it is not set.
    refusals, incomplete_rows: the first REPORTED_MAX, in the order of the file.
    """

    file: str
    rows: int
    imported: int
    unchanged: int
    refused: int
    refused_whole: bool
    live: int
    suspended: int
    incomplete: int
    live_from: date
    go_live_on: date | None
    refusals: tuple[Refusal, ...] = ()
    incomplete_rows: tuple[Incomplete, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """What became of a price list's file; with any refusal nothing was written."""

    file: str
    rows: int
    prices_added: int
    allowances_added: int
    unchanged: int
    refused: int
    refusals: tuple[Refusal, ...] = ()


@dataclass(slots=True)
class RefusalLog:
    """Collects refusals: all are counted by row, the first REPORTED_MAX are kept."""

    rows: int = 0
    ends_all: bool = False
    """The file as a whole cannot be read, so that not even the good rows are written."""
    _kept: list[Refusal] = field(default_factory=list)

    def add(self, refusals: Iterable[Refusal]) -> None:
        """Note one row's refusals."""
        self.rows += 1
        self._keep(refusals)

    def add_rows(self, refusals: Iterable[Refusal], *, rows: int) -> None:
        """Note refusals of so many rows, of which perhaps not all are listed."""
        self.rows += rows
        self._keep(refusals)

    def listed(self) -> tuple[Refusal, ...]:
        """Those kept, in the order of the file."""
        return tuple(sorted(self._kept)[:REPORTED_MAX])

    def _keep(self, refusals: Iterable[Refusal]) -> None:
        # Both sources, the lines and the database, give their own first ones, so twice the limit is enough.
        room = 2 * REPORTED_MAX - len(self._kept)
        self._kept.extend(list(refusals)[:room])
