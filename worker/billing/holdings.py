"""What a customer has, in lots: each agent and each block of conversations at the price it was bought at (R3b).

A customer who bought 3 agents at 99.00 and 2 more after a rise to 119.00 has the lots 3 x 99.00 and
2 x 119.00. A mean price would not divide evenly, so there is none: every lot is a line of its own, in every
charge. Lots stand oldest first; the newest go first when the quantity is lowered, so that taking back what
was just added restores exactly what was there before, at whatever price it was added.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from worker.billing.calendar import Interval
from worker.billing.catalogue import Catalogue, Line, LineKind, Package
from worker.billing.money import Currency
from worker.errors import RuleError


@dataclass(frozen=True, slots=True)
class Lot:
    """Agents, or blocks of conversations, bought at one unit price, net, in minor units of the holdings.

    Raises:
        RuleError: on building one that is empty or has a negative price.
    """

    quantity: int
    unit_price_minor: int

    def __post_init__(self) -> None:
        if self.quantity < 1 or self.unit_price_minor < 0:
            raise RuleError(f"a lot of {self.quantity} at {self.unit_price_minor} cannot be had")


@dataclass(frozen=True, slots=True)
class Holdings:
    """The configuration of a subscription, exact at mixed prices; `blocks` are of `conversation_block` each.

    Neighbours of one price are one lot: equal holdings have equal lots, and equal lines in a charge.

    Raises:
        RuleError: on building one with a package that is free, without an agent, with a block that is not
            positive, or with two neighbouring lots of one price.
    """

    package: Package
    interval: Interval
    currency: Currency
    agents: tuple[Lot, ...]
    blocks: tuple[Lot, ...]
    conversation_block: int

    def __post_init__(self) -> None:
        if not self.package.is_paid:
            raise RuleError(f"{self.package} is not for sale")
        if not self.agents:
            raise RuleError("a subscription needs at least one agent")
        if self.conversation_block < 1:
            raise RuleError(f"a block of {self.conversation_block} conversations cannot be had")
        if _merged(self.agents) != self.agents or _merged(self.blocks) != self.blocks:
            raise RuleError("neighbouring lots of one price are one lot")

    @property
    def agent_count(self) -> int:
        """How many agents there are in all."""
        return _count(self.agents)

    @property
    def extra_conversations(self) -> int:
        """How many conversations a month were bought on top of those that the package includes."""
        return _count(self.blocks) * self.conversation_block

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of one whole term, net: one for each lot, agents first, oldest first."""
        return (
            *(_line(LineKind.AGENTS, lot) for lot in self.agents),
            *(_line(LineKind.CONVERSATIONS, lot) for lot in self.blocks),
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order asks for; None leaves it as it is. `extra_conversations` are those a month."""

    package: Package | None = None
    interval: Interval | None = None
    agents: int | None = None
    extra_conversations: int | None = None


def bought(wish: Wish, *, currency: Currency, catalogue: Catalogue, on: date) -> Holdings:
    """Everything that is wished for, at the prices of a day: a purchase, or a package or interval new to it.

    Raises:
        PriceMissingError: the price list lacks the combination (R3b).
        RuleError: package, interval or agents are not named, there is no agent, or the conversations are no
            whole number of blocks or above the limit of the package (R2).
    """
    if wish.package is None or wish.interval is None or wish.agents is None:
        raise RuleError("a purchase names its package, its interval and its agents")
    if not wish.package.is_paid:
        raise RuleError(f"{wish.package} is not for sale")
    price = catalogue.price(wish.package, wish.interval, currency, on=on)
    extra = wish.extra_conversations or 0
    catalogue.check_extra(wish.package, extra, on=on)
    block = catalogue.allowance(wish.package, on=on).block
    return Holdings(
        package=wish.package,
        interval=wish.interval,
        currency=currency,
        agents=(Lot(wish.agents, price.agent_price_minor),),
        blocks=_new_lots(extra // block, price.conversation_price_minor),
        conversation_block=block,
    )


def changed(held: Holdings, wish: Wish, *, catalogue: Catalogue, on: date) -> Holdings:
    """What a customer has after a change: what is kept keeps its price, what is added costs today's (R3b).

    Nobody has a price for a package or an interval that he does not have: a switch buys all of it at the
    prices of the day. Conversations that the order does not name come along, if the new package allows
    them (R2). A limit that fell since is no reason to refuse what does not raise the conversations.

    Raises:
        PriceMissingError: something is added and the price list lacks it.
        RuleError: Free or yearly to monthly is asked for (R11, R13), the quantities cannot be had, or
            blocks of today's size would stand beside those of another.
    """
    package = wish.package or held.package
    interval = wish.interval or held.interval
    agents = held.agent_count if wish.agents is None else wish.agents
    extra = held.extra_conversations if wish.extra_conversations is None else wish.extra_conversations
    if not package.is_paid:
        raise RuleError("going back to Free is done by support: please contact support")
    if (held.interval, interval) == (Interval.YEAR, Interval.MONTH):
        raise RuleError("yearly to monthly is done by support: please contact support")
    if (package, interval) != (held.package, held.interval):
        everything = Wish(package, interval, agents, extra)
        return bought(everything, currency=held.currency, catalogue=catalogue, on=on)
    if agents < 1:
        raise RuleError(f"a subscription needs at least one agent, not {agents}")
    kept_agents = _lowered(held.agents, agents)
    block = _block(held, extra, catalogue=catalogue, on=on)
    kept_blocks = _lowered(held.blocks, extra // block)
    more_agents, more_blocks = agents - _count(kept_agents), extra // block - _count(kept_blocks)
    if more_agents or more_blocks:
        price = catalogue.price(package, interval, held.currency, on=on)
        kept_agents = _merged((*kept_agents, *_new_lots(more_agents, price.agent_price_minor)))
        kept_blocks = _merged((*kept_blocks, *_new_lots(more_blocks, price.conversation_price_minor)))
    return Holdings(package, interval, held.currency, kept_agents, kept_blocks, block)


def repriced(held: Holdings, *, catalogue: Catalogue, on: date, interval: Interval | None = None) -> Holdings:
    """The same quantities, all at the prices of a day: what support schedules for the next term (R3b, R13).

    A limit that fell since is no reason to refuse what stays as it is.

    Raises:
        PriceMissingError: the price list lacks the combination.
        RuleError: the conversations are no whole number of that day's blocks.
    """
    chosen = interval or held.interval
    price = catalogue.price(held.package, chosen, held.currency, on=on)
    block = catalogue.allowance(held.package, on=on).block
    if held.extra_conversations % block:
        raise RuleError(
            f"conversations are sold in blocks of {block} now, so {held.extra_conversations} cannot be kept"
        )
    return Holdings(
        package=held.package,
        interval=chosen,
        currency=held.currency,
        agents=(Lot(held.agent_count, price.agent_price_minor),),
        blocks=_new_lots(held.extra_conversations // block, price.conversation_price_minor),
        conversation_block=block,
    )


def _block(held: Holdings, extra: int, *, catalogue: Catalogue, on: date) -> int:
    """The size of the blocks after the change; checks the conversations wished for."""
    if extra > held.extra_conversations:
        catalogue.check_extra(held.package, extra, on=on)
        block = catalogue.allowance(held.package, on=on).block
        if held.blocks and block != held.conversation_block:
            raise RuleError(
                f"conversations are sold in blocks of {block} now, and this subscription has blocks of "
                f"{held.conversation_block}: support moves it to the new ones first"
            )
        return block
    if extra < 0 or extra % held.conversation_block:
        raise RuleError(f"this subscription has blocks of {held.conversation_block}, so {extra} cannot be kept")
    return held.conversation_block


def _lowered(lots: tuple[Lot, ...], quantity: int) -> tuple[Lot, ...]:
    """At most that many, the oldest of them."""
    kept: list[Lot] = []
    for lot in lots:
        take = min(lot.quantity, quantity - _count(kept))
        if take > 0:
            kept.append(Lot(take, lot.unit_price_minor))
    return tuple(kept)


def _merged(lots: Iterable[Lot]) -> tuple[Lot, ...]:
    merged: list[Lot] = []
    for lot in lots:
        if merged and merged[-1].unit_price_minor == lot.unit_price_minor:
            merged[-1] = Lot(merged[-1].quantity + lot.quantity, lot.unit_price_minor)
        else:
            merged.append(lot)
    return tuple(merged)


def _new_lots(quantity: int, unit_price_minor: int) -> tuple[Lot, ...]:
    return (Lot(quantity, unit_price_minor),) if quantity else ()


def _count(lots: Iterable[Lot]) -> int:
    return sum(lot.quantity for lot in lots)


def _line(kind: LineKind, lot: Lot) -> Line:
    return Line(kind, lot.quantity, lot.unit_price_minor, lot.quantity * lot.unit_price_minor)
