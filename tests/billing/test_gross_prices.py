"""R20, R12c: prices that contain VAT are what is paid, and everything that is made of them adds up exactly."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.calendar import Interval, Term
from worker.billing.catalogue import Line, LineKind, Package
from worker.billing.change import Purse, Standing, price_change, price_term
from worker.billing.holdings import Holdings, Lot
from worker.billing.money import Currency
from worker.billing.quote import price_lines, taxed
from worker.billing.reversal import Invoiced, Reversed
from worker.billing.vat import Treatment, VatDecision

RATES = st.sampled_from([Fraction(0), *map(Fraction, (17, 19, 20, 21, 23, 25, 27)), Fraction(51, 2)])
LOTS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 50_000)), min_size=1, max_size=5, unique_by=lambda lot: lot[1]
)


def decision(rate: Fraction) -> VatDecision:
    treatment = Treatment.ONE_STOP_SHOP if rate else Treatment.REVERSE_CHARGE
    return VatDecision(treatment, rate, "S" if rate else "AE", (), (), gross_prices=True)


def lines(lots: list[tuple[int, int]]) -> tuple[Line, ...]:
    return tuple(Line(LineKind.AGENTS, count, price, count * price) for count, price in lots)


def holdings(*lots: tuple[int, int]) -> Holdings:
    agents = tuple(Lot(count, price) for count, price in lots)
    return Holdings(Package.STANDARD, Interval.MONTH, Currency.EUR, agents, (), 100)


@given(lots=LOTS, rate=RATES)
def test_R20_the_price_on_the_list_is_what_is_paid(lots: list[tuple[int, int]], rate: Fraction) -> None:
    listed = sum(count * price for count, price in lots)
    sold, net_minor, vat_minor = taxed(lines(lots), vat=decision(rate))
    assert net_minor + vat_minor == listed
    assert sum(line.net_minor for line in sold) == net_minor
    assert [line.unit_price_minor for line in sold] == [price for _, price in lots]
    exact = listed * rate / (100 + rate)
    assert abs(vat_minor - exact) <= Fraction(1, 2), "half-up, once"


@given(lots=LOTS, rate=RATES)
def test_R20_each_line_is_off_its_exact_net_by_less_than_a_unit(lots: list[tuple[int, int]], rate: Fraction) -> None:
    sold, _, _ = taxed(lines(lots), vat=decision(rate))
    for line in sold:
        exact = Fraction(line.quantity * line.unit_price_minor * 100, 1) / (100 + rate)
        assert abs(line.net_minor - exact) <= 1


@pytest.mark.parametrize(
    ("gross", "rate", "net", "vat"),
    [
        (2490, Fraction(21), 2058, 432),  # 24.90 · 21/121 = 4.3215
        (2490, Fraction(27), 1961, 529),  # 24.90 · 27/127 = 5.2937
        (999, Fraction(51, 2), 796, 203),  # 9.99 · 25.5/125.5 = 2.0299
        (100, Fraction(23), 81, 19),  # 1.00 · 23/123 = 0.1870
        (2490, Fraction(0), 2490, 0),
    ],
)
def test_R20_worked_by_hand(gross: int, rate: Fraction, net: int, vat: int) -> None:
    priced = price_term(holdings=holdings((1, gross)), purse=Purse(minimum_minor=50), vat=decision(rate))
    assert (priced.net_minor, priced.vat_minor, priced.gross_minor) == (net, vat, gross)
    assert priced.to_charge_minor == gross


@given(lots=LOTS, rate=RATES, goodwill=st.integers(0, 100_000), carried=st.integers(0, 49))
def test_R15b_goodwill_and_carried_sums_are_off_and_on_the_price(
    lots: list[tuple[int, int]], rate: Fraction, goodwill: int, carried: int
) -> None:
    listed = sum(count * price for count, price in lots)
    priced = price_lines(
        lines(lots),
        credit_minor=10**9,
        carried_in_minor=carried,
        minimum_minor=50,
        vat=decision(rate),
        goodwill_minor=goodwill,
    )
    assert priced.goodwill_minor == min(goodwill, listed)
    assert priced.gross_minor == listed - priced.goodwill_minor + carried


TERM, NEXT = (
    Term(0, date(2026, 3, 15), date(2026, 4, 15)),
    Term(1, date(2026, 4, 15), date(2026, 5, 15)),
)


@given(lots=LOTS, rate=RATES, day=st.integers(15, 31))
def test_R12c_equal_prices_swap_for_nothing(lots: list[tuple[int, int]], rate: Fraction, day: int) -> None:
    held, vat = holdings(*lots), decision(rate)
    standing = Standing(held, TERM, NEXT, vat)
    changed = price_change(standing=standing, new=held, on=date(2026, 3, day), purse=Purse(), vat=vat)
    assert (changed.to_charge_minor, changed.credit_left_minor) == (0, 0)
    assert changed.unused.gross_minor == changed.sale.gross_minor


@given(lots=LOTS, rate=RATES, day=st.integers(15, 31), goodwill=st.integers(0, 3000))
def test_R15b_what_is_given_back_never_exceeds_what_was_sold(
    lots: list[tuple[int, int]], rate: Fraction, day: int, goodwill: int
) -> None:
    held, vat = holdings(*lots), decision(rate)
    sold = price_term(holdings=held, purse=Purse(goodwill_minor=goodwill, minimum_minor=1), vat=vat)
    standing = Standing(held, TERM, NEXT, vat, goodwill_minor=sold.goodwill_minor)
    unused = price_change(standing=standing, new=holdings((1, 0)), on=date(2026, 3, day), purse=Purse(), vat=vat).unused
    assert unused.gross_minor <= sold.gross_minor
    assert unused.net_minor <= sold.net_minor
    assert unused.vat_minor <= sold.vat_minor
    if day == TERM.starts_on.day:
        assert (unused.net_minor, unused.vat_minor) == (sold.net_minor, sold.vat_minor)


@given(lots=LOTS.filter(lambda lots: any(price for _, price in lots)), rate=RATES, data=st.data())
def test_R14b_steps_of_a_refund_add_up_to_the_invoice(
    lots: list[tuple[int, int]], rate: Fraction, data: st.DataObject
) -> None:
    sold, net_minor, vat_minor = taxed(lines(lots), vat=decision(rate))
    invoiced = Invoiced(sold, net_minor, vat_minor, decision(rate))
    steps: list[Reversed] = []
    while invoiced.left_minor and len(steps) < 4:
        amount = data.draw(st.integers(1, invoiced.left_minor))
        steps.append(invoiced.take_back(amount if len(steps) < 3 else invoiced.left_minor))
        invoiced = replace(invoiced, earlier=tuple(steps))
    if not invoiced.left_minor:
        assert sum(step.net_minor for step in steps) == net_minor
        assert sum(step.vat_minor for step in steps) == vat_minor
