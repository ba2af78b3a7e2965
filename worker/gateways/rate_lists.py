"""The Czech National Bank's daily list of rates, read from either of its forms: JSON of its API, or text with pipes.

Every number stays decimal text. A list is taken whole or not at all: what is wrong anywhere in it makes all of it
doubtful. Kept are the currencies that are sold in; the bank lists some thirty.
"""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from worker.billing.exchange import ExchangeRate
from worker.billing.money import Currency
from worker.errors import RefusedError, RuleError

SOURCE = "CNB"
"""The bank, as documents name it."""
HOME = Currency.CZK
"""The currency in which it says what others cost."""
BYTES_MAX = 65_536
"""A real list has about five thousand."""

_KEPT = frozenset(Currency) - {HOME}
_DECIMALS_MAX = 9
_WHOLE_MAX = 1_000_000
_HEADERS = (("country", "currency", "amount", "code", "rate"), ("země", "měna", "množství", "kód", "kurz"))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class PublishedList:
    """What the bank published of one day: a rate for every currency that is sold in, in their order."""

    published_on: date
    rates: tuple[ExchangeRate, ...]


def read_list(content: bytes) -> PublishedList:
    """A list in either form.

    Raises:
        RefusedError: it is none, or something in it cannot be; the message says what and where.
    """
    if len(content) > BYTES_MAX:
        raise RefusedError(f"a list of rates has no more than {BYTES_MAX:,} bytes, and this is {len(content):,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError("a list of rates is UTF-8, and this is not") from None
    found = read_json(text) if text.lstrip().startswith("{") else _read_text(text)
    if found is None:
        raise RefusedError("the list is empty")
    return found


def read_json(text: str) -> PublishedList | None:
    """The form of the API; None when it holds no rate at all, as for days before the bank's first list.

    Raises:
        RefusedError: as `read_list`.
    """
    try:
        told = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RefusedError("this is no JSON") from None
    rows = told.get("rates") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        raise RefusedError("the JSON has no list called rates")
    if not rows:
        return None
    days, lines = set(), []
    for number, row in enumerate(rows, 1):
        where = f"rate {number}"
        if not isinstance(row, dict):
            raise RefusedError(f"{where} is no object")
        days.add(_iso_day(row.get("validFor"), where))
        lines.append((where, row.get("currencyCode"), row.get("amount"), row.get("rate")))
    if len(days) > 1:
        raise RefusedError(f"the rates are of several days: {', '.join(sorted(map(str, days)))}")
    return _published(days.pop(), lines)


def _read_text(text: str) -> PublishedList:
    rows = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(rows) < 3:  # noqa: PLR2004 - the day, the header, a rate
        raise RefusedError("this is neither JSON nor a day, a header and lines of rates")
    published_on = _text_day(rows[0][1])
    if tuple(part.strip().casefold() for part in rows[1][1].split("|")) not in _HEADERS:
        raise RefusedError(f"line {rows[1][0]} is not the header Country|Currency|Amount|Code|Rate")
    lines = []
    for number, row in rows[2:]:
        parts = [part.strip() for part in row.split("|")]
        if len(parts) != len(_HEADERS[0]):
            raise RefusedError(f"line {number} has {len(parts)} fields, not {len(_HEADERS[0])}")
        amount = int(parts[2]) if parts[2].isascii() and parts[2].isdecimal() and len(parts[2]) < 6 else None  # noqa: PLR2004 - no bank quotes by the million
        lines.append((f"line {number}", parts[3], amount, _decimal(parts[4].replace(",", "."))))
    return _published(published_on, lines)


def _published(published_on: date, lines: list[tuple[str, Any, Any, Any]]) -> PublishedList:
    """Every line is checked, also those that are not kept."""
    seen: dict[str, ExchangeRate] = {}
    for where, code, per, value in lines:
        if not isinstance(code, str) or not isinstance(per, int) or isinstance(per, bool):
            raise RefusedError(f"{where} lacks its currency or its amount")
        try:
            rate = ExchangeRate(SOURCE, published_on, code, per, _text(value, where))
        except RuleError as error:
            raise RefusedError(f"{where}: {error}") from None
        if code in seen or code == HOME:
            raise RefusedError(f"{where}: {code} {'stands there twice' if code in seen else 'is the home currency'}")
        seen[code] = rate
    missing = sorted(_KEPT - set(seen))
    if missing:
        raise RefusedError(f"the list of {published_on} has no rate of {', '.join(missing)}")
    return PublishedList(published_on, tuple(seen[code] for code in sorted(_KEPT)))


def _text(value: object, where: str) -> str:
    """Decimal text without needless zeros; 24.310 and 24.31 are one rate."""
    exact = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(exact, Decimal) or not exact.is_finite() or not 0 < exact < _WHOLE_MAX:
        raise RefusedError(f"{where} has no positive rate")
    exponent = exact.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_DECIMALS_MAX:
        raise RefusedError(f"{where} has more than {_DECIMALS_MAX} decimals")
    return format(exact.normalize(), "f")


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text.isascii() and text.replace(".", "", 1).isdecimal() else None
    except InvalidOperation:
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _iso_day(said: object, where: str) -> date:
    try:
        return date.fromisoformat(str(said))
    except ValueError:
        raise RefusedError(f"{where} has no day in validFor") from None


def _text_day(line: str) -> date:
    """`25 Nov 2026 #227` or `25.11.2026 #227`."""
    said = line.partition("#")[0].strip()
    parts = said.split() if " " in said else said.split(".")
    try:
        day, month, year = parts
        number = _MONTHS.index(month.casefold()) + 1 if month.isalpha() else int(month)
        return date(int(year), number, int(day))
    except ValueError:
        raise RefusedError(f"the first line is no day like 25 Nov 2026 #227: {line[:40]!r}") from None
