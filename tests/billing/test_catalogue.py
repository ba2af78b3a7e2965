"""R1, R2, R3b, R12, R15: what may be sold, at which price, from which day on."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import settings

from worker.billing.calendar import Interval
from worker.billing.catalogue import (
    Allowance,
    Catalogue,
    Line,
    LineKind,
    Package,
    Price,
)
from worker.billing.money import Currency
from worker.errors import PriceMissingError, RuleError

patient = settings(deadline=None)

NEW_YEAR = date(2026, 1, 1)
JULY = date(2026, 7, 1)
OLD_PRICE = Price(Package.STANDARD, Interval.MONTH, Currency.PLN, NEW_YEAR, 9900, 2500)
NEW_PRICE = Price(Package.STANDARD, Interval.MONTH, Currency.PLN, JULY, 10900, 2900)
# The figures of R2; the size of a block is example data.
STANDARD_CHATS = Allowance(Package.STANDARD, NEW_YEAR, included=100, limit=500, block=50)
PRO_CHATS = Allowance(Package.PRO, NEW_YEAR, included=500, limit=10_000, block=100)
CATALOGUE = Catalogue(prices=(OLD_PRICE, NEW_PRICE), allowances=(STANDARD_CHATS, PRO_CHATS))


def test_R1_only_standard_and_pro_are_paid() -> None:
    assert [package for package in Package if package.is_paid] == [Package.STANDARD, Package.PRO]


@pytest.mark.parametrize(
    ("on", "price"),
    [
        (NEW_YEAR, OLD_PRICE),  # the first day counts
        (JULY - timedelta(days=1), OLD_PRICE),  # the last day of the old price
        (JULY, NEW_PRICE),  # the first day of the new one
        (date(2036, 1, 1), NEW_PRICE),  # a price holds until the next
    ],
)
def test_R3b_the_latest_price_that_has_begun_holds(on: date, price: Price) -> None:
    assert CATALOGUE.price(Package.STANDARD, Interval.MONTH, Currency.PLN, on=on) == price


def test_R3b_the_order_of_the_rows_does_not_matter() -> None:
    turned = Catalogue(prices=(NEW_PRICE, OLD_PRICE), allowances=())
    assert turned.price(Package.STANDARD, Interval.MONTH, Currency.PLN, on=JULY) == NEW_PRICE
    assert turned.price(Package.STANDARD, Interval.MONTH, Currency.PLN, on=NEW_YEAR) == OLD_PRICE


@pytest.mark.parametrize(
    ("package", "interval", "currency", "on"),
    [
        (Package.STANDARD, Interval.MONTH, Currency.PLN, date(2025, 12, 31)),  # before the first price
        (Package.PRO, Interval.MONTH, Currency.PLN, JULY),  # another package
        (Package.STANDARD, Interval.YEAR, Currency.PLN, JULY),  # another interval
        (Package.STANDARD, Interval.MONTH, Currency.EUR, JULY),  # another currency
        (Package.FREE, Interval.MONTH, Currency.PLN, JULY),  # Free has no price
    ],
)
def test_R3b_a_missing_price_is_refused_and_never_guessed(
    package: Package, interval: Interval, currency: Currency, on: date
) -> None:
    with pytest.raises(PriceMissingError, match=f"{package} by {interval} in {currency} on {on}"):
        CATALOGUE.price(package, interval, currency, on=on)


def test_R3b_two_rows_for_one_day_are_refused() -> None:
    with pytest.raises(RuleError, match="same day"):
        Catalogue(prices=(OLD_PRICE, replace(OLD_PRICE, agent_price_minor=1)), allowances=())
    with pytest.raises(RuleError, match="same day"):
        Catalogue(prices=(), allowances=(PRO_CHATS, replace(PRO_CHATS, limit=20_000)))


@pytest.mark.parametrize(
    ("package", "extra"),
    [
        (Package.STANDARD, 0),  # none is always allowed
        (Package.STANDARD, 50),
        (Package.STANDARD, 400),  # exactly 500 in all
        (Package.PRO, 9_500),  # exactly 10,000 in all
    ],
)
def test_R2_extra_conversations_up_to_the_limit(package: Package, extra: int) -> None:
    CATALOGUE.check_extra(package, extra, on=JULY)


@pytest.mark.parametrize(
    ("package", "extra", "message"),
    [
        (Package.STANDARD, 450, "limit of standard: 500 a month in all, of which 100"),  # one block too many
        (Package.PRO, 9_600, "limit of pro: 10000 a month in all, of which 500"),
        (Package.STANDARD, 9_500, "limit of standard: 500"),  # a switch down from Pro
        (Package.STANDARD, 75, "blocks of 50"),  # a part of a block
        (Package.PRO, 50, "blocks of 100"),  # the block of the other package
        (Package.STANDARD, -50, "blocks of 50"),  # fewer than none
        (Package.FREE, 0, "no conversations for free"),  # not in the catalogue
    ],
)
def test_R2_extra_conversations_are_refused_with_the_limit(package: Package, extra: int, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        CATALOGUE.check_extra(package, extra, on=JULY)


def test_R2_an_allowance_holds_from_its_day() -> None:
    more = replace(STANDARD_CHATS, valid_from=JULY, limit=600)
    catalogue = Catalogue(prices=(), allowances=(STANDARD_CHATS, more))
    catalogue.check_extra(Package.STANDARD, 500, on=JULY)
    with pytest.raises(RuleError, match="500 a month in all"):
        catalogue.check_extra(Package.STANDARD, 500, on=JULY - timedelta(days=1))
    with pytest.raises(RuleError, match="no conversations"):
        catalogue.allowance(Package.STANDARD, on=date(2025, 12, 31))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"package": Package.FREE}, "not for sale"),
        ({"agent_price_minor": -1}, "negative"),
        ({"conversation_price_minor": -1}, "negative"),
    ],
)
def test_R3b_a_price_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        replace(OLD_PRICE, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"included": -1},
        {"limit": 99},  # below what is included
        {"block": 0},
    ],
)
def test_R2_an_allowance_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(RuleError):
        replace(STANDARD_CHATS, **changes)


def test_R15_a_line_sells_something() -> None:
    with pytest.raises(RuleError, match="sells nothing"):
        Line(LineKind.AGENTS, 0, 9900, 0)
