"""Exchange rates: which list holds for a day, what a sum is at it, and what credit notes give back at it (R16)."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.exchange import (
    Credited,
    ExchangeRate,
    HomeSums,
    credited_home_sums,
    holding,
    home_minor,
    home_sums,
)
from worker.errors import RuleError

DAY = date(2026, 11, 25)  # a Wednesday


def rate(value: str = "24.315", **changes: Any) -> ExchangeRate:
    values: dict[str, Any] = {"source": "CNB", "published_on": DAY, "currency": "EUR", "per": 1, "rate": value}
    return ExchangeRate(**(values | changes))


def test_R16_the_last_list_on_or_before_the_day_of_payment_holds() -> None:
    lists = [rate(f"24.{n + 1}", published_on=DAY - timedelta(days=n)) for n in (3, 0, 1)]
    lists += [rate("5.7", currency="PLN"), rate("99", published_on=DAY + timedelta(days=1))]

    def held(day: date, currency: str = "EUR") -> str | None:
        found = holding(lists, currency=currency, taxed_on=day, days_max=7)
        return None if found is None else found.rate

    assert held(DAY) == "24.1"
    assert held(DAY - timedelta(days=1)) == "24.2"
    assert held(DAY - timedelta(days=2)) == "24.4", "no list of that day, so the one before it"
    assert held(DAY, "PLN") == "5.7"
    assert held(DAY, "USD") is None


def test_R16_a_list_that_is_too_old_holds_for_nothing() -> None:
    lists = [rate()]
    for days, found in ((0, True), (7, True), (8, False)):
        taxed_on = DAY + timedelta(days=days)
        assert (holding(lists, currency="EUR", taxed_on=taxed_on, days_max=7) is not None) is found
    assert holding(lists, currency="EUR", taxed_on=DAY - timedelta(days=1), days_max=7) is None, "never a later one"
    assert holding(lists, currency="EUR", taxed_on=DAY, days_max=0) is not None


@pytest.mark.parametrize(
    ("amount_minor", "value", "per", "home"),
    [
        (10_000, "24.315", 1, 243_150),
        (1, "24.5", 1, 25),  # half a haler up
        (-1, "24.5", 1, -25),  # the same of what is taken off
        (12_345, "6.12", 100, 756),  # 755.514
        (3, "16.5", 100, 0),  # 0.495
        (4, "12.5", 100, 1),  # 0.5
        (0, "24.315", 1, 0),
    ],
)
def test_R16_a_sum_is_converted_exactly_and_rounded_half_up(amount_minor: int, value: str, per: int, home: int) -> None:
    assert home_minor(amount_minor, rate(value, per=per)) == home


AMOUNTS = st.integers(0, 10**9)
RATES = st.tuples(st.integers(1, 10**8), st.sampled_from([1, 100, 1000])).map(
    lambda drawn: rate(format((Decimal(drawn[0]) / 10**4).normalize(), "f"), per=drawn[1])
)


@given(AMOUNTS, RATES)
def test_R16_the_conversion_is_that_of_decimal_arithmetic(amount_minor: int, at: ExchangeRate) -> None:
    exact = Decimal(amount_minor) * Decimal(at.rate) / at.per
    assert home_minor(amount_minor, at) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(AMOUNTS, AMOUNTS, RATES)
def test_R16_gross_is_net_and_vat_in_the_home_currency_too(net: int, vat: int, at: ExchangeRate) -> None:
    sums = home_sums(net_minor=net, vat_minor=vat, rate=at)
    assert (sums.net_minor, sums.vat_minor) == (home_minor(net, at), home_minor(vat, at))
    assert sums.gross_minor == sums.net_minor + sums.vat_minor


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 120)), min_size=1, max_size=12), RATES, st.booleans())
def test_R15b_credit_notes_give_back_the_invoice_in_the_home_currency_and_never_more(
    parts: list[tuple[int, int]],
    at: ExchangeRate,
    whole: bool,  # noqa: FBT001 - drawn, not passed by hand
) -> None:
    net, vat = sum(part[0] for part in parts), sum(part[1] for part in parts)
    invoice = home_sums(net_minor=net, vat_minor=vat, rate=at)
    given_back = HomeSums(0, 0)
    before = Credited()
    for part in parts if whole else parts[:-1]:
        note = credited_home_sums(net_minor=part[0], vat_minor=part[1], before=before, of_invoice=invoice, rate=at)
        assert min(note.net_minor, note.vat_minor) >= 0
        before = Credited(before.net_minor + part[0], before.vat_minor + part[1])
        given_back = HomeSums(given_back.net_minor + note.net_minor, given_back.vat_minor + note.vat_minor)
        assert given_back.net_minor <= invoice.net_minor
        assert given_back.vat_minor <= invoice.vat_minor
    if whole:
        assert given_back == invoice


def test_R15b_a_note_that_takes_its_vat_from_the_net_sum_is_held_at_what_the_invoice_says() -> None:
    at = rate("0.5")
    invoice = home_sums(net_minor=2, vat_minor=1, rate=at)
    note = credited_home_sums(net_minor=1, vat_minor=2, before=Credited(), of_invoice=invoice, rate=at)
    assert (invoice, note) == (HomeSums(1, 1), HomeSums(1, 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"source": ""},
        {"currency": "eur"},
        {"currency": "EURO"},
        {"per": 0},
        {"per": 1_000_000},
        *({"rate": value} for value in ("0", "-1", "24,3", "1e3", "", "NaN", "024.3", "24.310", "24.", "1234567")),
    ],
)
def test_what_no_bank_publishes_is_no_rate(changes: dict[str, Any]) -> None:
    with pytest.raises(RuleError):
        rate(**changes)
