"""The sum of a change (R12 to R13): the new configuration, less the unused part of the old, less credit.

One formula serves every change (R12c). Two invoices' worth of lines come out of it (R15, R15b): what the
change sells, which is invoiced in full, and the unused part of what was sold before, whose gross sum becomes
credit like any other and pays first. Because the lots of the holdings are the lines, the unused lines are, one
for one, the lines that the term's last charge sold, counted for fewer days: a credit note never exceeds the
invoice that it reverses.

Three cases, by the day and the interval:

same interval, within the term     the new configuration for the days left of the same term
month to year, within the term     a whole yearly term from that day; the unused days are the discount (R13)
the term has ended                 the order replaces the renewal: the whole next term (R12d); nothing is unused
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from worker.billing.calendar import Interval, Term, term_start
from worker.billing.catalogue import Line, LineKind
from worker.billing.holdings import Holdings
from worker.billing.money import split
from worker.billing.quote import PricedCharge, price_lines, taxed
from worker.billing.reversal import Invoiced
from worker.billing.vat import VatDecision
from worker.errors import RuleError


class Effect(StrEnum):
    """When a change takes effect (R12c)."""

    AT_ONCE = "at_once"
    ON_PAYMENT = "on_payment"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the change starts from.

    term: the last term that was paid for, without days given away (a gift has no unused part).
    following: the term that a renewal at the present interval would buy.
    vat: the decision that was frozen with the charge that sold the holdings, for the credit note (R15b).
    goodwill_minor: the discount that this charge had for the whole term, as its prices are: it has an unused part too.
    sold: the invoice of that charge, of which no more is given back than is left; None when it is not ours.

    Raises:
        RuleError: on building one whose terms overlap or stand in the wrong order.
    """

    holdings: Holdings
    term: Term
    following: Term
    vat: VatDecision
    goodwill_minor: int = 0
    sold: Invoiced | None = None

    def __post_init__(self) -> None:
        if self.following.starts_on < self.term.ends_on:
            raise RuleError(f"the next term starts on {self.following.starts_on}, before {self.term.ends_on}")


@dataclass(frozen=True, slots=True)
class Purse:
    """What the account brings to a charge, in minor units; the provider's minimum stands beside it (R7b).

    Goodwill is as prices are, net or with VAT, and is used by what sells a whole term only.

    Raises:
        RuleError: on building one with a negative sum.
    """

    credit_minor: int = 0
    carried_in_minor: int = 0
    minimum_minor: int = 0
    goodwill_minor: int = 0

    def __post_init__(self) -> None:
        if min(self.credit_minor, self.carried_in_minor, self.minimum_minor, self.goodwill_minor) < 0:
            raise RuleError(f"a sum is negative: {self}")


@dataclass(frozen=True, slots=True)
class Unused:
    """The unused part of the old configuration, in minor units: what a credit note reverses (R15b).

    is_rest: it is all that was left of the invoice, and less than the days left are worth.
    """

    lines: tuple[Line, ...]
    net_minor: int
    vat_minor: int
    gross_minor: int
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class ChangeQuote:
    """A change with its price, in minor units of the holdings' currency.

    holdings, term: what stands once it has taken effect; `term` is `standing.term` or a new one.
    sale: what is sold and how it is paid; its credit includes the unused part.
    credit_left_minor: the account's credit afterwards, before anything is paid out (R12c).
    carried_out_minor: what waits for the next charge afterwards (R7b).
    switches_renewal_on: whether paying it switches automatic renewal on (R7); otherwise it stays.
    """

    holdings: Holdings
    term: Term
    is_new_term: bool
    sale: PricedCharge
    unused: Unused
    credit_left_minor: int
    carried_out_minor: int
    effect: Effect
    switches_renewal_on: bool

    def __post_init__(self) -> None:
        assert self.credit_left_minor >= 0, "credit is never overdrawn"
        assert (self.effect is Effect.ON_PAYMENT) == (self.sale.to_charge_minor > 0), "what costs, waits to be paid"

    @property
    def to_charge_minor(self) -> int:
        """What the provider is asked for, gross: nothing, or at least its minimum."""
        return self.sale.to_charge_minor


