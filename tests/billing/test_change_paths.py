"""Along any path of purchase, changes, moves to yearly and renewals the documents add up to the money (R12c, R15b)."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing import calendar
from worker.billing.calendar import Interval, Term
from worker.billing.catalogue import Package
from worker.billing.change import Purse, Standing, price_change, price_term
from worker.billing.holdings import Holdings, Lot
from worker.billing.money import Currency
from worker.billing.quote import PricedCharge
from worker.billing.vat import Treatment, VatDecision

VATS = {percent: VatDecision(Treatment.NOT_REGISTERED, Fraction(percent), "S", (), ()) for percent in (0, 21)}


@dataclass
class Account:
    """A subscription and its money along a path; sums are minor units, gross."""

    vat: VatDecision
    minimum_minor: int
    anchor_on: date
    anchor_number: int = 1
    number: int = 1
    holdings: Holdings = field(init=False)
    credit_minor: int = 0
    carried_minor: int = 0
    paid_minor: int = 0
    invoiced_minor: int = 0
    reversed_minor: int = 0

    def term(self, number: int) -> Term:
        """Any term as the present anchor has it."""
        return calendar.term(
            anchor_on=self.anchor_on,
            anchor_number=self.anchor_number,
            interval=self.holdings.interval,
            number=number,
        )

    @property
    def purse(self) -> Purse:
        """What it brings to a charge."""
        return Purse(self.credit_minor, self.carried_minor, self.minimum_minor)

    def keep(self, sale: PricedCharge) -> None:
        """Pay a charge; what is carried is neither paid nor invoiced yet."""
        self.paid_minor += sale.to_charge_minor
        self.invoiced_minor += 0 if sale.carried_out_minor else sale.gross_minor

    def buy_term(self) -> None:
        """Pay a whole term: the first one, or a renewal."""
        sale = price_term(holdings=self.holdings, purse=self.purse, vat=self.vat)
        self.credit_minor -= sale.credit_used_minor
        self.carried_minor = sale.carried_out_minor
        self.keep(sale)

    def change(self, new: Holdings, on: date) -> None:
        """Make a change on a day of the running term."""
        standing = Standing(self.holdings, self.term(self.number), self.term(self.number + 1), self.vat)
        quote = price_change(standing=standing, new=new, on=on, purse=self.purse, vat=self.vat)
        self.credit_minor, self.carried_minor = quote.credit_left_minor, quote.carried_out_minor
        self.reversed_minor += quote.unused.gross_minor
        self.keep(quote.sale)
        self.holdings = new
        if quote.is_new_term:
            self.anchor_on, self.anchor_number, self.number = quote.term.starts_on, quote.term.number, quote.term.number


wanted = st.tuples(
    st.integers(0, 45),
    st.booleans(),
    st.lists(st.builds(Lot, st.integers(1, 9), st.integers(0, 9_999)), min_size=1, max_size=2),
)


def having(agents: list[Lot], interval: Interval) -> Holdings:
    """Agents alone, at one or two prices."""
    lots = agents if len({lot.unit_price_minor for lot in agents}) == len(agents) else agents[:1]
    return Holdings(Package.STANDARD, interval, Currency.PLN, tuple(lots), (), 50)


@settings(deadline=None, max_examples=100)
@given(st.dates(date(2026, 1, 1), date(2028, 12, 31)), st.lists(wanted, min_size=1, max_size=9), st.data())
def test_R15b_invoices_less_reversals_are_what_was_paid_less_the_credit(
    start: date, path: list[tuple[int, bool, list[Lot]]], data: st.DataObject
) -> None:
    vat = VATS[data.draw(st.sampled_from(sorted(VATS)))]
    of = Account(vat, data.draw(st.sampled_from([0, 200, 1500])), start)
    of.holdings = having(path[0][2], Interval.MONTH)
    of.buy_term()
    on = start
    for days, to_year, agents in path[1:]:
        on += timedelta(days=days)
        while on >= of.term(of.number).ends_on:
            of.number += 1
            of.buy_term()
        yearly = to_year or of.holdings.interval is Interval.YEAR
        of.change(having(agents, Interval.YEAR if yearly else Interval.MONTH), on)
        assert of.invoiced_minor - of.reversed_minor == of.paid_minor - of.credit_minor
        assert min(of.credit_minor, of.carried_minor) >= 0
