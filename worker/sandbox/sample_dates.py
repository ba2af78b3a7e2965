"""Dates of made-up customers: an anchor for a term that must end on a given day, and months of cards."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from worker.billing.calendar import Interval, term_start

_MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Placed:
    """An anchor, and the first day of its term that ends on the wanted day."""

    anchor_on: date
    starts_on: date


def place(ends_on: date, interval: Interval, *, number: int) -> Placed:
    """Dates for a subscription whose term `number`, or a later one, ends on that day.

    A month that has no such day cannot be the anchor's, so a longer history is chosen then. On the last day of
    a short month the anchor is the last day of its own month: the 28th of February may be an anchor of the 31st.
    """
    while True:
        first = term_start(ends_on.replace(day=1), interval, -(number + 1))
        longest = monthrange(first.year, first.month)[1]
        if longest >= ends_on.day:
            break
        number += 1
    is_last = ends_on.day == monthrange(ends_on.year, ends_on.month)[1]
    anchor_on = first.replace(day=longest if is_last else ends_on.day)
    assert term_start(anchor_on, interval, number + 1) == ends_on, "the term ends on the wanted day"
    return Placed(anchor_on, term_start(anchor_on, interval, number))


def later_month(month: str, *, months: int = 0, before: date | None = None, after: date | None = None) -> str:
    """A month written 09/2028 moved by so many months, or by those from one day's month to another's."""
    if before is not None and after is not None:
        months += (after.year - before.year) * _MONTHS_A_YEAR + after.month - before.month
    number, _, year = month.partition("/")
    index = int(year) * _MONTHS_A_YEAR + int(number) - 1 + months
    return f"{index % _MONTHS_A_YEAR + 1:02d}/{index // _MONTHS_A_YEAR}"
