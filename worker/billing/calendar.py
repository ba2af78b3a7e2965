"""Terms: stretches of calendar days, every one counted from the subscription's original anchor.

The anchor survives short months: a subscription of 31 January renews on 28 February and then on 31 March,
a yearly one of 29 February on 28 February until the next leap year. Counting from the term before would
lose it.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date
from enum import StrEnum

from worker.errors import RuleError

_MONTHS_A_YEAR = 12


class Interval(StrEnum):
    """How long a term lasts (R1)."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        """Its length in calendar months."""
        return 1 if self is Interval.MONTH else _MONTHS_A_YEAR


@dataclass(frozen=True, slots=True)
class Term:
    """The paid days `[starts_on, ends_on)`; `ends_on` is the first day that this term does not pay."""

    number: int
    starts_on: date
    ends_on: date

    def __post_init__(self) -> None:
        if self.ends_on <= self.starts_on:
            raise RuleError(f"term {self.number} would end on {self.ends_on}, not after {self.starts_on}")

    @property
    def days(self) -> int:
        """How many days the term has."""
        return (self.ends_on - self.starts_on).days


def term_start(anchor_on: date, interval: Interval, k: int) -> date:
    """The day `k` intervals after the anchor (before it if negative); a short month's last day, if need be.

    Raises:
        RuleError: the calendar, which knows the years 1 to 9999, does not have that day.
    """
    month_index = anchor_on.year * _MONTHS_A_YEAR + anchor_on.month - 1 + k * interval.months
    year, month0 = divmod(month_index, _MONTHS_A_YEAR)
    if not MINYEAR <= year <= MAXYEAR:
        raise RuleError(f"{k} {interval}s from {anchor_on} lies outside the years {MINYEAR} to {MAXYEAR}")
    month = month0 + 1
    return date(year, month, min(anchor_on.day, monthrange(year, month)[1]))


def term(*, anchor_on: date, anchor_number: int, interval: Interval, number: int) -> Term:
    """Term `number` of a subscription whose term `anchor_number` starts on the anchor.

    Raises:
        RuleError: the term leaves the calendar.
    """
    k = number - anchor_number
    return Term(
        number=number,
        starts_on=term_start(anchor_on, interval, k),
        ends_on=term_start(anchor_on, interval, k + 1),
    )


def ordinal(*, anchor_on: date, interval: Interval, starts_on: date) -> int | None:
    """The `k` whose term starts on that day, or None when no term of this anchor does."""
    months = (starts_on.year - anchor_on.year) * _MONTHS_A_YEAR + starts_on.month - anchor_on.month
    k, rest = divmod(months, interval.months)
    if rest or term_start(anchor_on, interval, k) != starts_on:
        return None
    return k
