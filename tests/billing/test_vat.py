"""R12c, R20: a seller who is not registered charges no VAT; rates are data with dates; one rounding."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.vat import (
    Buyer,
    Rate,
    Rates,
    Seller,
    SellerVat,
    Treatment,
    VatDecision,
    ViesEvidence,
    decide,
    percent_text,
)
from worker.errors import RuleError

ON = date(2026, 11, 22)
SMALL = Seller("CZ", SellerVat.NOT_REGISTERED)
NO_RATES = Rates(())
CONFIRMED = ViesEvidence("PL5260001246", valid=True, checked_on=ON, consultation="A1")


def at(percent: Fraction) -> VatDecision:
    return VatDecision(Treatment.NOT_REGISTERED, percent, "S", (), ())


@pytest.mark.parametrize(
    ("buyer", "evidence"),
    [
        (Buyer("CZ", "110 00", is_business=True), None),  # at home
        (Buyer("PL", "00-001", is_business=True), CONFIRMED),  # a confirmed business in the EU
        (Buyer("PL", "00-001", is_business=False), None),  # a consumer in the EU
        (Buyer("US", "10001", is_business=True), None),  # outside the EU
    ],
)
def test_R20_a_seller_who_is_not_registered_charges_no_vat(buyer: Buyer, evidence: ViesEvidence | None) -> None:
    decision = decide(seller=SMALL, buyer=buyer, evidence=evidence, tax_on=ON, rates=NO_RATES)
    assert decision.treatment is Treatment.NOT_REGISTERED
    assert (decision.rate, decision.category) == (Fraction(0), "O")
    assert decision.words == ("seller_not_registered",)
    assert decision.on_net(12_345) == 0
    assert decision.within_gross(12_345) == 0
    assert str(ON) in decision.reasons[0]


@pytest.mark.parametrize(
    ("percent", "net_minor", "vat_minor"),
    [
        (Fraction(21), 10_000, 2_100),
        (Fraction(21), 50, 11),  # 10.5: half-up, once
        (Fraction(51, 2), 100, 26),  # 25.5 percent is exact
        (Fraction(23), 0, 0),
    ],
)
def test_R12c_vat_on_a_net_sum_is_rounded_once(percent: Fraction, net_minor: int, vat_minor: int) -> None:
    assert at(percent).on_net(net_minor) == vat_minor


@settings(deadline=None)
@given(
    st.sampled_from([Fraction(0), Fraction(17), Fraction(21), Fraction(51, 2), Fraction(27)]),
    st.integers(0, 10**8),
)
def test_R12c_vat_within_a_gross_sum_undoes_vat_on_a_net_sum(percent: Fraction, net_minor: int) -> None:
    decision = at(percent)
    gross_minor = net_minor + decision.on_net(net_minor)
    assert gross_minor - decision.within_gross(gross_minor) == net_minor


@pytest.mark.parametrize(
    ("country", "on", "percent"),
    [
        ("SK", date(2024, 12, 31), Fraction(20)),  # the last day of the old rate
        ("SK", date(2025, 1, 1), Fraction(23)),  # the first day of the new one
        ("FI", date(2026, 1, 1), Fraction(51, 2)),
    ],
)
def test_R20_rates_hold_from_their_day(country: str, on: date, percent: Fraction) -> None:
    rates = Rates(
        (
            Rate("SK", date(2025, 1, 1), Fraction(23)),
            Rate("SK", date(2011, 1, 1), Fraction(20)),
            Rate("FI", date(2024, 9, 1), Fraction(51, 2)),
        )
    )
    assert rates.standard(country, on=on) == percent
    with pytest.raises(RuleError, match="none for SK on 2010-12-31"):  # before the first rate
        rates.standard("SK", on=date(2010, 12, 31))
    with pytest.raises(RuleError, match="none for XX"):  # no such country
        rates.standard("XX", on=on)


def test_R20_a_rate_is_not_negative() -> None:
    with pytest.raises(RuleError, match="negative"):
        at(Fraction(-1))


@pytest.mark.parametrize(("rate", "text"), [(Fraction(23), "23"), (Fraction(51, 2), "25.5"), (Fraction(1, 4), "0.25")])
def test_R20_a_rate_is_written_as_exact_decimal_text(rate: Fraction, text: str) -> None:
    assert percent_text(rate) == text


def test_R20_a_rate_that_no_state_has_is_not_rounded() -> None:
    with pytest.raises(RuleError, match="more than 2 decimals"):
        percent_text(Fraction(1, 3))
