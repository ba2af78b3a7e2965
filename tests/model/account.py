"""One account by the rules: orders, nights, money back. Pure; the bank's answers are told by who plays it."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.model.reference import (
    FREE_AGENTS,
    INCLUDED,
    MINIMUM,
    MONTHS,
    Bill,
    Paying,
    Plan,
    RefusedError,
    Sale,
    Shop,
    Wish,
    last_try,
    months_after,
    paying,
    retry_after,
    rounded,
    with_term,
)

LIVE = ("active", "past_due")
HARD, SOFT, ACTION = "hard", "soft", "action"


@dataclass
class Account:
    """What a careful person would keep of a customer."""

    name: str
    currency: str
    shop: Shop
    status: str = "free"
    plan: Plan | None = None
    starts: date = date.min
    ends: date = date.min
    anchor: date = date.min
    terms_from_anchor: int = 1
    """How many intervals after the anchor the present term ends."""
    renewal: bool = False
    credit: int = 0
    goodwill: int = 0
    carried: int = 0
    method: int = 1
    bank: list[str] = field(default_factory=lambda: ["ok"])
    """What the bank says to the next charges; the last one repeats."""
    bill: Bill | None = None
    term_goodwill: int = 0
    """The discount that the present configuration was sold with for the whole term."""
    sales: list[Sale] = field(default_factory=list)
    """What was paid since the subscription began, oldest first."""
    first_ever: bool = True
    charged: list[int] = field(default_factory=list)
    returned: int = 0
    invoices: list[int] = field(default_factory=list)
    credited: int = 0
    declined_first: date | None = None
    """When the renewal of this term was first declined, kept while an order takes its place (R12d)."""

    @property
    def live(self) -> bool:
        """Active or past due."""
        return self.status in LIVE

    def bank_says(self) -> str:
        """The answer to the next charge."""
        return self.bank.pop(0) if len(self.bank) > 1 else self.bank[0]

    def shown(self) -> dict[str, object]:
        """All that is compared."""
        has = self.plan is not None and self.status != "free"
        return {
            "status": self.status,
            "package": self.plan.package if has and self.plan else "free",
            "agents": self.plan.agent_count if has and self.plan else FREE_AGENTS,
            "conversations": self.plan.conversations if has and self.plan else INCLUDED["free"],
            "term": (self.starts, self.ends) if has else None,
            "renewal": self.renewal and has,
            "credit": self.credit,
            "goodwill": self.goodwill,
            "charged": sum(self.charged),
            "charges": len(self.charged),
            "returned": self.returned,
            "invoices": sorted(self.invoices),
            "credit notes": self.credited,
        }

    # --- orders ---

    def order(self, wish: Wish, today: date) -> Bill:
        """What an order of today is billed, before anything is paid (R4). Raises RefusedError.

        The renewal that it takes the place of is given up first (R12d).
        """
        held = self.plan if self.live else None
        if self.bill is not None and self.bill.state == "processing":
            raise RefusedError("payment_under_way")
        plan = self.shop.planned(wish, self.currency, held)
        within = held is not None and plan.interval == held.interval and today < self.ends
        if within and plan == held:
            raise RefusedError("nothing_changes")
        self._give_up_renewal()
        return self._change_within(plan, today) if within else self._whole_term(plan, held, today)

    def _give_up_renewal(self) -> None:
        if self.bill is not None:
            self.declined_first = self.bill.first_declined
            self.release()

    def _change_within(self, plan: Plan, today: date) -> Bill:
        """The new for the days left, less the old for the days left, less credit (R12c)."""
        assert self.plan is not None, "only who has something changes it"
        left, whole = (self.ends - today).days, (self.ends - self.starts).days
        unused, sold = self._unused(today), plan.for_days(left, whole)
        pays, carried_in = self._with_carried(sold, unused)
        return Bill(
            "change",
            plan,
            today,
            self.ends,
            sold + carried_in,
            pays,
            buys_term=False,
            unused=unused,
            carried_in=carried_in,
        )

    def _unused(self, today: date) -> int:
        """What was paid and is not used: the day of the change belongs to the new (R12c)."""
        if self.plan is None or today >= self.ends:
            return 0
        left, whole = (self.ends - today).days, (self.ends - self.starts).days
        price = self.plan.for_days(left, whole)
        return price - min(price, rounded(Fraction(self.term_goodwill * left, whole)))

    def _whole_term(self, plan: Plan, held: Plan | None, today: date) -> Bill:
        """A purchase, a reactivation, monthly to yearly, or an order that replaces the renewal."""
        unused = 0
        if held is None:
            starts = today
        else:
            # past due, the next term starts where the paid one ended; to yearly within it, today (R12d, R13)
            starts, unused = min(today, self.ends), self._unused(today)
        anew = held is None or plan.interval != held.interval
        ends = months_after(starts, MONTHS[plan.interval]) if anew else self._next_end()
        price = sum(plan.lines)
        given = min(self.goodwill, price)
        sold = price - given
        pays, carried_in = (
            self._with_carried(sold, unused)
            if held is not None
            else (paying(sold + self.carried, self.credit, MINIMUM[self.currency]), self.carried)
        )
        return Bill(
            "purchase" if held is None else "change",
            plan,
            starts,
            ends,
            sold + carried_in,
            pays,
            anchor=starts if anew else None,
            unused=unused,
            goodwill=given,
            carried_in=carried_in,
            turns_renewal_on=anew,
        )

    def _with_carried(self, sold: int, unused: int) -> tuple[Paying, int]:
        """A carried sum joins the next charge; a change that credit covers is none, so there it waits (R7b, R12b)."""
        minimum = MINIMUM[self.currency]
        alone = paying(sold, self.credit + unused, minimum)
        if alone.credit_used == sold:
            return alone, 0
        return paying(sold + self.carried, self.credit + unused, minimum), self.carried

    def _next_end(self) -> date:
        assert self.plan is not None, "only a subscription has a next term"
        return months_after(self.anchor, MONTHS[self.plan.interval] * (self.terms_from_anchor + 1))

    # --- bills ---

    def begin(self, bill: Bill) -> None:
        """Set aside what the bill takes: older credit, goodwill, carried sums."""
        self.bill = bill
        self.credit -= bill.reserved
        self.goodwill -= bill.goodwill
        self.carried -= bill.carried_in

    def release(self) -> None:
        """The bill came to nothing: what it had taken comes back."""
        bill = self.bill
        assert bill is not None, "there is a bill to give up"
        self.credit += bill.reserved
        self.goodwill += bill.goodwill
        self.carried += bill.carried_in
        self.bill = None

    def succeed(self, today: date) -> None:
        """The bill is paid."""
        bill = self.bill
        assert bill is not None, "there is a bill to pay"
        self.bill = None
        if bill.purpose == "purchase" and bill.starts != today:
            bill = with_term(bill, today)
        if bill.purpose == "purchase" and self.status == "free":
            self.sales = []
        self._keep_sale(bill, today)
        self.credit += bill.unused - min(bill.pays.credit_used, bill.unused)
        self.credited += bill.unused
        if bill.buys_term:
            self.starts, self.ends = bill.starts, bill.ends
            self.term_goodwill = bill.goodwill
            self.terms_from_anchor = 1 if bill.anchor else self.terms_from_anchor + 1
            self.anchor = bill.anchor or self.anchor
            self.status, self.declined_first = "active", None
        else:
            self.term_goodwill = 0
        self.plan = bill.plan
        self.renewal = self.renewal or bill.turns_renewal_on

    def _keep_sale(self, bill: Bill, today: date) -> None:
        if bill.pays.charge:
            self.charged.append(bill.pays.charge)
        # a carried sum is invoiced with the charge that collects it (R7b)
        invoiced = 0 if bill.pays.carried_out else bill.gross
        if invoiced:
            self.invoices.append(invoiced)
        self.carried += bill.pays.carried_out
        self.sales.append(Sale(bill.purpose, bill.pays.charge, bill.pays.credit_used, bill.unused, invoiced, today))

    def ask_bank(self, today: date) -> str:
        """Charge the bill once; returns what came of it."""
        bill = self.bill
        assert bill is not None, "there is a bill to charge"
        if bill.pays.charge == 0:
            self.succeed(today)
            return "paid"
        said = self.bank_says()
        bill.tried_with = self.method
        if said == "ok":
            self.succeed(today)
            return "paid"
        bill.state = "declined"
        bill.answer = said
        if bill.purpose == "renewal":
            bill.first_declined = bill.first_declined or today
            bill.next_try = retry_after(bill.first_declined, today) if said == SOFT else None
            self.status = "past_due"
        return "declined"

    # --- nights ---

    def renew(self, due: date, today: date) -> None:
        """The renewal job of a business date, run on a day (R8, R8b)."""
        bill = self.bill
        if bill is None and self.live and self.renewal and self.ends <= due:
            self._bill_renewal()
            self.ask_bank(today)
        elif bill is not None and bill.purpose == "renewal" and bill.state == "declined" and self.renewal:
            is_due = bill.next_try is not None and bill.next_try <= today
            # a new method is tried at once (R8b)
            if is_due or bill.tried_with != self.method:
                self.ask_bank(today)

    def _bill_renewal(self) -> None:
        assert self.plan is not None, "only a plan is renewed"
        price = sum(self.plan.lines)
        given = min(self.goodwill, price)
        owed = price - given + self.carried
        bill = Bill(
            "renewal",
            self.plan,
            self.ends,
            self._next_end(),
            owed,
            paying(owed, self.credit, MINIMUM[self.currency]),
            goodwill=given,
            carried_in=self.carried,
            # an order that took its place and was not paid buys no time
            first_declined=self.declined_first,
        )
        self.begin(bill)

    def suspend(self, due: date, today: date) -> None:
        """The suspension job of a business date, run on a day (R9, R10)."""
        if not self.live or self.ends > due:
            return
        bill = self.bill
        if bill is None:
            if not self.renewal:
                self.status = "suspended"
            return
        if bill.state != "declined":
            return
        over = bill.next_try is None and bill.first_declined is not None and last_try(bill.first_declined) <= today
        if over or not self.renewal:
            self.release()
            self.status, self.declined_first = "suspended", None
