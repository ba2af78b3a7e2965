"""The ZIP of a month, written to disk as it is read: the same bytes for the same documents, and little memory."""

import errno
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from sqlalchemy import Engine, Row

from worker import boundary
from worker.charging.pages import read_pages
from worker.errors import RefusedError
from worker.gateways.files import Files
from worker.ops.exporting import documents, sheets
from worker.ops.exporting.documents import Document
from worker.ops.exporting.sheets import Cell
from worker.ops.exporting.summaries import Summaries
from worker.store import bookkeeping

PAGE = 200
"""Documents per look into the store."""
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o644 << 16
_MADE_ON_UNIX = 3
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")

README = """Documents issued in {month}: pdf/ as they were first sent, documents.csv with a line for each.

CSV: UTF-8 with a byte order mark, fields apart by semicolons, decimal commas. An apostrophe before a text keeps
spreadsheets from taking it for a formula. Sums of credit notes are negative, so that columns add up.

tax_on is the day of the payment, of a credit note that of the correction. A document that was issued at the beginning
of a month may belong to the month before: the summaries tell both by tax_month.

home_* are the sums in the currency of the tax office, at the rate of exchange_source on exchange_on; empty where a
document tells none.

ec_sales_list.csv: reverse charges by the buyer's VAT number, net, in the home currency.

oss.csv: the one-stop shop by country and rate, in the currencies of the documents. The return is in euros at the rate
of the European Central Bank on the last day of its quarter. That rate does not exist before then and is not guessed
here: convert these sums when the quarter is over.
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the file, the month, and how many documents of each kind."""

    file: Path
    month: str
    invoices: int
    credit_notes: int


def export_month(engine: Engine, files: Files, *, month: date, to: Path, home_currency: str) -> Exported:
    """Write the documents that were issued in a month into a new file.

    Args:
        engine: the store.
        files: where pages are kept.
        month: its first day.
        to: a file that does not exist yet; it is there whole or not at all.
        home_currency: documents in it need no exchange rate.

    Raises:
        RefusedError: a document was not printed yet.
        FileMissingError, FileDamagedError, UnreachableError: its pages are not those that were sent.
        FileExistsError: the file exists.
    """
    if to.exists():  # before an hour's work; the end refuses too
        raise FileExistsError(errno.EEXIST, "File exists", str(to))
    counts = {"invoice": 0, "credit_note": 0}
    before = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".odnowa-", dir=to.parent)))
        growing = folder / "month.zip"
        archive = stack.enter_context(ZipFile(growing, "x", ZIP_STORED))
        table = stack.enter_context(_table(folder / "documents.csv"))
        summaries = Summaries()
        sheets.write(table, [documents.HEADER])
        for row, document in _documents(engine, from_on=month, before=before, home_currency=home_currency):
            _add(archive, f"pdf/{file_name(document.number)}.pdf", _pages(files, row))
            sheets.write(table, [document.line])
            summaries.add(document)
            counts[document.kind] += 1
        table.close()
        with (
            archive.open(_entry("documents.csv", ZIP_DEFLATED), "w") as entry,
            (folder / "documents.csv").open("rb") as it,
        ):
            shutil.copyfileobj(it, entry)
        _add(archive, "ec_sales_list.csv", _sheet(summaries.ec_sales()), ZIP_DEFLATED)
        _add(archive, "oss.csv", _sheet(summaries.oss()), ZIP_DEFLATED)
        _add(archive, "README.txt", README.format(month=f"{month:%Y-%m}").encode(), ZIP_DEFLATED)
        archive.close()
        to.hardlink_to(growing)  # unlike a rename it never overwrites
    return Exported(to, f"{month:%Y-%m}", counts["invoice"], counts["credit_note"])


def _documents(
    engine: Engine, *, from_on: date, before: date, home_currency: str
) -> Iterator[tuple[Row[Any], Document]]:
    """Page by page, since pages of documents are read outside of transactions."""
    after = ("", 0, 0)
    while True:
        with boundary.transaction(engine, "ops.export") as connection:
            rows = bookkeeping.issued_between(connection, from_on=from_on, before=before, after=after, most=PAGE)
        for row in rows:
            yield row, documents.read(row, home_currency=home_currency)
        if len(rows) < PAGE:
            return
        after = (rows[-1].series, rows[-1].year, rows[-1].sequence)


def _pages(files: Files, row: Row[Any]) -> bytes:
    if row.pdf_sha256 is None:
        raise RefusedError(f"{row.number} was not printed yet: `odnowa run issue_invoices --wait`, then export again")
    return read_pages(files, sha256=row.pdf_sha256, kept=row.pdf)


def file_name(number: str) -> str:
    """A document's number as a name that leads nowhere else; other characters are written as their code."""
    return "".join(one if one in _SAFE else f"%{ord(one):06X}" for one in number)


def _table(path: Path) -> IO[str]:
    table = path.open("x", encoding="utf-8", newline="")
    table.write(sheets.MARK)
    return table


def _sheet(rows: Iterable[Sequence[Cell]]) -> bytes:
    sheet = io.StringIO(newline="")
    sheet.write(sheets.MARK)
    sheets.write(sheet, rows)
    return sheet.getvalue().encode()


def _add(archive: ZipFile, name: str, content: bytes, how: int = ZIP_STORED) -> None:
    archive.writestr(_entry(name, how), content)


def _entry(name: str, how: int) -> ZipInfo:
    """An entry without time and owner, so that the same documents make the same file."""
    entry = ZipInfo(name, _NO_TIME)
    entry.compress_type, entry.external_attr, entry.create_system = how, _PLAIN_FILE, _MADE_ON_UNIX
    return entry
