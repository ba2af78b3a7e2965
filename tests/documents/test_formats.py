"""How money, dates and cards are written."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.documents import formats
from worker.errors import DocumentError


@pytest.mark.parametrize(
    ("locale", "amount_minor", "text"),
    [
        ("en", 123450, "1,234.50 PLN"),
        ("pl", 123450, "1 234,50 PLN"),
        ("cs", 123450, "1 234,50 PLN"),
        ("de", 123450, "1.234,50 PLN"),
        ("sk", 123450, "1 234,50 PLN"),
        ("hu", 123450, "1 234,50 PLN"),
        ("pl-PL", 5, "0,05 PLN"),
        ("en_US", -123456, "-1,234.56 PLN"),
        ("xx", 0, "0.00 PLN"),
        ("en", 266, "2.66 PLN"),
        ("en", 9_223_372_036_854_775_807, "92,233,720,368,547,758.07 PLN"),
    ],
)
def test_money_is_written_exactly_with_its_iso_code(locale: str, amount_minor: int, text: str) -> None:
    assert formats.money(amount_minor, "PLN", locale=locale).replace("\u00a0", " ") == text


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1), st.sampled_from(["pl", "en", "cs", "de", "sk", "hu"]))
def test_no_minor_unit_is_lost_in_writing(amount_minor: int, locale: str) -> None:
    written = formats.number(amount_minor, locale=locale)
    assert int("".join(character for character in written if character in "-0123456789")) == amount_minor


def test_a_currency_outside_the_price_list_is_refused() -> None:
    with pytest.raises(DocumentError, match="JPY"):
        formats.money(100, "JPY", locale="en")


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "5 Mar 2026"),
        ("pl", "5 marca 2026"),
        ("cs", "5. března 2026"),
        ("de", "5. März 2026"),
        ("sk", "5. marca 2026"),
        ("hu", "2026. március 5."),
    ],
)
def test_a_date_has_its_month_in_words(locale: str, text: str) -> None:
    assert formats.day(date(2026, 3, 5), locale=locale).replace("\u00a0", " ") == text


def test_a_period_is_read_with_its_last_included_day() -> None:
    text = formats.period(starts_on=date(2026, 1, 31), ends_on=date(2026, 3, 1), locale="en")
    assert text.replace("\u00a0", " ") == "31 Jan 2026 – 28 Feb 2026"


def test_a_card_is_written_as_people_know_it() -> None:
    assert formats.card("visa", "4242").replace("\u00a0", " ") == "Visa •••• 4242"
    assert formats.card_month(month=4, year=2027) == "04/2027"


def test_packages_bear_their_names_from_the_shop() -> None:
    assert [formats.package(name) for name in ("pro", "standard", "Pro")] == ["Pro", "Standard", "Pro"]


def test_counts_are_grouped() -> None:
    assert formats.count(10000, locale="en") == "10,000"
