"""Money, dates and cards as people read them, in the language of the document."""

from datetime import date, timedelta
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_decimal

from worker.billing.money import Currency
from worker.documents.catalogues import babel_locale
from worker.errors import DocumentError

_NO_BREAK = "\u00a0"
_BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "paypal": "PayPal"}
_PACKAGES = {"free": "Free", "standard": "Standard", "pro": "Pro"}


def number(amount_minor: int, *, locale: str) -> str:
    """An amount without its currency, in minor units of a hundredth: 123450 is `1,234.50` in English.

    Exact: the value has two decimals before Babel sees it, so Babel's half-even rounding has nothing to do.
    """
    return format_decimal(Decimal(amount_minor).scaleb(-2), format="#,##0.00", locale=babel_locale(locale))


def money(amount_minor: int, currency: str, *, locale: str) -> str:
    """An amount with its ISO code, which is never mistaken for another currency's sign: `1 234,50 PLN`.

    Raises:
        DocumentError: the currency is none of those in which prices exist.
    """
    if currency not in set(Currency):
        raise DocumentError(f"{currency!r} is not a currency of the price list")
    return f"{number(amount_minor, locale=locale)}{_NO_BREAK}{currency}"


def count(quantity: int, *, locale: str) -> str:
    """A whole number with the language's grouping: 10000 is `10,000` in English."""
    return format_decimal(quantity, format="#,##0", locale=babel_locale(locale))


def day(on: date, *, locale: str) -> str:
    """A date with the month in words, so that nobody takes the month for the day; it stays on one line."""
    found = babel_locale(locale)
    text = format_date(on, format="d MMM yyyy" if found.language == "en" else "long", locale=found)
    return text.replace(" ", _NO_BREAK)


def last_day(ends_on: date) -> date:
    """The last included day of a stretch that is stored with its first excluded day."""
    return ends_on - timedelta(days=1)


def period(*, starts_on: date, ends_on: date, locale: str) -> str:
    """A stretch `[starts_on, ends_on)` as people read it: with its last included day."""
    return f"{day(starts_on, locale=locale)} – {day(last_day(ends_on), locale=locale)}"


def card(brand: str, last4: str) -> str:
    """A card by its brand and last four digits: `Visa •••• 4242`."""
    name = _BRANDS.get(brand, brand[:1].upper() + brand[1:])
    return f"{name} •••• {last4}".replace(" ", _NO_BREAK)


def card_month(*, month: int, year: int) -> str:
    """The month of a card's expiry as it is printed on the card: `04/2027`."""
    return f"{month:02d}/{year}"


def package(name: str) -> str:
    """A package by its name in the shop, whichever way it is stored."""
    return _PACKAGES.get(name, name)
