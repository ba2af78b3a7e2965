"""One cell's text as a value. Every reader raises RuleError whose text is the reason, without the column."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from worker.billing.countries import COUNTRIES
from worker.desk.vat_number import normalised
from worker.errors import ActRefusedError, RuleError

MOST_MINOR = 99_999_999
"""The provider takes eight digits in one payment."""
ACCEPTED_METHODS = "Visa and Mastercard cards, and PayPal"

_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOCAL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", re.IGNORECASE)
_LOCALE = re.compile(r"[a-z]{2}(_[A-Z]{2})?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PROVIDER_ID = re.compile(r"[a-z]+_[A-Za-z0-9_]+")
_LAST4 = re.compile(r"[0-9]{4}")
_EXPIRY = re.compile(r"(0[1-9]|1[0-2])/(?:20)?([0-9]{2})")
_AMEX = frozenset({"amex", "american express", "american_express", "americanexpress"})
_BRANDS = MappingProxyType(
    {"visa": "visa", "mastercard": "mastercard", "master card": "mastercard", "mc": "mastercard"}
)
_ANSWERS = MappingProxyType({"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False})
_SHOWN = 40

_Choice = TypeVar("_Choice", bound=StrEnum)


def shown(text: str) -> str:
    """A cell's text as it may stand in a reason: quoted and short."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def text(longest: int, *, required: bool = False) -> Callable[[str], str]:
    """A reader of plain text, kept as it is: what looks like a formula is text as well."""

    def read(cell: str) -> str:
        if required and not cell:
            raise RuleError("is missing")
        if len(cell) > longest:
            raise RuleError(f"has {len(cell)} characters, more than {longest}")
        return cell

    return read


def whole(*, least: int, most: int, empty: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers in plain digits; an empty cell is `empty`, or is refused."""

    def read(cell: str) -> int:
        if not cell and empty is not None:
            return empty
        if not cell:
            raise RuleError("is missing")
        if not (cell.isascii() and cell.removeprefix("-").isdigit()):
            raise RuleError(f"{shown(cell)} is not a whole number")
        if len(cell) > _SHOWN or not least <= int(cell) <= most:
            raise RuleError(f"{shown(cell)} does not lie within {least} and {most}")
        return int(cell)

    return read


def choice(kind: type[_Choice]) -> Callable[[str], _Choice]:
    """A reader of one of a closed set of words."""
    known: Mapping[str, _Choice] = {member.value: member for member in kind}

    def read(cell: str) -> _Choice:
        try:
            return known[cell]
        except KeyError:
            raise RuleError(_one_of(cell, list(known))) from None

    return read


@lru_cache(maxsize=4096)
def day(cell: str) -> date:
    """A calendar date, written 2026-10-31."""
    if not cell:
        raise RuleError("is missing")
    try:
        found = date.fromisoformat(cell) if _DATE.fullmatch(cell) else None
    except ValueError:
        found = None
    if found is None:
        raise RuleError(f"{shown(cell)} is not a date like 2026-10-31")
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise RuleError(f"{cell} does not lie within the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return found


def yes_or_no(cell: str) -> bool:
    """A yes or a no."""
    try:
        return _ANSWERS[cell.lower()]
    except KeyError:
        raise RuleError(_one_of(cell, list(_ANSWERS))) from None


def email(cell: str) -> str:
    """A bare address with a plain local part, which every mail server takes."""
    if not cell:
        raise RuleError("is missing")
    local, _, domain = cell.rpartition("@")
    try:
        plain_domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        plain_domain = ""
    if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(plain_domain)):
        raise RuleError(f"{shown(cell)} is not an e-mail address")
    return cell


def locale(cell: str) -> str:
    """A language, perhaps with a country: pl, en_GB."""
    return _shaped(_LOCALE, cell, "a locale like pl or en_GB")


def country(cell: str) -> str:
    """The two capital letters of a country, or nothing when it is not known."""
    if not cell:
        return ""
    if _shaped(_COUNTRY, cell, "a country of two capital letters like PL") not in COUNTRIES:
        raise RuleError(f"{shown(cell)} is no country")
    return cell


def vat_number(cell: str, *, country: str) -> str | None:
    """A VAT number of the country, by its shape and its checksum (R19b); None when there is none."""
    try:
        return normalised(cell, country=country)
    except ActRefusedError as error:
        raise RuleError(str(error)) from error


def provider_id(longest: int) -> Callable[[str], str | None]:
    """A reader of one of the provider's ids, None when there is none.

    The value is not repeated in the reason: if it is a card's number, nobody may see it (R5b).
    """

    def read(cell: str) -> str | None:
        if not cell:
            return None
        if len(cell) > longest or not _PROVIDER_ID.fullmatch(cell):
            raise RuleError("is not an id of the payment provider like cus_... or pm_...")
        return cell

    return read


def method_type(cell: str) -> str | None:
    """A card, PayPal, or None for no method (R5)."""
    if cell.lower() in _AMEX:
        raise RuleError(_no_amex())
    if cell not in {"", "card", "paypal"}:
        raise RuleError(f"{shown(cell)} is not accepted; {ACCEPTED_METHODS} are")
    return cell or None


def brand(cell: str) -> str:
    """The brand of a card (R5)."""
    if cell.lower() in _AMEX:
        raise RuleError(_no_amex())
    found = _BRANDS.get(cell.lower())
    if found is None:
        raise RuleError(f"{shown(cell)} is not accepted; {ACCEPTED_METHODS} are" if cell else "is missing")
    return found


def last4(cell: str) -> str:
    """The last four digits of a card; anything else is not repeated, it may be the whole number (R5b)."""
    if not _LAST4.fullmatch(cell):
        raise RuleError("must be the last four digits of the card, and nothing else")
    return cell


def expiry(cell: str) -> tuple[int, int]:
    """Year and month of a card's expiry, written 09/2028 or 09/28."""
    found = _EXPIRY.fullmatch(cell)
    if found is None:
        raise RuleError(f"{shown(cell)} is not a month like 09/2028" if cell else "is missing")
    return 2000 + int(found[2]), int(found[1])


def _no_amex() -> str:
    return f"American Express is not accepted; {ACCEPTED_METHODS} are"


def _shaped(pattern: re.Pattern[str], cell: str, like: str) -> str:
    if not pattern.fullmatch(cell):
        raise RuleError(f"{shown(cell)} is not {like}" if cell else "is missing")
    return cell


def _one_of(cell: str, known: Sequence[str]) -> str:
    return f"{shown(cell)} is none of {', '.join(known)}" if cell else "is missing"
