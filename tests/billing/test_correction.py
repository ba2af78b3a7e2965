"""What a corrected invoice says: never more than was paid, and all of the difference goes back (R16)."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.catalogue import Line, LineKind
from worker.billing.correction import correct
from worker.billing.reversal import Invoiced
from worker.billing.vat import Treatment, VatDecision
from worker.errors import RuleError

RATES = (Fraction(0), Fraction(19), Fraction(21), Fraction(51, 2), Fraction(27))


def taxed(rate: Fraction, *, gross_prices: bool = False) -> VatDecision:
    """A decision at that rate in percent."""
    return VatDecision(Treatment.ONE_STOP_SHOP, rate, "S", (), (), gross_prices)


def sold(net_minor: int, rate: Fraction) -> Invoiced:
    """An invoice of two lines."""
    first = Line(LineKind.AGENTS, 1, net_minor, net_minor - net_minor // 3)
    second = Line(LineKind.CONVERSATIONS, 1, net_minor, net_minor // 3)
    return Invoiced((first, second), net_minor, taxed(rate).on_net(net_minor), taxed(rate))


def test_R16_VAT_that_falls_goes_back() -> None:
    made = correct(sold(5700, Fraction(23)), vat=taxed(Fraction(0)))
    assert (made.net_minor, made.vat_minor, made.given_back_minor) == (5700, 0, 1311)


def test_R16_VAT_that_rises_is_taken_out_of_what_was_paid() -> None:
    made = correct(sold(10_000, Fraction(0)), vat=taxed(Fraction(21)))
    assert (made.net_minor, made.vat_minor, made.given_back_minor) == (8264, 1736, 0)
    assert sum(line.net_minor for line in made.lines) == 8264


def test_R16_prices_that_contain_VAT_stay() -> None:
    sale = sold(10_000, Fraction(21))
    made = correct(sale, vat=taxed(Fraction(0), gross_prices=True))
    assert (made.net_minor, made.vat_minor, made.given_back_minor) == (12_100, 0, 0)


def test_R16_of_nothing_left_nothing_is_corrected() -> None:
    sale = sold(100, Fraction(21))
    with pytest.raises(RuleError):
        correct(replace(sale, earlier=(sale.take_back(121),)), vat=taxed(Fraction(0)))


@given(
    net_minor=st.integers(3, 5_000_000),
    old=st.sampled_from(RATES),
    new=st.sampled_from(RATES),
    gross_prices=st.booleans(),
    part=st.integers(0, 99),
)
def test_R16_both_papers_add_up(net_minor: int, old: Fraction, new: Fraction, *, gross_prices: bool, part: int) -> None:
    sale = sold(net_minor, old)
    back_minor = sale.left_minor * part // 100
    if back_minor:
        sale = replace(sale, earlier=(sale.take_back(back_minor),))
    made = correct(sale, vat=taxed(new, gross_prices=gross_prices))
    assert made.taken_back.gross_minor == sale.left_minor
    assert made.gross_minor + made.given_back_minor == sale.left_minor
    assert sum(line.net_minor for line in made.lines) == made.net_minor
    if old == new:
        assert made.given_back_minor == 0
