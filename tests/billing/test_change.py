"""R7b, R12, R12c, R12d, R13, R15b: what must hold for every change, on every day and along every path."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from worker.billing.calendar import Interval, Term, term
from worker.billing.catalogue import Line, LineKind, Package
from worker.billing.change import ChangeQuote, Effect, Purse, Standing, price_change, price_term
from worker.billing.holdings import Holdings, Lot
from worker.billing.money import Currency
from worker.billing.reversal import Invoiced
from worker.billing.vat import Treatment, VatDecision
from worker.errors import RuleError

patient = settings(deadline=None, max_examples=150)
NO_VAT = VatDecision(Treatment.NOT_REGISTERED, Fraction(0), "O", (), ())
ANCHOR = date(2027, 1, 31)
MINIMUM = 200
FIRST = term(anchor_on=ANCHOR, anchor_number=1, interval=Interval.MONTH, number=1)
SECOND = term(anchor_on=ANCHOR, anchor_number=1, interval=Interval.MONTH, number=2)


def holdings(
    *agents: Lot,
    blocks: tuple[Lot, ...] = (),
    interval: Interval = Interval.MONTH,
    currency: Currency = Currency.PLN,
) -> Holdings:
    return Holdings(Package.STANDARD, interval, currency, agents, blocks, 50)


lots = st.lists(
    st.builds(Lot, st.integers(1, 20), st.integers(0, 300_000)), max_size=3, unique_by=lambda lot: lot.unit_price_minor
).map(tuple)
some_agents = lots.filter(bool)
percents = st.sampled_from([Fraction(0), Fraction(21), Fraction(51, 2)])
vats = percents.map(lambda percent: VatDecision(Treatment.NOT_REGISTERED, percent, "S", (), ()))
intervals = st.sampled_from(Interval)
anchors = st.dates(date(2023, 1, 1), date(2029, 12, 31))


@st.composite
def having(draw: st.DrawFn, interval: Interval | None = None) -> Holdings:
    of = interval or draw(intervals)
    return Holdings(Package.PRO, of, Currency.EUR, draw(some_agents), draw(lots), 50)


@st.composite
def standings(draw: st.DrawFn) -> tuple[Standing, date]:
    """A subscription and a day of its paid term."""
    held = draw(having())
    anchor_on, number = draw(anchors), draw(st.integers(1, 14))
    paid, following = (
        term(anchor_on=anchor_on, anchor_number=1, interval=held.interval, number=n) for n in (number, number + 1)
    )
    on = paid.starts_on + timedelta(days=draw(st.integers(0, paid.days - 1)))
    return Standing(held, paid, following, draw(vats)), on


def price(
    held: Holdings,
    new: Holdings,
    *,
    on: date = FIRST.starts_on,
    purse: Purse | None = None,
    vat: VatDecision = NO_VAT,
) -> ChangeQuote:
    standing = Standing(held, FIRST, SECOND, vat)
    return price_change(standing=standing, new=new, on=on, purse=purse or Purse(minimum_minor=MINIMUM), vat=vat)


@patient
@given(standings(), st.integers(0, 99_999), st.integers(0, 300), st.integers(0, 1500))
def test_R12c_a_change_to_the_same_costs_nothing_on_every_day(
    begin: tuple[Standing, date], credit: int, carried: int, minimum: int
) -> None:
    standing, on = begin
    purse = Purse(credit, carried, minimum)
    same = price_change(standing=standing, new=standing.holdings, on=on, purse=purse, vat=standing.vat)
    assert (same.to_charge_minor, same.credit_left_minor, same.carried_out_minor) == (0, credit, carried)
    assert same.effect is Effect.AT_ONCE
    assert (same.holdings, same.term, same.is_new_term) == (standing.holdings, standing.term, False)


@patient
@given(standings(), st.data(), st.integers(0, 99_999))
def test_R12c_there_and_back_on_one_day_nets_nothing(
    begin: tuple[Standing, date], data: st.DataObject, credit: int
) -> None:
    standing, on = begin
    other = data.draw(having(standing.holdings.interval))
    there = price_change(standing=standing, new=other, on=on, purse=Purse(credit, 0, MINIMUM), vat=standing.vat)
    standing_there = Standing(other, there.term, standing.following, standing.vat)
    purse = Purse(there.credit_left_minor, there.carried_out_minor, MINIMUM)
    back = price_change(standing=standing_there, new=standing.holdings, on=on, purse=purse, vat=standing.vat)
    event("there is charged" if there.to_charge_minor else "there is free")
    paid = there.to_charge_minor + back.to_charge_minor
    assert back.credit_left_minor - back.carried_out_minor == credit + paid


@patient
@given(standings(), st.data(), st.integers(0, 9_999_999), st.integers(0, 300), st.integers(0, 1500), vats)
def test_R12c_every_sum_is_accounted_for(
    begin: tuple[Standing, date], data: st.DataObject, credit: int, carried: int, minimum: int, vat: VatDecision
) -> None:
    standing, on = begin
    interval = data.draw(st.sampled_from([standing.holdings.interval, Interval.YEAR]))
    new = data.draw(having(interval))
    quote = price_change(standing=standing, new=new, on=on, purse=Purse(credit, carried, minimum), vat=vat)
    sale, unused = quote.sale, quote.unused
    assert sale.net_minor == sum(line.net_minor for line in sale.lines)
    assert unused.net_minor == sum(line.net_minor for line in unused.lines)
    assert unused.gross_minor == unused.net_minor + standing.vat.on_net(unused.net_minor)
    # What comes in is what goes out: credit, carried sums and the card on both sides of the sale.
    joined = carried if len(sale.lines) > len(new.lines) else 0
    sold = sale.gross_minor - joined
    assert credit + unused.gross_minor + quote.to_charge_minor + quote.carried_out_minor == (
        sold + quote.credit_left_minor + carried
    )
    assert quote.to_charge_minor == 0 or quote.to_charge_minor >= minimum
    assert quote.effect is (Effect.ON_PAYMENT if quote.to_charge_minor else Effect.AT_ONCE)
    # What the credit covers takes nothing else; what it does not cover is charged or waits.
    if credit + unused.gross_minor >= sold:
        event("covered")
        assert (quote.to_charge_minor, quote.carried_out_minor) == (0, carried)
    else:
        assert quote.to_charge_minor or quote.carried_out_minor


@patient
@given(standings(), st.data())
def test_R12b_lowering_takes_no_payment(begin: tuple[Standing, date], data: st.DataObject) -> None:
    standing, on = begin
    oldest = standing.holdings.agents[0]
    kept = Lot(data.draw(st.integers(1, oldest.quantity)), oldest.unit_price_minor)
    held = standing.holdings
    new = Holdings(held.package, held.interval, held.currency, (kept,), held.blocks, 50)
    quote = price_change(
        standing=standing, new=new, on=on, purse=Purse(carried_in_minor=150, minimum_minor=MINIMUM), vat=standing.vat
    )
    assert (quote.to_charge_minor, quote.carried_out_minor) == (0, 150)


@patient
@given(standings())
def test_R12c_a_longer_time_left_never_lowers_the_unused_share(begin: tuple[Standing, date]) -> None:
    standing, on = begin
    shares = [
        price_change(
            standing=standing, new=standing.holdings, on=day, purse=Purse(), vat=standing.vat
        ).unused.gross_minor
        for day in sorted({standing.term.starts_on, on, standing.term.ends_on - timedelta(days=1)})
    ]
    assert shares == sorted(shares, reverse=True)
    whole = price_term(holdings=standing.holdings, purse=Purse(), vat=standing.vat)
    assert shares[0] == whole.gross_minor


@st.composite
def paths(draw: st.DrawFn) -> tuple[Standing, list[tuple[date, Holdings]]]:
    """A monthly subscription and changes on days that ascend; a move to yearly may be among them."""
    first = draw(having(Interval.MONTH))
    anchor_on = draw(anchors)
    paid, following = (term(anchor_on=anchor_on, anchor_number=1, interval=Interval.MONTH, number=n) for n in (1, 2))
    days = sorted(draw(st.lists(st.integers(0, paid.days - 1), min_size=1, max_size=6)))
    yearly_from = draw(st.integers(0, 9))
    changes = [
        (
            paid.starts_on + timedelta(days=day),
            draw(having(Interval.YEAR if n >= yearly_from else Interval.MONTH)),
        )
        for n, day in enumerate(days)
    ]
    return Standing(first, paid, following, draw(vats)), changes


@patient
@given(paths(), st.integers(0, 99_999), st.sampled_from([0, 50, 1500]))
def test_R12c_R15b_no_path_of_changes_gives_back_more_than_was_paid(
    path: tuple[Standing, list[tuple[date, Holdings]]], credit: int, minimum: int
) -> None:
    standing, changes = path
    bought = price_term(holdings=standing.holdings, purse=Purse(credit, 0, minimum), vat=standing.vat)
    paid = bought.to_charge_minor
    left, waits = credit - bought.credit_used_minor, bought.carried_out_minor
    last_sale = bought.net_minor
    sold_lines = bought.lines
    for on, new in changes:
        quote = price_change(standing=standing, new=new, on=on, purse=Purse(left, waits, minimum), vat=standing.vat)
        # A credit note reverses the last sale line by line, and never exceeds it (R15b).
        assert quote.unused.net_minor <= last_sale
        for reversed_line, sold_line in zip(quote.unused.lines, sold_lines, strict=False):
            assert reversed_line.net_minor <= sold_line.net_minor
            assert (reversed_line.kind, reversed_line.quantity) == (sold_line.kind, sold_line.quantity)
        paid += quote.to_charge_minor
        left, waits = quote.credit_left_minor, quote.carried_out_minor
        last_sale, sold_lines = quote.sale.net_minor, quote.sale.lines
        assert left - waits <= credit + paid
        following = Term(
            quote.term.number + 1, quote.term.ends_on, quote.term.ends_on + timedelta(days=quote.term.days)
        )
        standing = Standing(new, quote.term, following, standing.vat)


def test_R15b_vat_of_the_unused_part_is_that_of_the_invoice_that_sold_it() -> None:
    sold_at = VatDecision(Treatment.NOT_REGISTERED, Fraction(21), "S", (), ())
    standing = Standing(holdings(Lot(2, 10_000)), FIRST, SECOND, sold_at)
    quote = price_change(
        standing=standing, new=holdings(Lot(1, 10_000)), on=date(2027, 2, 14), purse=Purse(0, 0, 50), vat=NO_VAT
    )
    # 14 of 28 days: 200.00 gives back 100.00 with 21.00 of VAT; 100.00 sells 50.00 without.
    assert (quote.unused.net_minor, quote.unused.vat_minor, quote.unused.gross_minor) == (10_000, 2_100, 12_100)
    assert (quote.sale.vat_minor, quote.sale.gross_minor, quote.credit_left_minor) == (0, 5_000, 7_100)


def test_R7_only_a_move_to_yearly_switches_renewal_on() -> None:
    held = holdings(Lot(3, 9900))
    assert price(held, holdings(Lot(3, 99_000), interval=Interval.YEAR)).switches_renewal_on
    assert not price(held, holdings(Lot(5, 9900))).switches_renewal_on
    assert not price(held, holdings(Lot(5, 9900)), on=FIRST.ends_on).switches_renewal_on


def test_R12c_the_day_the_term_ends_costs_the_same_before_and_after_the_nightly_run() -> None:
    held, new = holdings(Lot(3, 9900)), holdings(Lot(5, 9900))
    before = price(held, new, on=FIRST.ends_on)
    run = price_term(holdings=held, purse=Purse(minimum_minor=MINIMUM), vat=NO_VAT)
    third = term(anchor_on=ANCHOR, anchor_number=1, interval=Interval.MONTH, number=3)
    after = price_change(
        standing=Standing(held, SECOND, third, NO_VAT),
        new=new,
        on=SECOND.starts_on,
        purse=Purse(minimum_minor=MINIMUM),
        vat=NO_VAT,
    )
    assert before.term == after.term == SECOND
    assert before.to_charge_minor == run.to_charge_minor + after.to_charge_minor


@patient
@given(having(), st.integers(0, 99_999), st.integers(0, 300), st.integers(0, 99_999), vats)
def test_R15b_a_term_is_its_lots_less_goodwill(
    held: Holdings, credit: int, carried: int, goodwill: int, vat: VatDecision
) -> None:
    listed = sum(lot.quantity * lot.unit_price_minor for lot in (*held.agents, *held.blocks))
    priced = price_term(holdings=held, purse=Purse(credit, carried, MINIMUM, goodwill), vat=vat)
    assert priced.goodwill_minor == min(goodwill, listed)
    sold = [line for line in priced.lines if line.kind is not LineKind.CARRIED]
    assert sum(line.net_minor for line in sold) == listed - priced.goodwill_minor
    assert priced.credit_used_minor <= credit


@patient
@given(having(), st.integers(0, 30), st.integers(0, 99_999), vats)
def test_R15b_a_discount_has_an_unused_part_too(held: Holdings, day: int, goodwill: int, vat: VatDecision) -> None:
    """What a change gives back of a discounted term is never more than what that term cost."""
    listed = sum(line.net_minor for line in held.lines)
    given = min(goodwill, listed)
    standing = Standing(holdings=held, term=FIRST, following=SECOND, vat=vat, goodwill_minor=given)
    on = FIRST.starts_on + timedelta(days=min(day, FIRST.days - 1))
    priced = price_change(standing=standing, new=held, on=on, purse=Purse(minimum_minor=MINIMUM), vat=vat)
    paid = price_term(holdings=held, purse=Purse(goodwill_minor=given), vat=vat).gross_minor
    # each line is rounded once, so a term of several lots may differ by half a unit a line
    assert priced.unused.gross_minor <= paid + len(held.lines)


@patient
@given(standings(), st.integers(1, 99_999), st.integers(0, 100))
def test_R15b_a_change_reverses_no_more_than_is_left_of_the_invoice(
    stands: tuple[Standing, date], net: int, part: int
) -> None:
    """What support gave back in part is not given a second time (R14b)."""
    standing, on = stands
    purse = Purse(minimum_minor=MINIMUM)
    whole = price_change(standing=standing, new=standing.holdings, on=on, purse=purse, vat=NO_VAT).unused
    sold = Invoiced((Line(LineKind.AGENTS, 1, net, net),), net, standing.vat.on_net(net), standing.vat)
    back = sold.left_minor * part // 100
    if back:
        sold = replace(sold, earlier=(sold.take_back(back),))
    standing = replace(standing, sold=sold)
    unused = price_change(standing=standing, new=standing.holdings, on=on, purse=purse, vat=NO_VAT).unused
    if whole.gross_minor <= sold.left_minor:
        assert unused == whole
    else:
        assert unused.gross_minor == sold.left_minor
        assert sum(line.net_minor for line in unused.lines) == unused.net_minor


@pytest.mark.parametrize(
    ("new", "on", "reason"),
    [
        (holdings(Lot(1, 9900)), date(2027, 1, 30), "before the term"),
        (holdings(Lot(1, 9900)), date(2027, 3, 31), "a person decides"),  # the next term has ended too
        (holdings(Lot(1, 9900), currency=Currency.EUR), date(2027, 2, 1), "pays in PLN"),
    ],
)
def test_R3_R8d_what_is_no_change_of_this_term_is_refused(new: Holdings, on: date, reason: str) -> None:
    with pytest.raises(RuleError, match=reason):
        price(holdings(Lot(1, 9900)), new, on=on)


def test_R12d_the_last_day_of_the_next_term_still_buys_it() -> None:
    assert price(holdings(Lot(1, 9900)), holdings(Lot(1, 9900)), on=date(2027, 3, 30)).term == SECOND


def test_R13_yearly_to_monthly_has_no_price() -> None:
    with pytest.raises(RuleError, match="support"):
        price(holdings(Lot(1, 9900), interval=Interval.YEAR), holdings(Lot(1, 9900)))


@pytest.mark.parametrize("sums", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_R7b_negative_sums_are_refused(sums: tuple[int, int, int]) -> None:
    with pytest.raises(RuleError, match="negative"):
        Purse(*sums)


def test_R12c_in_days_that_were_given_away_a_change_costs_nothing_and_gives_nothing_back() -> None:
    given = Standing(holdings(Lot(1, 9900)), FIRST, Term(3, date(2027, 3, 10), date(2027, 4, 10)), NO_VAT)
    for on in (FIRST.ends_on, date(2027, 3, 9)):
        quote = price_change(standing=given, new=holdings(Lot(3, 9900)), on=on, purse=Purse(), vat=NO_VAT)
        assert (quote.sale.gross_minor, quote.unused.gross_minor, quote.is_new_term) == (0, 0, False)


def test_terms_that_do_not_touch_are_refused() -> None:
    with pytest.raises(RuleError, match="starts on"):
        Standing(holdings(Lot(1, 9900)), FIRST, FIRST, NO_VAT)
