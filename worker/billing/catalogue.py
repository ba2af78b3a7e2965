"""What can be bought and at which price: packages, dated prices and allowances."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeVar

from worker.billing.calendar import Interval
from worker.billing.money import Currency
from worker.errors import PriceMissingError, RuleError


class Package(StrEnum):
    """The packages (R1); Free costs nothing and has no term."""

    FREE = "free"
    STANDARD = "standard"
    PRO = "pro"

    @property
    def is_paid(self) -> bool:
        """Whether the package has prices, terms, invoices and support."""
        return self is not Package.FREE


class LineKind(StrEnum):
    """What a line of a charge is for."""

    AGENTS = "agents"
    CONVERSATIONS = "conversations"
    CARRIED = "carried"
    GOODWILL = "goodwill"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a charge, net, in minor units; a part of a term makes `net_minor` less than the product."""

    kind: LineKind
    quantity: int
    unit_price_minor: int
    net_minor: int

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise RuleError(f"a line of {self.quantity} {self.kind} sells nothing")


@dataclass(frozen=True, slots=True)
class Price:
    """Unit prices from a day on, net, for one interval: one agent, and one block of extra conversations."""

    package: Package
    interval: Interval
    currency: Currency
    valid_from: date
    agent_price_minor: int
    conversation_price_minor: int

    def __post_init__(self) -> None:
        _demand_paid(self.package)
        _demand_prices(agent_minor=self.agent_price_minor, conversation_minor=self.conversation_price_minor)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Chatbot conversations a month: included in the package, the most in all, the size of a block (R2)."""

    package: Package
    valid_from: date
    included: int
    limit: int
    block: int

    def __post_init__(self) -> None:
        if not 0 <= self.included <= self.limit:
            raise RuleError(f"{self.package} includes {self.included} conversations of at most {self.limit}")
        if self.block < 1:
            raise RuleError(f"{self.package} sells conversations in blocks of {self.block}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The price list and the allowances, every row with the day from which it holds (R3b).

    Raises:
        RuleError: on building one in which two rows say the same thing for the same day.
    """

    prices: tuple[Price, ...]
    allowances: tuple[Allowance, ...]
    # Newest first, so that an import of many rows finds each price without walking the list.
    _prices: dict[tuple[Package, Interval, Currency], list[Price]] = field(init=False, repr=False, compare=False)
    _allowances: dict[Package, list[Allowance]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_sale: dict[tuple[Package, Interval, Currency], list[Price]] = defaultdict(list)
        by_package: dict[Package, list[Allowance]] = defaultdict(list)
        for price in self.prices:
            by_sale[price.package, price.interval, price.currency].append(price)
        for allowance in self.allowances:
            by_package[allowance.package].append(allowance)
        object.__setattr__(self, "_prices", {key: _newest_first(rows) for key, rows in by_sale.items()})
        object.__setattr__(self, "_allowances", {key: _newest_first(rows) for key, rows in by_package.items()})

    def price(self, package: Package, interval: Interval, currency: Currency, *, on: date) -> Price:
        """The unit prices that hold on a day.

        Raises:
            PriceMissingError: the list has no price for this combination on that day (R3b).
        """
        found = _latest(self._prices.get((package, interval, currency), ()), on=on)
        if found is None:
            raise PriceMissingError(f"the price list has no {package} by {interval} in {currency} on {on}")
        return found

    def allowance(self, package: Package, *, on: date) -> Allowance:
        """The conversations that a package includes and allows on a day.

        Raises:
            RuleError: the catalogue has no allowance for the package on that day.
        """
        found = _latest(self._allowances.get(package, ()), on=on)
        if found is None:
            raise RuleError(f"the catalogue has no conversations for {package} on {on}")
        return found

    def check_extra(self, package: Package, extra: int, *, on: date) -> None:
        """Refuse extra conversations a month that the package does not sell on that day (R2).

        Raises:
            RuleError: not a whole number of blocks, or above the limit, which the message names.
        """
        allowance = self.allowance(package, on=on)
        _demand_blocks(extra=extra, block=allowance.block)
        if allowance.included + extra > allowance.limit:
            raise RuleError(
                f"{extra} extra conversations exceed the limit of {package}: "
                f"{allowance.limit} a month in all, of which {allowance.included} are included"
            )


class _Dated(Protocol):
    @property
    def valid_from(self) -> date: ...


_Row = TypeVar("_Row", bound=_Dated)


def _newest_first(rows: Iterable[_Row]) -> list[_Row]:
    ordered = sorted(rows, key=lambda row: row.valid_from, reverse=True)
    if len({row.valid_from for row in ordered}) != len(ordered):
        raise RuleError(f"two rows of the catalogue hold from the same day: {ordered}")
    return ordered


def _latest(rows: Iterable[_Row], *, on: date) -> _Row | None:
    return next((row for row in rows if row.valid_from <= on), None)


def _demand_paid(package: Package) -> None:
    if not package.is_paid:
        raise RuleError(f"{package} is not for sale")


def _demand_prices(*, agent_minor: int, conversation_minor: int) -> None:
    if agent_minor < 0 or conversation_minor < 0:
        raise RuleError(f"a price is negative: {agent_minor} an agent, {conversation_minor} a block")


def _demand_blocks(*, extra: int, block: int) -> None:
    if block < 1:
        raise RuleError(f"a block of {block} conversations cannot be sold")
    if extra < 0 or extra % block:
        raise RuleError(f"extra conversations are sold in blocks of {block}, so {extra} cannot be bought")
