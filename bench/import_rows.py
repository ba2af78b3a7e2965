"""Measures the import of many customers: seconds, rows per second, and how far the memory grows.

    python -m bench.import_rows [ROWS]

Runs on a private PostgreSQL without durable writes, so the seconds are a lower bound; the memory is the
process's highest resident set before and after, which flat memory hardly moves.
"""

import resource
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from worker.clock import FixedClock, monotonic_s
from worker.ops.importing import import_customers, load_catalogue_file
from worker.sandbox.sample import SAMPLE_CATALOGUE, SAMPLE_GO_LIVE_ON, SAMPLE_TODAY, write_sample
from worker.sandbox.servers import PrivatePostgres
from worker.store import migrations
from worker.store.engine import make_engine

_ROWS = 100_000
_FIRST_ROWS = 100
_MORNING = datetime(2026, 10, 1, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Figure:
    """What one import took."""

    imported: int
    unchanged: int
    seconds: float
    grown_kib: int


def measure(engine: Engine, path: Path) -> Figure:
    """Import a file, and see what it took."""
    clock = FixedClock(ZoneInfo("Europe/Prague"), _MORNING)
    before_kib = _peak_kib()
    started = monotonic_s()
    report = import_customers(engine, path, clock=clock, skip_bad=False, go_live_on=SAMPLE_GO_LIVE_ON, by="bench")
    seconds = monotonic_s() - started
    assert not report.refusals, report.refusals[:3]
    return Figure(report.imported, report.unchanged, seconds, _peak_kib() - before_kib)


def main() -> None:
    """Import the same file twice: all rows new, then all rows unchanged."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    with TemporaryDirectory() as folder, PrivatePostgres(durable=False) as server:
        url = server.url("postgres")
        migrations.upgrade(url)
        engine = make_engine(url)
        load_catalogue_file(engine, SAMPLE_CATALOGUE, "bench")
        small, path = Path(folder) / "small.csv", Path(folder) / "customers.csv"
        for file, count in ((path, rows), (small, _FIRST_ROWS)):
            write_sample(file, rows=count, today=SAMPLE_TODAY, go_live_on=SAMPLE_GO_LIVE_ON)
        # Whatever is loaded on first use shall not count as growth.
        measure(engine, small)
        for _ in range(2):
            took = measure(engine, path)
            sys.stdout.write(
                f"{took.imported:>7} imported, {took.unchanged:>7} unchanged: {took.seconds:.1f} s,"
                f" {rows / took.seconds:,.0f} rows/s, peak memory grew by {took.grown_kib:,} KiB\n"
            )
        engine.dispose()


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
