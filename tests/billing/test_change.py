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
