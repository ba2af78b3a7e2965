"""R18: how numbers look, and that no two of a series and year are the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.numbering import Series, format_number, series_key
from worker.errors import RuleError


@pytest.mark.parametrize(
    ("prefix", "sequence", "width", "number"),
    [
        ("", 123, 6, "2026000123"),
        ("", 1, 6, "2026000001"),  # the first of a year
        ("", 999_999, 6, "2026999999"),  # the last that fits
        ("", 1_000_000, 6, "20261000000"),  # longer rather than no invoice
        ("FV-", 7, 4, "FV-20260007"),
        ("D", 7, 1, "D20267"),  # without zeros
    ],
)
def test_R18_numbers(prefix: str, sequence: int, width: int, number: str) -> None:
    assert format_number(prefix=prefix, year=2026, sequence=sequence, width=width) == number


def test_R18_six_digits_are_usual() -> None:
    assert format_number(prefix="", year=2026, sequence=5) == "2026000005"


years = st.integers(1, 9999)
sequences = st.integers(1, 10**8)


@settings(deadline=None)
@given(st.tuples(years, sequences), st.tuples(years, sequences), st.integers(1, 8))
def test_R18_no_two_of_a_prefix_are_the_same(one: tuple[int, int], other: tuple[int, int], width: int) -> None:
    numbers = {format_number(prefix="F", year=year, sequence=sequence, width=width) for year, sequence in (one, other)}
    assert len(numbers) == len({one, other})


def test_R18_every_series_and_year_counts_by_itself() -> None:
    keys = {series_key(series, year=year) for series in Series for year in (2026, 2027)}
    assert keys == {"invoice:2026", "invoice:2027", "credit_note:2026", "credit_note:2027"}


@pytest.mark.parametrize(
    ("year", "sequence", "width"),
    [
        (2026, 0, 6),  # numbers count from 1
        (2026, -1, 6),
        (2026, 1, 0),
        (0, 1, 6),
        (10_000, 1, 6),
    ],
)
def test_R18_what_is_no_number_is_refused(year: int, sequence: int, width: int) -> None:
    with pytest.raises(RuleError):
        format_number(prefix="", year=year, sequence=sequence, width=width)


def test_R18_a_series_has_a_real_year() -> None:
    with pytest.raises(RuleError):
        series_key(Series.INVOICE, year=0)