def price_change(*, standing: Standing, new: Holdings, on: date, purse: Purse, vat: VatDecision) -> ChangeQuote:
    """Price the change to `new`, made on a day; that day belongs to the new configuration (R12c).

    `vat` is today's decision, for what is sold. `new` comes from `holdings.changed`; a plan that support
    scheduled from yearly to monthly is priced by the term, not here (R13).

    Raises:
        RuleError: the day lies before the term, or so late that the next term would have ended too (R8d);
            the currency changes (R3), or the interval from yearly to monthly (R13).
    """
    old, paid = standing.holdings, standing.term
    if old.currency is not new.currency:
        raise RuleError(f"a live account pays in {old.currency}, not in {new.currency}")
    if (old.interval, new.interval) == (Interval.YEAR, Interval.MONTH):
        raise RuleError("yearly to monthly is done by support, for the end of the term")
    if on < paid.starts_on:
        raise RuleError(f"{on} lies before the term, which starts on {paid.starts_on}")
    target = _target(standing, new.interval, on=on)
    if target != paid and on >= target.ends_on:
        raise RuleError(f"on {on} also the next term has ended, on {target.ends_on}: a person decides")
    days_unused = max((paid.ends_on - on).days, 0)
    unused = _unused(standing, days_left=days_unused)
    days_sold = days_unused if target == paid else target.days
    sold = _part(new.lines, days_left=days_sold, days_whole=target.days)
    credit_minor = purse.credit_minor + unused.gross_minor
    goodwill_minor = 0 if target == paid else purse.goodwill_minor
    sale, carried_out_minor = _sell(
        sold, credit_minor=credit_minor, purse=purse, goodwill_minor=goodwill_minor, vat=vat
    )
    return ChangeQuote(
        holdings=new,
        term=target,
        is_new_term=target != paid,
        sale=sale,
        unused=unused,
        credit_left_minor=credit_minor - sale.credit_used_minor,
        carried_out_minor=carried_out_minor,
        effect=Effect.ON_PAYMENT if sale.to_charge_minor else Effect.AT_ONCE,
        switches_renewal_on=new.interval is not old.interval,
    )


def price_term(*, holdings: Holdings, purse: Purse, vat: VatDecision) -> PricedCharge:
    """Price one whole term of the holdings: a purchase or a renewal, with a line for each lot (R3b, R15b)."""
    return price_lines(
        holdings.lines,
        credit_minor=purse.credit_minor,
        carried_in_minor=purse.carried_in_minor,
        minimum_minor=purse.minimum_minor,
        goodwill_minor=purse.goodwill_minor,
        vat=vat,
    )


def _target(standing: Standing, interval: Interval, *, on: date) -> Term:
    """The term in which the new configuration stands; days given away after the paid ones belong to it, at no price."""
    paid = standing.term
    unpaid_from = standing.following.starts_on
    if interval is standing.holdings.interval:
        return paid if on < unpaid_from else standing.following
    # A new interval has a new anchor: that day, or, past due, the day from which nothing is paid (R8b).
    anchor_on = min(on, unpaid_from)
    return Term(standing.following.number, anchor_on, term_start(anchor_on, interval, 1))


def _part(lines: tuple[Line, ...], *, days_left: int, days_whole: int) -> tuple[Line, ...]:
    """The lines for the days left of a term, each rounded once (R12c)."""
    return tuple(
        Line(
            whole.kind,
            whole.quantity,
            whole.unit_price_minor,
            split(whole.net_minor, days_left=days_left, days_whole=days_whole).unused_minor,
        )
        for whole in lines
    )


def _unused(standing: Standing, *, days_left: int) -> Unused:
    if not days_left:
        return Unused(lines=(), net_minor=0, vat_minor=0, gross_minor=0)
    days_whole = standing.term.days
    lines = _part(standing.holdings.lines, days_left=days_left, days_whole=days_whole)
    given = split(standing.goodwill_minor, days_left=days_left, days_whole=days_whole).unused_minor
    # each line is rounded by itself, and a discount never exceeds what it is taken off
    given = min(given, sum(line.net_minor for line in lines))
    if given:
        lines = (*lines, Line(LineKind.GOODWILL, 1, -given, -given))
    lines, net_minor, vat_minor = taxed(lines, vat=standing.vat)
    return _at_most_left(Unused(lines, net_minor, vat_minor, net_minor + vat_minor), standing.sold)


def _at_most_left(unused: Unused, sold: Invoiced | None) -> Unused:
    """The unused part, or all that is left of its invoice: some of it may have gone back before, or been corrected."""
    if sold is None or unused.gross_minor <= sold.left_minor:
        return unused
    if sold.left_minor == 0:
        return Unused(lines=(), net_minor=0, vat_minor=0, gross_minor=0)
    left = sold.take_back(sold.left_minor)
    return Unused(left.lines, left.net_minor, left.vat_minor, left.gross_minor, is_rest=True)


def _sell(
    sold: tuple[Line, ...], *, credit_minor: int, purse: Purse, goodwill_minor: int, vat: VatDecision
) -> tuple[PricedCharge, int]:
    """The sale, and what waits for the next charge after it.

    A carried sum joins a change that is charged. One that credit covers leaves it waiting: it is no charge,
    and lowering never takes an extra payment (R12b), not even an old debt.
    """
    alone = price_lines(
        sold,
        credit_minor=credit_minor,
        carried_in_minor=0,
        minimum_minor=purse.minimum_minor,
        goodwill_minor=goodwill_minor,
        vat=vat,
    )
    if alone.credit_used_minor == alone.gross_minor:
        return alone, purse.carried_in_minor
    joined = price_lines(
        sold,
        credit_minor=credit_minor,
        carried_in_minor=purse.carried_in_minor,
        minimum_minor=purse.minimum_minor,
        goodwill_minor=goodwill_minor,
        vat=vat,
    )
    return joined, joined.carried_out_minor
