"""The import of customers: read, check, stage, judge, write; one transaction, sets of rows, flat memory."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection, Engine

from worker import boundary
from worker.billing.catalogue import Catalogue
from worker.clock import Clock
from worker.ops.importing.check import check
from worker.ops.importing.columns import CUSTOMER_COLUMNS
from worker.ops.importing.go_live import GoLive, decide
from worker.ops.importing.lines import open_table, read_lines
from worker.ops.importing.report import REPORTED_MAX, ImportReport, Incomplete, Refusal, RefusalLog
from worker.store import importing
from worker.store.catalogue import load_catalogue
from worker.store.importing import CustomerRow

_SET_SIZE = 1000


def import_customers(
    engine: Engine,
    path: Path,
    *,
    clock: Clock,
    skip_bad: bool,
    go_live_on: date | None,
    by: str,
    catch_up_days: int = 31,
) -> ImportReport:
    """Take a company's existing customers from a CSV file, in one transaction.

    Rows that stand there already with the same content change nothing; one with other content is refused.

    Args:
        engine: the store, migrated and with its catalogue loaded.
        path: the file; its columns are CUSTOMER_COLUMNS.
        clock: says what today is.
        skip_bad: write the good rows although others were refused; else any refusal leaves all unwritten.
        go_live_on: the first business date of money jobs; terms that end on it or later are live. None: today,
            or what an earlier import set.
        by: who imports, for the audit log.
        catch_up_days: how far back jobs catch up, and so the go-live date may lie.

    Raises:
        RefusedError: the file cannot be opened, the go-live date may not be, or another import is under way.
    """
    with open_table(path) as file, boundary.transaction(engine, "importing.customers") as connection:
        recorded_on, has_run = importing.recorded_go_live(connection)
        go_live = decide(
            asked_on=go_live_on,
            recorded_on=recorded_on,
            today=clock.today(),
            has_run=has_run,
            catch_up_days=catch_up_days,
        )
        importing.begin_import(connection)
        import_ = _Import(connection, file, go_live)
        report = import_.run(path.name, skip_bad=skip_bad, recorded_on=recorded_on)
        if report.refused_whole or not (report.imported or go_live.moved):
            # Nothing to keep: a file that is imported twice leaves no trace of the second time.
            connection.rollback()
            return report
        importing.set_go_live(connection, go_live.record_on)
        began_again = importing.begin_again(connection, go_live.record_on) if go_live.moved else 0
        details = _details(report, go_live)
        if go_live.moved:
            details |= {"go_live_was": str(recorded_on), "began_again": began_again}
        importing.note_import(connection, by=by, act="import", details=details)
    return report


class _Import:
    """One import under way, inside its transaction."""

    def __init__(self, connection: Connection, file: TextIO, go_live: GoLive) -> None:
        self._connection = connection
        self._file = file
        self._go_live = go_live
        self._log = RefusalLog()
        self._rows = 0
        self._last_line = 0

    def run(self, name: str, *, skip_bad: bool, recorded_on: date | None) -> ImportReport:
        """Stage, judge, and write unless rows were refused and may not be skipped."""
        connection, log = self._connection, self._log
        for rows in _in_sets(self._good_rows(load_catalogue(connection))):
            importing.stage(connection, rows)
        counts = importing.judge(connection, live_from=self._go_live.live_from)
        refused = importing.refused(connection, most=REPORTED_MAX)
        log.add_rows(
            [Refusal(row.line, row.refused_column, row.refused_because) for row in refused],
            rows=counts.refused,
        )
        refused_whole = log.ends_all or (log.rows > 0 and not skip_bad)
        if not refused_whole:
            importing.write(connection, live_from=self._go_live.live_from, last_line=self._last_line)
        flagged = importing.incomplete(connection, most=REPORTED_MAX)
        imported = 0 if refused_whole else counts.new
        is_set = imported or (self._go_live.moved and not refused_whole)
        return ImportReport(
            file=name,
            rows=self._rows,
            imported=imported,
            unchanged=counts.unchanged,
            refused=log.rows,
            refused_whole=refused_whole,
            live=0 if refused_whole else counts.live,
            suspended=0 if refused_whole else counts.new - counts.live,
            incomplete=counts.incomplete,
            live_from=self._go_live.live_from,
            go_live_on=self._go_live.record_on if is_set else recorded_on,
            refusals=log.listed(),
            incomplete_rows=tuple(Incomplete(row.line, row.external_id, tuple(row.missing)) for row in flagged),
        )

    def _good_rows(self, catalogue: Catalogue) -> Iterator[CustomerRow]:
        for line in read_lines(self._file, CUSTOMER_COLUMNS):
            self._last_line = line.number
            if line.ends_reading:
                self._log.ends_all = True
                self._log.add(line.refusals)
                return
            self._rows += 1
            if line.refusals:
                self._log.add(line.refusals)
                continue
            checked = check(line.number, line.cells, catalogue)
            if isinstance(checked, CustomerRow):
                yield checked
            else:
                self._log.add(checked)


def _details(report: ImportReport, go_live: GoLive) -> dict[str, object]:
    return {
        "file": report.file,
        "rows": report.rows,
        "imported": report.imported,
        "live": report.live,
        "suspended": report.suspended,
        "unchanged": report.unchanged,
        "refused": report.refused,
        "incomplete": report.incomplete,
        "go_live_on": go_live.record_on.isoformat(),
        "live_from": go_live.live_from.isoformat(),
    }


def _in_sets(rows: Iterable[CustomerRow]) -> Iterator[list[CustomerRow]]:
    held: list[CustomerRow] = []
    for row in rows:
        held.append(row)
        if len(held) == _SET_SIZE:
            yield held
            held = []
    if held:
        yield held
