"""R3, R12c: four currencies; one rounding, half-up, and splits that add up exactly."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.money import Currency, round_half_up, split
from worker.errors import RuleError

patient = settings(deadline=None)
amounts = st.integers(min_value=0, max_value=99_999_999)
# A yearly term has at most 366 days.
stretches = st.integers(1, 366).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))


def test_R3_four_currencies_and_no_other() -> None:
    assert {currency.value: currency.provider for currency in Currency} == {
        "PLN": "pln",
        "EUR": "eur",
        "USD": "usd",
        "CZK": "czk",
    }


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Fraction(0), 0),
        (Fraction(49, 100), 0),  # below the half: down
        (Fraction(1, 2), 1),  # a half: up, where half-even would give 0
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),  # a half: up, where half-even would give 2
        (Fraction(5, 2) - Fraction(1, 10**30), 2),  # far finer than a float can see
        (Fraction(-1, 2), -1),  # symmetric: away from zero
        (Fraction(-5, 2), -3),
        (Fraction(-49, 100), 0),
        (Fraction(7), 7),
    ],
)
def test_R12c_rounds_half_up(value: Fraction, rounded: int) -> None:
    assert round_half_up(value) == rounded


@patient
@given(st.fractions())
def test_R12c_rounding_is_nearest_and_symmetric(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)
    assert round_half_up(-value) == -round_half_up(value)


@pytest.mark.parametrize(
    ("price_minor", "left", "whole", "unused_minor"),
    [
        (9900, 30, 30, 9900),  # changed on the first day: all is unused
        (9900, 0, 30, 0),  # nothing is left
        (9900, 15, 30, 4950),
        (9900, 10, 31, 3194),  # 3193.548... rounds up
        (100, 1, 8, 13),  # 12.5: the half goes to the customer's unused part
        (1, 1, 2, 1),  # half of the smallest coin
        (0, 5, 30, 0),  # free of charge splits into nothing
    ],
)
def test_R12c_split_examples(price_minor: int, left: int, whole: int, unused_minor: int) -> None:
    cut = split(price_minor, days_left=left, days_whole=whole)
    assert (cut.used_minor, cut.unused_minor) == (price_minor - unused_minor, unused_minor)


@patient
@given(amounts, stretches)
def test_R12c_split_adds_up_and_neither_part_is_negative(price_minor: int, days: tuple[int, int]) -> None:
    cut = split(price_minor, days_left=days[0], days_whole=days[1])
    assert cut.used_minor + cut.unused_minor == price_minor
    assert min(cut.used_minor, cut.unused_minor) >= 0
    assert abs(cut.unused_minor * days[1] - price_minor * days[0]) * 2 <= days[1]


@patient
@given(amounts, amounts, stretches)
def test_R12c_swaps_cost_nothing_when_prices_are_equal_and_never_pay_out_for_a_rise(
    old_minor: int, rise_minor: int, days: tuple[int, int]
) -> None:
    old = split(old_minor, days_left=days[0], days_whole=days[1])
    same = split(old_minor, days_left=days[0], days_whole=days[1])
    dearer = split(old_minor + rise_minor, days_left=days[0], days_whole=days[1])
    assert same.unused_minor - old.unused_minor == 0
    assert dearer.unused_minor >= old.unused_minor


@pytest.mark.parametrize(
    ("price_minor", "left", "whole"),
    [
        (-1, 1, 30),  # a negative price
        (100, -1, 30),  # after the term
        (100, 31, 30),  # before the term
        (100, 0, 0),  # a term without days
    ],
)
def test_R12c_split_refuses_what_is_no_part_of_a_term(price_minor: int, left: int, whole: int) -> None:
    with pytest.raises(RuleError):
        split(price_minor, days_left=left, days_whole=whole)
