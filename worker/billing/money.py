"""Money: the four currencies, the one rounding, and a split that adds up exactly."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from worker.errors import RuleError


class Currency(StrEnum):
    """The currencies in which prices exist (R3); each has two decimals, so 100 minor units are one whole."""

    PLN = "PLN"
    EUR = "EUR"
    USD = "USD"
    CZK = "CZK"

    @property
    def provider(self) -> str:
        """The code as the payment provider writes it: lower case."""
        return self.value.lower()


@dataclass(frozen=True, slots=True)
class Split:
    """A price cut in two, in minor units; the parts add up to it exactly."""

    used_minor: int
    unused_minor: int


def round_half_up(value: Fraction) -> int:
    """Round to a whole minor unit, halves away from zero: 2.5 is 3 and -2.5 is -3.

    Symmetric, so that a credit note reverses an invoice line to the last unit.
    """
    whole = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return -whole if value < 0 else whole


def split(price_minor: int, *, days_left: int, days_whole: int) -> Split:
    """Cut the price of a whole term at a day (R12c): `days_left` of its `days_whole` days are unused.

    Only the unused part is rounded; the used part is the rest, so nothing is lost between them.

    Raises:
        RuleError: the price is negative, or the days left do not lie within the term.
    """
    if price_minor < 0:
        raise RuleError(f"a price of {price_minor} is negative")
    if days_whole < 1 or not 0 <= days_left <= days_whole:
        raise RuleError(f"{days_left} days left do not lie within a term of {days_whole} days")
    unused_minor = round_half_up(Fraction(price_minor * days_left, days_whole))
    return Split(used_minor=price_minor - unused_minor, unused_minor=unused_minor)
