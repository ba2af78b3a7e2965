"""The VAT treatment of a sale: who sells, who buys and what is proven give a rate and the words on paper."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from worker.billing.money import round_half_up
from worker.billing.vat_area import MEMBER_STATES, Place, place_of
from worker.errors import RuleError

VIES_VALID_DAYS = 90
"""R19b: so many days before the tax date a number may have been confirmed."""


_PERCENT_DECIMALS_MAX = 2


def percent_text(rate: Fraction) -> str:
    """A rate in percent as exact decimal text: 23, 25.5.

    Raises:
        RuleError: it needs more than two decimals, and no state has such a rate.
    """
    for decimals in range(_PERCENT_DECIMALS_MAX + 1):
        scaled = rate * 10**decimals
        if scaled.denominator == 1:
            whole, part = divmod(scaled.numerator, 10**decimals)
            return f"{whole}.{part:0{decimals}}" if decimals else str(whole)
    raise RuleError(f"a VAT rate of {rate} % has more than {_PERCENT_DECIMALS_MAX} decimals")


class SellerVat(StrEnum):
    """The seller's standing at the tax office."""

    NOT_REGISTERED = "not_registered"
    REGISTERED = "registered"


class Treatment(StrEnum):
    """How a sale is treated."""

    NOT_REGISTERED = "not_registered"
    """The seller is not registered and charges no VAT to anybody."""
    HOME = "home"
    """The buyer sits in the seller's country, business or not."""
    REVERSE_CHARGE = "reverse_charge"
    """A business in another member state owes the VAT itself."""
    ONE_STOP_SHOP = "one_stop_shop"
    """The VAT of another member state, which the seller declares through the one-stop shop."""
    OUTSIDE = "outside"
    """The place of supply is outside the EU's VAT area."""


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
    """What VIES said of a VAT number and when; `valid` is None while nobody could say (R19b).

    The number begins with its country, with EL for Greece; the day is one of the seller's zone.
    """

    number: str
    valid: bool | None
    checked_on: date
    consultation: str | None


@dataclass(frozen=True, slots=True)
class Rate:
    """A country's standard rate in percent, from a day on, and who says so."""

    country: str
    valid_from: date
    percent: Fraction
    source: str = ""


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
    the invoice must print. reasons: why, for the operator who asks. gross_prices: whether the prices of what is sold
    contain the VAT; then it is taken out of them, and what is paid is the price on the list, whatever the rate.

    Raises:
        RuleError: on building one with a negative rate.
    """

    treatment: Treatment
    rate: Fraction
    category: str
    words: tuple[str, ...]
    reasons: tuple[str, ...]
    gross_prices: bool = False

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
    buyer: Buyer,
    evidence: ViesEvidence | None,
    tax_on: date,
    rates: Rates,
    vies_valid_days: int = VIES_VALID_DAYS,
    proven_on: date | None = None,
) -> VatDecision:
    """Decide the VAT of a sale of an electronically supplied service whose tax point is `tax_on` (R20).

    The sources are articles 44, 58 and 196 of Directive 2006/112/EC, and article 18 of Implementing Regulation (EU)
    282/2011 for what makes a buyer a business: the number that he gave, and its confirmation.

    Args:
        seller: who sells; one who is registered sits in the EU.
        buyer: as the billing details stand.
        evidence: what VIES last said of the number that the buyer has now; None when it was never asked.
        tax_on: the day whose rates hold and from which the age of the evidence is counted.
        rates: the table.
        vies_valid_days: how old a confirmation may be (R19b).
        proven_on: the day from which the age of the evidence is counted instead, when a sale is corrected later (R16).

    Raises:
        RuleError: the sale is refused: no such country, no rate for it on that day, a postcode that does not tell
            which VAT holds, or a seller for whom there are no rules.
    """
    if seller.vat is SellerVat.NOT_REGISTERED:
        return VatDecision(
            treatment=Treatment.NOT_REGISTERED,
            rate=Fraction(0),
            category="O",
            words=("seller_not_registered",),
            reasons=(f"the seller in {seller.country} is not registered for VAT on {tax_on}",),
        )
    if seller.country not in MEMBER_STATES:
        raise RuleError(f"VAT rules are for sellers in the EU, and {seller.country!r} is none of its states")
    place = place_of(buyer.country, buyer.postcode)
    if place.state == seller.country:
        return _at_home(place, tax_on=tax_on, rates=rates)
    if place.state is None or place.rates_of is None:
        words = "outside_eu_vat" if buyer.is_business else "outside_eu_vat_consumer"
        return VatDecision(Treatment.OUTSIDE, Fraction(0), "O", (words,), (place.why,))
    doubt = _doubt(buyer, evidence, state=place.state, tax_on=proven_on or tax_on, valid_days=vies_valid_days)
    if doubt is None:
        assert evidence is not None, "without evidence there is a doubt"
        proof = evidence.consultation or "that has no consultation number"
        confirmed = f"VIES confirmed {evidence.number} on {evidence.checked_on}, consultation {proof}"
        return VatDecision(Treatment.REVERSE_CHARGE, Fraction(0), "AE", ("reverse_charge",), (place.why, confirmed))
    rate = rates.standard(place.rates_of, on=tax_on)
    charged = f"the standard rate of {place.rates_of} on {tax_on} is charged through the one-stop shop"
    return VatDecision(Treatment.ONE_STOP_SHOP, rate, "S", (), (place.why, doubt, charged))


def _at_home(place: Place, *, tax_on: date, rates: Rates) -> VatDecision:
    """The seller's own rate. Raises RuleError in the parts of its country that have other VAT."""
    if place.rates_of is None or place.rates_of != place.state:
        raise RuleError(f"no rule says which VAT a seller in {place.state} charges there: {place.why}")
    why = f"the buyer is in {place.state}, the seller's country, whose standard rate holds for everybody on {tax_on}"
    return VatDecision(Treatment.HOME, rates.standard(place.rates_of, on=tax_on), "S", (), (place.why, why))


def _doubt(buyer: Buyer, evidence: ViesEvidence | None, *, state: str, tax_on: date, valid_days: int) -> str | None:
    """Why a buyer in another member state does not count as a business; None when he does."""
    if not buyer.is_business:
        return "the buyer gave no VAT number"
    if evidence is None:
        return "VIES has not been asked about the buyer's VAT number"
    if evidence.valid is None:
        return f"VIES could not say whether {evidence.number} is valid, last asked on {evidence.checked_on}"
    if not evidence.valid:
        return f"VIES said on {evidence.checked_on} that {evidence.number} is not valid"
    begins = "EL" if state == "GR" else state
    if not evidence.number.startswith(begins):
        return f"the confirmed number {evidence.number} is not one of {state}, where the buyer is"
    age_days = (tax_on - evidence.checked_on).days
    if age_days < 0:
        return f"{evidence.number} was confirmed on {evidence.checked_on}, which is after the tax date {tax_on}"
    if age_days > valid_days:
        return (
            f"{evidence.number} was last confirmed on {evidence.checked_on}, {age_days} days before the tax date,"
            f" and {valid_days} are the most"
        )
    return None
