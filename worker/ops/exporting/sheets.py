"""CSV for the spreadsheets of accountants: semicolons, decimal commas, UTF-8 with its mark, no cell a formula.

Czech, Slovak, Polish, German and Hungarian spreadsheets read numbers with a comma, so fields stand apart by semicolons.
"""

import csv
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import IO

from worker.billing.money import round_half_up

MARK = "\ufeff"
"""Without it spreadsheets take UTF-8 for the encoding of the machine."""
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Amount(int):
    """Minor units, written with two decimals."""


class Number(str):
    """Decimal text of our own, written with a comma."""

    __slots__ = ()


Cell = str | Amount | Number | int | None


def write(file: IO[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write rows; the file's beginning is the caller's, see `MARK`."""
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    writer.writerows([cell(value) for value in row] for row in rows)


def cell(value: Cell) -> str:
    """A value as it stands in the file. Text that a spreadsheet would take for a formula gets an apostrophe before."""
    match value:
        case None:
            return ""
        case Amount():
            return amount(value)
        case Number():
            return value.replace(".", ",")
        case int():
            return str(int(value))
    return f"'{value}" if value.startswith(_BEGINS_FORMULA) else value


def amount(minor: int) -> str:
    """Minor units with a decimal comma: 1234,50."""
    whole, part = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}{whole},{part:02d}"


def percent(rate: str) -> Number:
    """A VAT rate as it stands in snapshots, which in the oldest may be a fraction."""
    if "/" not in rate:
        return Number(rate)
    hundredths = round_half_up(Fraction(rate) * 100)
    return Number(f"{hundredths // 100}.{hundredths % 100:02d}")
