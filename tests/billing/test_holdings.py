"""R2, R3b, R11, R13: what is kept keeps its price, what is added costs today's, the newest goes first."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.calendar import Interval
from worker.billing.catalogue import Allowance, Catalogue, Package, Price
from worker.billing.holdings import Holdings, Lot, Wish, bought, changed, repriced
from worker.billing.money import Currency
from worker.errors import PriceMissingError, RuleError

BEFORE, RISE = date(2027, 1, 1), date(2027, 7, 1)
PRICES = (
    Price(Package.STANDARD, Interval.MONTH, Currency.PLN, BEFORE, 9900, 2500),
    Price(Package.STANDARD, Interval.MONTH, Currency.PLN, RISE, 11900, 3000),
    Price(Package.STANDARD, Interval.YEAR, Currency.PLN, BEFORE, 99000, 25000),
    Price(Package.PRO, Interval.MONTH, Currency.PLN, BEFORE, 19900, 2000),
)
STANDARD = Allowance(Package.STANDARD, BEFORE, included=100, limit=500, block=50)
PRO = Allowance(Package.PRO, BEFORE, included=500, limit=10_000, block=50)
CATALOGUE = Catalogue(PRICES, (STANDARD, PRO))


def have(*agents: Lot, blocks: tuple[Lot, ...] = (), package: Package = Package.STANDARD, block: int = 50) -> Holdings:
    return Holdings(package, Interval.MONTH, Currency.PLN, agents, blocks, block)


def order(held: Holdings, wish: Wish, *, on: date = RISE, catalogue: Catalogue = CATALOGUE) -> Holdings:
    return changed(held, wish, catalogue=catalogue, on=on)


def test_R3b_added_agents_are_a_lot_of_their_own_and_join_a_lot_of_their_price() -> None:
    first = order(have(Lot(3, 9900)), Wish(agents=5))
    assert first.agents == (Lot(3, 9900), Lot(2, 11900))
    assert order(first, Wish(agents=6)).agents == (Lot(3, 9900), Lot(3, 11900))


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (7, (Lot(3, 9900), Lot(2, 11900), Lot(2, 9900))),
        (6, (Lot(3, 9900), Lot(2, 11900), Lot(1, 9900))),
        (5, (Lot(3, 9900), Lot(2, 11900))),
        (4, (Lot(3, 9900), Lot(1, 11900))),
        (3, (Lot(3, 9900),)),
        (1, (Lot(1, 9900),)),
    ],
)
def test_R3b_the_newest_go_first(wanted: int, left: tuple[Lot, ...]) -> None:
    held = have(Lot(3, 9900), Lot(2, 11900), Lot(2, 9900))
    assert order(held, Wish(agents=wanted)).agents == left


def test_R3b_conversations_have_lots_like_agents() -> None:
    held = have(Lot(1, 9900), blocks=(Lot(2, 2500),))
    more = order(held, Wish(extra_conversations=200))
    assert more.blocks == (Lot(2, 2500), Lot(2, 3000))
    assert more.agents == held.agents
    assert order(more, Wish(extra_conversations=50)).blocks == (Lot(1, 2500),)
    assert order(more, Wish(extra_conversations=0)).blocks == ()


def test_R3b_a_switch_buys_everything_at_the_prices_of_the_day() -> None:
    held = have(Lot(3, 9900), Lot(2, 11900), blocks=(Lot(2, 2500),))
    pro = order(held, Wish(package=Package.PRO))
    assert (pro.agents, pro.blocks) == ((Lot(5, 19900),), (Lot(2, 2000),))
    yearly = order(held, Wish(interval=Interval.YEAR, extra_conversations=0))
    assert (yearly.interval, yearly.agents, yearly.blocks) == (Interval.YEAR, (Lot(5, 99000),), ())


def test_R3b_what_is_only_lowered_needs_no_price_list() -> None:
    nothing_on_sale = Catalogue((), (STANDARD,))
    assert order(have(Lot(3, 9900)), Wish(agents=2), catalogue=nothing_on_sale).agents == (Lot(2, 9900),)
    with pytest.raises(PriceMissingError, match="price list has no standard"):
        order(have(Lot(3, 9900)), Wish(agents=4), catalogue=nothing_on_sale)


def test_R2_a_switch_refuses_conversations_that_the_package_does_not_allow_unless_the_order_lowers_them() -> None:
    held = have(Lot(1, 19900), blocks=(Lot(9, 2000),), package=Package.PRO)
    with pytest.raises(RuleError, match="500 a month in all"):
        order(held, Wish(package=Package.STANDARD))
    assert order(held, Wish(package=Package.STANDARD, extra_conversations=400)).blocks == (Lot(8, 3000),)


def test_R2_a_limit_that_fell_refuses_only_more() -> None:
    fallen = Catalogue(PRICES, (Allowance(Package.STANDARD, BEFORE, included=100, limit=200, block=50),))
    held = have(Lot(1, 9900), blocks=(Lot(8, 2500),))
    assert order(held, Wish(agents=2), catalogue=fallen).blocks == (Lot(8, 2500),)
    assert order(held, Wish(extra_conversations=350), catalogue=fallen).blocks == (Lot(7, 2500),)
    with pytest.raises(RuleError, match="200 a month in all"):
        order(held, Wish(extra_conversations=450), catalogue=fallen)


def test_R2_blocks_of_two_sizes_do_not_mix() -> None:
    held = have(Lot(1, 9900), blocks=(Lot(2, 2500),), block=25)
    with pytest.raises(RuleError, match="blocks of 50 now"):
        order(held, Wish(extra_conversations=100))
    assert order(held, Wish(extra_conversations=25)).blocks == (Lot(1, 2500),)
    without = order(have(Lot(1, 9900), block=25), Wish(extra_conversations=100))
    assert (without.blocks, without.conversation_block) == ((Lot(2, 3000),), 50)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish(agents=0), "at least one agent, not 0"),
        (Wish(agents=-1), "at least one agent, not -1"),
        (Wish(package=Package.FREE), "contact support"),
        (Wish(extra_conversations=70), "blocks of 50"),
        (Wish(extra_conversations=30), "blocks of 50"),
        (Wish(extra_conversations=-50), "blocks of 50"),
        (Wish(extra_conversations=450), "500 a month in all"),
        (Wish(package=Package.PRO, agents=0), "0 at 19900"),
        (Wish(package=Package.PRO, interval=Interval.YEAR), "price list has no pro by year"),
    ],
)
def test_R2_R11_what_cannot_be_had_is_refused(wish: Wish, reason: str) -> None:
    with pytest.raises(RuleError, match=reason):
        order(have(Lot(3, 9900), blocks=(Lot(1, 2500),)), wish)


def test_R13_yearly_to_monthly_is_for_support() -> None:
    yearly = order(have(Lot(1, 9900)), Wish(interval=Interval.YEAR))
    with pytest.raises(RuleError, match="contact support"):
        order(yearly, Wish(interval=Interval.MONTH))


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish(Package.STANDARD, Interval.MONTH), "names its package"),
        (Wish(Package.FREE, Interval.MONTH, 1), "not for sale"),
        (Wish(Package.STANDARD, Interval.MONTH, 0), "0 at 9900"),
        (Wish(Package.STANDARD, Interval.MONTH, 1, 450), "500 a month in all"),
        (Wish(Package.PRO, Interval.YEAR, 1), "price list has no pro by year"),
    ],
)
def test_R2_R3b_a_purchase_that_cannot_be_had_is_refused(wish: Wish, reason: str) -> None:
    with pytest.raises(RuleError, match=reason):
        bought(wish, currency=Currency.PLN, catalogue=CATALOGUE, on=BEFORE)


@pytest.mark.parametrize(
    ("agents", "blocks", "package", "block"),
    [
        ((), (), Package.STANDARD, 50),  # no agent
        ((Lot(1, 9900), Lot(2, 9900)), (), Package.STANDARD, 50),  # two lots of one price
        ((Lot(1, 9900),), (Lot(1, 5), Lot(1, 5)), Package.STANDARD, 50),
        ((Lot(1, 9900),), (), Package.FREE, 50),
        ((Lot(1, 9900),), (), Package.STANDARD, 0),  # a block of nothing
    ],
)
def test_holdings_that_make_no_sense_are_refused(
    agents: tuple[Lot, ...], blocks: tuple[Lot, ...], package: Package, block: int
) -> None:
    with pytest.raises(RuleError):
        have(*agents, blocks=blocks, package=package, block=block)


@pytest.mark.parametrize(("quantity", "price"), [(0, 9900), (-1, 9900), (1, -1)])
def test_a_lot_that_makes_no_sense_is_refused(quantity: int, price: int) -> None:
    with pytest.raises(RuleError, match="cannot be had"):
        Lot(quantity, price)


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(0, 200), st.integers(0, 10**6), st.integers(0, 10**6))
def test_R12_lines_are_linear_in_what_is_had(agents: int, blocks: int, agent_minor: int, block_minor: int) -> None:
    held = have(Lot(agents, agent_minor), blocks=(Lot(blocks, block_minor),) if blocks else ())
    assert sum(line.net_minor for line in held.lines) == agents * agent_minor + blocks * block_minor


def test_R3b_repriced_holdings_keep_their_quantities_at_the_prices_of_the_day() -> None:
    held = have(Lot(3, 1), Lot(2, 2), blocks=(Lot(1, 3),))
    moved = repriced(held, catalogue=CATALOGUE, on=RISE)
    price = CATALOGUE.price(held.package, held.interval, held.currency, on=RISE)
    assert moved.agents == (Lot(5, price.agent_price_minor),)
    assert moved.blocks == (Lot(1, price.conversation_price_minor),)
    assert moved.extra_conversations == held.extra_conversations
