"""How invoice numbers look, and the key of the counter that hands them out (R18)."""

from datetime import MAXYEAR, MINYEAR
from enum import StrEnum

from worker.errors import RuleError


class Series(StrEnum):
    """The series; credit notes have one of their own."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


def series_key(series: Series, *, year: int) -> str:
    """The key of the counter that numbers this series in this year.

    Raises:
        RuleError: no such year.
    """
    return f"{series}:{_four_digits(year)}"


def format_number(*, prefix: str, year: int, sequence: int, width: int = 6) -> str:
    """The printed number: prefix, year, and the sequence filled with zeros, as in 2026000123.

    A sequence that outgrows its width makes the number longer: that stays unique, and invoicing goes on.

    Raises:
        RuleError: no such year, or a sequence or width below 1.
    """
    if sequence < 1 or width < 1:
        raise RuleError(f"numbers count from 1 and are at least one digit wide: {sequence}, {width}")
    return f"{prefix}{_four_digits(year)}{sequence:0{width}d}"


def _four_digits(year: int) -> str:
    if not MINYEAR <= year <= MAXYEAR:
        raise RuleError(f"no invoice is of the year {year}")
    return f"{year:04d}"
