"""The price list's file: prices and allowances with the day from which they hold; what stands is never changed.

Two kinds of row: `price` gives package, interval, currency, valid_from and both unit prices; `allowance` gives
package, valid_from, included, limit and block. The columns of the other kind stay empty.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine

from worker import boundary
from worker.billing.calendar import Interval
from worker.billing.catalogue import Allowance, Catalogue, Package, Price
from worker.billing.money import Currency
from worker.errors import RuleError
from worker.ops.importing import cells
from worker.ops.importing.columns import CATALOGUE_COLUMNS
from worker.ops.importing.lines import Line, open_table, read_lines
from worker.ops.importing.report import CatalogueReport, Refusal, RefusalLog
from worker.store import importing
from worker.store.catalogue import load_catalogue, save_allowances, save_prices

_MOST_CONVERSATIONS = 100_000_000

_Value = TypeVar("_Value")


class Kind(StrEnum):
    """What a row of the file gives."""

    PRICE = "price"
    ALLOWANCE = "allowance"


_OF_KIND = {
    Kind.PRICE: ("interval", "currency", "agent_price_minor", "conversation_price_minor"),
    Kind.ALLOWANCE: ("included", "limit", "block"),
}
_price = cells.whole(least=0, most=cells.MOST_MINOR)
_conversations = cells.whole(least=0, most=_MOST_CONVERSATIONS)


def load_catalogue_file(engine: Engine, path: Path, by: str) -> CatalogueReport:
    """Add a file's prices and allowances to the catalogue; any refusal leaves all unwritten (R3b).

    A row that stands there already is counted as unchanged; one with the same key and other values is refused:
    what was sold at a price keeps meaning what it meant. New prices come with a later `valid_from`.

    Args:
        engine: the store.
        path: a CSV file; its columns are CATALOGUE_COLUMNS.
        by: who loads it, for the audit log.

    Raises:
        RefusedError: the file cannot be opened.
    """
    log = RefusalLog()
    with open_table(path) as file, boundary.transaction(engine, "importing.catalogue") as connection:
        existing = load_catalogue(connection)
        given = _Given(existing, log)
        for line in read_lines(file, CATALOGUE_COLUMNS):
            given.add(line)
        prices = allowances = 0
        if not log.rows:
            prices = save_prices(connection, given.prices)
            allowances = save_allowances(connection, given.allowances)
        if prices or allowances:
            details: dict[str, object] = {"file": path.name, "prices": prices, "allowances": allowances}
            importing.note_import(connection, by=by, act="load catalogue", details=details)
        return CatalogueReport(
            file=path.name,
            rows=given.rows,
            prices_added=prices,
            allowances_added=allowances,
            unchanged=given.unchanged,
            refused=log.rows,
            refusals=log.listed(),
        )


class _Given:
    """What the file gives beyond what exists."""

    def __init__(self, existing: Catalogue, log: RefusalLog) -> None:
        self._log = log
        self._known: dict[tuple[object, ...], Price | Allowance] = {_key(row): row for row in _rows(existing)}
        self.rows = 0
        self.unchanged = 0
        self.prices: list[Price] = []
        self.allowances: list[Allowance] = []

    def add(self, line: Line) -> None:
        """Take one line, or note why not."""
        if line.ends_reading:
            self._log.add(line.refusals)
            return
        self.rows += 1
        if line.refusals:
            self._log.add(line.refusals)
            return
        read = _read(line)
        if isinstance(read, tuple):
            self._log.add(read)
            return
        key = _key(read)
        before = self._known.get(key)
        if before is None:
            self._known[key] = read
            if isinstance(read, Price):
                self.prices.append(read)
            else:
                self.allowances.append(read)
        elif before == read:
            self.unchanged += 1
        else:
            column = "agent_price_minor" if isinstance(read, Price) else "included"
            self._log.add((Refusal(line.number, column, _stands(before)),))


def _rows(catalogue: Catalogue) -> Iterable[Price | Allowance]:
    return (*catalogue.prices, *catalogue.allowances)


def _key(row: Price | Allowance) -> tuple[object, ...]:
    if isinstance(row, Price):
        return (Kind.PRICE, row.package, row.interval, row.currency, row.valid_from)
    return (Kind.ALLOWANCE, row.package, row.valid_from)


def _stands(row: Price | Allowance) -> str:
    if isinstance(row, Price):
        values = f"{row.agent_price_minor} an agent and {row.conversation_price_minor} a block"
    else:
        values = f"{row.included} included, {row.limit} at most, blocks of {row.block}"
    return f"from {row.valid_from} {values} stand already and never change; give new ones a later valid_from"


def _read(line: Line) -> Price | Allowance | tuple[Refusal, ...]:
    values = dict(zip(CATALOGUE_COLUMNS, line.cells, strict=True))
    wrong: list[Refusal] = []

    def take(column: str, read: Callable[[str], _Value]) -> _Value | None:
        try:
            return read(values[column])
        except RuleError as error:
            wrong.append(Refusal(line.number, column, str(error)))
            return None

    kind = take("kind", cells.choice(Kind))
    if kind is None:
        return tuple(wrong)
    foreign = _OF_KIND[Kind.ALLOWANCE if kind is Kind.PRICE else Kind.PRICE]
    wrong += [
        Refusal(line.number, column, f"has no place in a row of kind {kind}") for column in foreign if values[column]
    ]
    taken: dict[str, Any] = {
        "package": take("package", cells.choice(Package)),
        "valid_from": take("valid_from", cells.day),
    }
    if kind is Kind.PRICE:
        taken["interval"] = take("interval", cells.choice(Interval))
        taken["currency"] = take("currency", cells.choice(Currency))
    reader = _price if kind is Kind.PRICE else _conversations
    for column in _OF_KIND[kind]:
        if column not in taken:
            taken[column] = take(column, reader)
    if wrong:
        return tuple(wrong)
    try:
        return Price(**taken) if kind is Kind.PRICE else Allowance(**taken)
    except RuleError as error:
        return (Refusal(line.number, "package" if kind is Kind.PRICE else "limit", str(error)),)
