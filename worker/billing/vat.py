"""The VAT treatment of a sale: who sells, who buys and what is proven give a rate and the words on paper."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from worker.billing.money import round_half_up
from worker.errors import RuleError


class SellerVat(StrEnum):
    """The seller's standing at the tax office."""

    NOT_REGISTERED = "not_registered"
    REGISTERED = "registered"


class Treatment(StrEnum):
    """How a sale is treated; a seller who is not registered charges no VAT to anybody."""

    NOT_REGISTERED = "not_registered"


@dataclass(frozen=True, slots=True)
class Seller:
    """The seller: ISO country code and standing."""

    country: str
    vat: SellerVat


@dataclass(frozen=True, slots=True)
class Buyer:
    """The buyer at the time of the charge; the postcode tells territories that have rules of their own."""

    country: str
    postcode: str
    is_business: bool


@dataclass(frozen=True, slots=True)
class ViesEvidence:
    """What VIES said of a VAT number and when; `valid` is None while nobody could say (R19b)."""

    number: str
    valid: bool | None
    checked_on: date
    consultation: str | None


@dataclass(frozen=True, slots=True)
class Rate:
    """A country's standard rate in percent, from a day on."""

    country: str
    valid_from: date
    percent: Fraction


@dataclass(frozen=True, slots=True)
class Rates:
    """The table of standard rates."""

    rows: tuple[Rate, ...]

    def standard(self, country: str, *, on: date) -> Fraction:
        """The percentage that holds in a country on a day.

        Raises:
            RuleError: the table has none, and then the sale is refused (R20).
        """
        past = (row for row in self.rows if row.country == country and row.valid_from <= on)
        found = max(past, key=lambda row: row.valid_from, default=None)
        if found is None:
            raise RuleError(f"the table of VAT rates has none for {country} on {on}")
        return found.percent


@dataclass(frozen=True, slots=True)
class VatDecision:
    """What was decided, to be frozen with the charge (R16).

    rate: percent. category: the letter of the European invoice standard. words: keys of the sentences that
    the invoice must print. reasons: why, for the operator who asks.

    Raises:
        RuleError: on building one with a negative rate.
    """

    treatment: Treatment
    rate: Fraction
    category: str
    words: tuple[str, ...]
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise RuleError(f"a VAT rate of {self.rate} % is negative")

    def on_net(self, net_minor: int) -> int:
        """The VAT on a net sum, in minor units, rounded once."""
        return round_half_up(net_minor * self.rate * Fraction(1, 100))

    def within_gross(self, gross_minor: int) -> int:
        """The VAT contained in a gross sum, in minor units, rounded once."""
        share = Fraction(self.rate.numerator, 100 * self.rate.denominator + self.rate.numerator)
        return round_half_up(gross_minor * share)


def decide(
    *,
    seller: Seller,
    buyer: Buyer,  # noqa: ARG001 - asked for a registered seller only
    evidence: ViesEvidence | None,  # noqa: ARG001 - the same
    tax_on: date,
    rates: Rates,  # noqa: ARG001 - the same
) -> VatDecision:
    """Decide the VAT of a sale whose tax point is `tax_on`.

    Raises:
        RuleError: the seller is registered for VAT, for which this version has no rules.
    """
    if seller.vat is SellerVat.REGISTERED:
        raise RuleError("the seller is registered for VAT, and VAT rules are not installed in this version")
    return VatDecision(
        treatment=Treatment.NOT_REGISTERED,
        rate=Fraction(0),
        category="O",
        words=("seller_not_registered",),
        reasons=(f"the seller in {seller.country} is not registered for VAT on {tax_on}",),
    )
