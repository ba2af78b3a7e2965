"""Exchange rates for the tax office: which published list holds for a day, and what a sum is at it (R16).

A seller who is registered for VAT owes it in the currency of its tax office, whatever the invoice is in. The rate is
the one that holds on the day when the duty arises, which is the day of the payment: the last list that was published
on that day or before it, since none is published on weekends, holidays, and before the afternoon.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from worker.billing.money import round_half_up
from worker.errors import RuleError

PER_MAX = 10_000
_DIGITS_MAX = (6, 9)
"""Before the point and after it; no bank publishes more."""
_CODE_LENGTH = 3


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """One line of a published list: `per` whole units of `currency` cost `rate` whole units of the home currency.

    Args:
        source: who publishes the list, such as CNB.
        published_on: the day of the list.
        currency: an ISO code, never the home currency.
        per: how many units the rate is for; banks quote cheap currencies by the hundred.
        rate: exact decimal text without needless zeros, such as 24.315.

    Raises:
        RuleError: on building one that no bank would publish.
    """

    source: str
    published_on: date
    currency: str
    per: int
    rate: str

    def __post_init__(self) -> None:
        code = self.currency
        if not self.source or not (code.isascii() and code.isalpha() and code.isupper() and len(code) == _CODE_LENGTH):
            raise RuleError(f"a rate needs a source and a currency: {self.source!r}, {self.currency[:20]!r}")
        if not 1 <= self.per <= PER_MAX:
            raise RuleError(f"the rate of {self.currency} is for {self.per} units, not for 1 to {PER_MAX}")
        if not _is_exact_and_positive(self.rate):
            raise RuleError(f"the rate of {self.currency} is no exact positive number: {self.rate[:40]!r}")

    @property
    def of_one(self) -> Fraction:
        """What one unit costs."""
        return Fraction(self.rate) * Fraction(1, self.per)


def _is_exact_and_positive(rate: str) -> bool:
    whole, point, decimals = rate.partition(".")
    digits = whole + decimals
    if not (rate.isascii() and whole.isdecimal() and digits.isdecimal() and digits.strip("0")):
        return False
    if len(whole) > _DIGITS_MAX[0] or len(decimals) > _DIGITS_MAX[1] or (whole.startswith("0") and whole != "0"):
        return False
    # one text for each number, so that equal rates are equal
    return not point or (decimals != "" and not decimals.endswith("0"))


@dataclass(frozen=True, slots=True)
class HomeSums:
    """A document's sums in minor units of the home currency; gross is net and VAT."""

    net_minor: int
    vat_minor: int

    @property
    def gross_minor(self) -> int:
        """Not converted by itself, so that the three always agree."""
        return self.net_minor + self.vat_minor


def holding(rates: Iterable[ExchangeRate], *, currency: str, taxed_on: date, days_max: int) -> ExchangeRate | None:
    """The rate that holds for a currency on a tax day; None when no list is there that is new enough.

    Args:
        rates: of one source, in any order, of any currencies and days.
        currency: the invoice's; the home currency needs no rate and has none.
        taxed_on: the day on which the duty arises.
        days_max: how many days older the list may be.
    """
    found = [
        rate for rate in rates if rate.currency == currency and 0 <= (taxed_on - rate.published_on).days <= days_max
    ]
    return max(found, key=lambda rate: rate.published_on, default=None)


def home_minor(amount_minor: int, rate: ExchangeRate) -> int:
    """A sum in minor units of the home currency, rounded half up; both currencies have two decimals."""
    return round_half_up(amount_minor * rate.of_one)


def home_sums(*, net_minor: int, vat_minor: int, rate: ExchangeRate) -> HomeSums:
    """An invoice's sums at a rate: net and VAT are rounded, and gross is their sum."""
    return HomeSums(net_minor=home_minor(net_minor, rate), vat_minor=home_minor(vat_minor, rate))


@dataclass(frozen=True, slots=True)
class Credited:
    """Net and VAT of all earlier credit notes of an invoice, in minor units of its currency."""

    net_minor: int = 0
    vat_minor: int = 0


def credited_home_sums(
    *, net_minor: int, vat_minor: int, before: Credited, of_invoice: HomeSums, rate: ExchangeRate
) -> HomeSums:
    """A credit note's sums at the rate of the invoice that it corrects.

    Each is what all credit notes come to with this one, less what they came to before it: so many small ones never
    give back more than the invoice says in the home currency either, and the last one gives back all that is left.
    """

    def part(amount_minor: int, before_minor: int, whole_minor: int) -> int:
        after = min(home_minor(before_minor + amount_minor, rate), whole_minor)
        return after - min(home_minor(before_minor, rate), whole_minor)

    return HomeSums(
        net_minor=part(net_minor, before.net_minor, of_invoice.net_minor),
        vat_minor=part(vat_minor, before.vat_minor, of_invoice.vat_minor),
    )
