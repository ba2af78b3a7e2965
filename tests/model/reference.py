"""The rules once more, as small as they can be: whole numbers and dates, no store, no provider, nothing of ours.

Written from the product's rules alone, with an arithmetic of its own, so that a slip of the product is not repeated
here. One `Account` is what a careful person would keep in a notebook: what the customer has, until when, what was
paid, what is owed. Where the rules are silent the comment says what was decided.
"""

import calendar
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType

RETRY_DAYS = (1, 3, 5, 7)
REFUND_DAYS = 15
MINIMUM: Mapping[str, int] = MappingProxyType({"EUR": 50, "USD": 50, "PLN": 200, "CZK": 1500})
INCLUDED: Mapping[str, int] = MappingProxyType({"free": 50, "standard": 100, "pro": 500})
LIMIT: Mapping[str, int] = MappingProxyType({"standard": 500, "pro": 10_000})
BLOCK = 100
MONTHS: Mapping[str, int] = MappingProxyType({"month": 1, "year": 12})
FREE_AGENTS = 1

Lots = tuple[tuple[int, int], ...]
"""(quantity, unit price), oldest first."""


class RefusedError(Exception):
    """The desk says no; the code says why."""


def rounded(exact: Fraction) -> int:
    """Half-up to the minor unit (R12c); nothing here is negative."""
    return math.floor(exact + Fraction(1, 2))


def months_after(day: date, months: int) -> date:
    """The day so many months on, or that month's last where it is too short (anchor)."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order names; None stays as it is."""

    package: str | None = None
    interval: str | None = None
    agents: int | None = None
    extra: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration, each unit at the price it was bought at (R3b)."""

    package: str
    interval: str
    agents: Lots
    blocks: Lots

    @property
    def agent_count(self) -> int:
        """Seats."""
        return sum(quantity for quantity, _ in self.agents)

    @property
    def extra(self) -> int:
        """Conversations beside those included."""
        return BLOCK * sum(quantity for quantity, _ in self.blocks)

    @property
    def conversations(self) -> int:
        """The monthly allowance (R2)."""
        return INCLUDED[self.package] + self.extra

    @property
    def lines(self) -> list[int]:
        """What each line of a whole term costs: one for every price."""
        return [quantity * price for quantity, price in (*self.agents, *self.blocks)]

    def for_days(self, left: int, whole: int) -> int:
        """What so many days of the whole term cost, rounded once per line (R12c)."""
        return sum(rounded(Fraction(line * left, whole)) for line in self.lines)


@dataclass
class Shop:
    """What is sold: the price of an agent and of a block by package, interval and currency."""

    prices: dict[tuple[str, str, str], tuple[int, int]]

    def planned(self, wish: Wish, currency: str, held: Plan | None) -> Plan:
        """The configuration that an order asks for. Raises RefusedError."""
        package = wish.package or (held.package if held else None)
        interval = wish.interval or (held.interval if held else None)
        agents = wish.agents if wish.agents is not None else (held.agent_count if held else None)
        extra = wish.extra if wish.extra is not None else (held.extra if held else 0)
        if package is None or interval is None or agents is None:
            raise RefusedError("cannot_be_had")
        if held and (held.interval, interval) == ("year", "month"):
            raise RefusedError("cannot_be_had")  # R13: support only
        same = held is not None and (held.package, held.interval) == (package, interval)
        if INCLUDED[package] + extra > LIMIT[package] and not (same and held is not None and extra <= held.extra):
            raise RefusedError("cannot_be_had")
        agent_price, block_price = self.prices[package, interval, currency]
        old = held if same else None
        return Plan(
            package,
            interval,
            resized(old.agents if old else (), agents, agent_price),
            resized(old.blocks if old else (), extra // BLOCK, block_price),
        )


def resized(lots: Lots, quantity: int, price: int) -> Lots:
    """What is kept keeps its price, what is added costs today's (R3b).

    Which price leaves first is not in the rules: the newest.
    """
    units = [price_each for count, price_each in lots for _ in range(count)]
    units = units[:quantity] + [price] * (quantity - len(units))
    grouped: list[tuple[int, int]] = []
    for unit in units:
        if grouped and grouped[-1][1] == unit:
            grouped[-1] = (grouped[-1][0] + 1, unit)
        else:
            grouped.append((1, unit))
    return tuple(grouped)


@dataclass(frozen=True, slots=True)
class Paying:
    """How a sum is met: by credit, by the bank, or later (R7b)."""

    credit_used: int = 0
    charge: int = 0
    carried_out: int = 0


def paying(owed: int, credit: int, minimum: int) -> Paying:
    """Credit first, and of it only so much that the rest is nothing or at least the provider's minimum (R7b)."""
    if owed <= credit:
        return Paying(credit_used=owed)
    if owed < minimum:
        return Paying(carried_out=owed)
    if owed - credit < minimum:
        return Paying(credit_used=owed - minimum, charge=minimum)
    return Paying(credit_used=credit, charge=owed - credit)


@dataclass(eq=False)
class Sale:
    """A bill that was paid: what the provider took, what may still go back, what of it is invoiced."""

    purpose: str
    buys_term: bool
    charged: int
    credit_used: int
    gave: int
    gross: int
    carried_out: int
    paid_on: date
    collected: list["Sale"] = field(default_factory=list)
    """Those whose sums were carried here: they are invoiced with this one (R7b)."""
    returned: int = 0
    reversed: int = 0

    @property
    def refundable(self) -> int:
        """What the provider can still give back."""
        return self.charged - self.returned

    @property
    def taken_back(self) -> int:
        """What credit notes took back of its invoice."""
        return self.reversed + sum(each.taken_back for each in self.collected)

    @property
    def invoice_left(self) -> int:
        """What of its invoice was not taken back; a carried sum has no invoice of its own."""
        return 0 if self.carried_out else self.gross - self.taken_back


@dataclass
class Bill:
    """Something that is to be paid, with all that follows when it is.

    `unused` becomes credit when it is paid, and pays first; `reserved` is the older credit that is set aside meanwhile.
    """

    purpose: str
    plan: Plan
    starts: date
    ends: date
    gross: int
    pays: Paying
    buys_term: bool = True
    anchor: date | None = None
    unused: int = 0
    goodwill: int = 0
    carried: list[Sale] = field(default_factory=list)
    turns_renewal_on: bool = False
    term: int | None = None
    """Which term of the subscription it is for; None where it begins one."""
    state: str = "new"
    answer: str = ""
    answer_at: datetime | None = None
    gives_up_at: datetime | None = None
    first_declined: date | None = None
    next_try: date | None = None
    tried_with: int = 0

    @property
    def reserved(self) -> int:
        """Credit of before that it takes."""
        return self.pays.credit_used - min(self.pays.credit_used, self.unused)


def retry_after(first_declined: date, today: date) -> date | None:
    """The next day of the schedule, if there is one (R8b)."""
    days = [first_declined + timedelta(days=days) for days in RETRY_DAYS]
    later = [day for day in days if day > today]
    return later[0] if later else None


def last_try(first_declined: date) -> date:
    """The day on which the schedule runs out (R10)."""
    return first_declined + timedelta(days=RETRY_DAYS[-1])
