"""What an order would cost and bring: the pure rules over one account as it stands; nothing is written (R4, R12)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from worker.billing import calendar
from worker.billing.calendar import Interval, Term, term_start
from worker.billing.catalogue import Catalogue, LineKind
from worker.billing.change import Standing, Unused, price_change, price_term
from worker.billing.holdings import Holdings, Wish, bought, changed
from worker.billing.money import Currency
from worker.billing.quote import PricedCharge
from worker.billing.states import LIVE, Purpose
from worker.billing.vat import VatDecision
from worker.charging.price import decide_vat, frozen_lines, frozen_vat, purse_of, thawed_vat
from worker.errors import ActRefusedError, PriceMissingError, RuleError
from worker.runtime import Runtime
from worker.store.configurations import holdings_of

AMOUNT_MAX_MINOR = 99_999_999
"""The provider takes eight digits."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A priced order. Sums are minor units of `holdings.currency`.

    term: what it pays, or, for a change within a term, the days left of it. number: the subscription's term.
    unused: what it gives back of the old configuration (R15b); `old_vat` is how that was taxed.
    """

    purpose: Purpose
    holdings: Holdings
    term: Term
    buys_term: bool
    new_anchor: bool
    sale: PricedCharge
    unused: Unused
    vat: VatDecision
    old_vat: VatDecision | None
    carried_in_minor: int
    credit_left_minor: int
    switches_renewal_on: bool
    renewal_on: bool
    days_whole: int

    @property
    def applied_minor(self) -> int:
        """What of the unused part pays this very order; it is used before older credit."""
        return min(self.sale.credit_used_minor, self.unused.gross_minor)

    def shown(self) -> dict[str, Any]:
        """What the buyer sees before paying (R4)."""
        of = self.holdings
        return {
            "purpose": self.purpose.value,
            "package": of.package.value,
            "interval": of.interval.value,
            "agents": of.agent_count,
            "extra_conversations": of.extra_conversations,
            "currency": of.currency.value,
            "period": {"starts_on": self.term.starts_on.isoformat(), "ends_on": self.term.ends_on.isoformat()},
            "lines": frozen_lines(self.sale.lines),
            "net_minor": self.sale.net_minor,
            "vat": {
                "rate": str(self.vat.rate),
                "treatment": self.vat.treatment.value,
                "gross_prices": self.vat.gross_prices,
            },
            "vat_minor": self.sale.vat_minor,
            "gross_minor": self.sale.gross_minor,
            "unused": {"lines": frozen_lines(self.unused.lines), "gross_minor": self.unused.gross_minor},
            "credit_used_minor": self.sale.credit_used_minor,
            "credit_left_minor": self.credit_left_minor,
            "carried_to_next_minor": self.sale.carried_out_minor,
            "to_pay_minor": self.sale.to_charge_minor,
            "takes_effect": "on_payment" if self.sale.to_charge_minor else "at_once",
            "renewal_on": self.renewal_on,
        }

    def fingerprint(self) -> str:
        """SHA-256 over all that was shown, and over what it was made from: equal while it still holds."""
        old = None if self.old_vat is None else frozen_vat(self.old_vat)
        said = [self.shown(), self.term.number, self.buys_term, self.unused.vat_minor, frozen_vat(self.vat), old]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def make_offer(runtime: Runtime, row: Row[Any], wish: Wish, *, catalogue: Catalogue, today: date) -> Offer:
    """Price what is wished for by an account as `store.orders.basis` reads it.

    Raises:
        ActRefusedError: it cannot be had; the sentence says why and what to do.
    """
    _demand_orderable(runtime, row, wish)
    try:
        if row.status is not None and row.status in LIVE:
            offer = _change(runtime, row, wish, catalogue=catalogue, today=today)
        else:
            offer = _purchase(runtime, row, wish, catalogue=catalogue, today=today)
    except PriceMissingError as error:
        raise ActRefusedError("no_price", f"{error}: choose another package, interval or currency") from error
    except RuleError as error:
        # a rule that knows a way out names it
        way_out = "" if "please" in str(error) else ": please change the order"
        raise ActRefusedError("cannot_be_had", f"{error}{way_out}") from error
    if max(offer.sale.gross_minor, offer.unused.gross_minor) > AMOUNT_MAX_MINOR:
        raise ActRefusedError(
            "sum_too_large", "the sum is more than can be charged at once: order fewer, or contact support"
        )
    return offer


def _demand_orderable(runtime: Runtime, row: Row[Any], wish: Wish) -> None:
    if row.disputed:
        raise ActRefusedError("disputed", "a payment of this account is disputed at the bank: please contact support")
    named = {"name": row.company, "street": row.street, "city": row.city}
    named |= {"postcode": row.postcode, "country": row.country, "e-mail": row.email}
    missing = [name for name, value in named.items() if not value]
    if missing:
        raise ActRefusedError(
            "details_missing", f"an invoice needs billing details: please give {', '.join(missing)} first"
        )
    most = runtime.policy.agents_max
    if wish.agents is not None and wish.agents > most:
        raise ActRefusedError("too_many_agents", f"at most {most} agents can be ordered here: please contact support")


def _purchase(runtime: Runtime, row: Row[Any], wish: Wish, *, catalogue: Catalogue, today: date) -> Offer:
    currency = Currency(row.pay_in)
    holdings = bought(wish, currency=currency, catalogue=catalogue, on=today)
    vat = decide_vat(runtime, row, currency=currency, tax_on=today)
    purse = purse_of(runtime, row, currency)
    sale = price_term(holdings=holdings, purse=purse, vat=vat)
    number = 1 if row.subscription_id is None else row.term_number + 1
    term = Term(number, today, term_start(today, holdings.interval, 1))
    return Offer(
        purpose=Purpose.PURCHASE,
        holdings=holdings,
        term=term,
        buys_term=True,
        new_anchor=True,
        sale=sale,
        unused=Unused((), 0, 0, 0),
        vat=vat,
        old_vat=None,
        carried_in_minor=row.carried_in_minor,
        credit_left_minor=purse.credit_minor - sale.credit_used_minor,
        switches_renewal_on=True,
        renewal_on=True,
        days_whole=term.days,
    )


def _change(runtime: Runtime, row: Row[Any], wish: Wish, *, catalogue: Catalogue, today: date) -> Offer:
    if row.pay_in != row.bought_in:
        raise RuleError(f"a live account pays in {row.bought_in}, not in {row.pay_in}: please order in {row.bought_in}")
    standing = standing_of(runtime, row, today=today)
    if row.scheduled and today >= standing.following.starts_on:
        raise ActRefusedError(
            "scheduled_first", "a scheduled change comes with the renewal that is due: try again after it"
        )
    new = changed(standing.holdings, wish, catalogue=catalogue, on=today)
    vat = decide_vat(runtime, row, currency=standing.holdings.currency, tax_on=today)
    purse = purse_of(runtime, row, standing.holdings.currency)
    priced = price_change(standing=standing, new=new, on=today, purse=purse, vat=vat)
    within = not priced.is_new_term
    if within and new == standing.holdings:
        raise ActRefusedError("nothing_changes", "this is what the account has already: choose something else")
    term = priced.term
    if within:
        # what is left of the running term, given-away days included: that is what the order is for
        ends_on = standing.term.ends_on if today < standing.term.ends_on else standing.following.starts_on
        term = Term(row.term_number, today, ends_on)
    return Offer(
        purpose=Purpose.CHANGE,
        holdings=new,
        term=term,
        buys_term=not within,
        new_anchor=new.interval is not standing.holdings.interval,
        sale=priced.sale,
        unused=priced.unused,
        vat=vat,
        old_vat=standing.vat,
        # a change that credit covers leaves an older carried sum waiting
        carried_in_minor=row.carried_in_minor if _joins(priced.sale) else 0,
        credit_left_minor=priced.credit_left_minor,
        switches_renewal_on=priced.switches_renewal_on,
        renewal_on=priced.switches_renewal_on or row.auto_renew,
        days_whole=standing.term.days if within else term.days,
    )


def _joins(sale: PricedCharge) -> bool:
    return any(line.kind is LineKind.CARRIED for line in sale.lines)


def standing_of(runtime: Runtime, row: Row[Any], *, today: date) -> Standing:
    """What a change starts from: the holdings, the last paid term, the next one, and how the holdings were taxed.

    What was bought before an import has no decision of ours, so it is taxed as a sale of today would be.
    """
    following = calendar.term(
        anchor_on=row.anchor_on,
        anchor_number=row.anchor_number,
        interval=Interval(row.interval),
        number=row.term_number + 1,
    )
    holdings = holdings_of(row)
    if row.sold is None:
        vat = decide_vat(runtime, row, currency=holdings.currency, tax_on=today)
    else:
        vat = thawed_vat(row.sold["vat"])
    return Standing(
        holdings=holdings,
        term=Term(row.paid_number, row.starts_on, row.ends_on),
        following=following,
        vat=vat,
        goodwill_minor=row.sold_goodwill if row.sold_term else 0,
        left_minor=None if row.sold is None else (row.sold_net_left, row.sold_vat_left),
    )
