"""One account by the rules: orders, bills and nights. Pure; the bank's answers are told by who plays it."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
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
)

LIVE = ("active", "past_due")
SOFT, HARD, ACTION = "soft", "hard", "action"
LATER = timedelta(hours=2)
"""A bank that takes its time answers so long after a whole number of days."""
ORDER_LASTS = timedelta(hours=24)
UNDER_WAY = "payment_under_way"


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
    intervals: int = 1
    """How many intervals after the anchor the present term ends."""
    term: int = 0
    """Which term of the subscription it is."""
    subscriptions: int = 0
    renewal: bool = False
    credit: int = 0
    goodwill: int = 0
    carried: list[Sale] = field(default_factory=list)
    method: int = 1
    bank: list[str] = field(default_factory=lambda: ["ok"])
    """What the bank says to the next charges; the last one repeats."""
    refused_for_good: set[int] = field(default_factory=set)
    """The terms for which the method was declined hard: it is not tried for them again (R8b)."""
    bill: Bill | None = None
    term_goodwill: int = 0
    """The discount that the present configuration was sold with for the whole term."""
    sales: list[Sale] = field(default_factory=list)
    """What was paid since the subscription began, oldest first."""
    had_all_back: bool = False
    charged: list[int] = field(default_factory=list)
    returned: int = 0
    invoices: list[int] = field(default_factory=list)
    credited: int = 0
    first_declined: date | None = None
    """When the renewal of this term was first declined, kept while an order takes its place (R12d)."""

    @property
    def live(self) -> bool:
        """Active or past due."""
        return self.status in LIVE

    @property
    def owed(self) -> int:
        """What waits for the next charge (R7b)."""
        return sum(sale.carried_out for sale in self.carried)

    @property
    def under_way(self) -> bool:
        """Whether a payment has no answer yet (R12d)."""
        return self.bill is not None and self.bill.state == "processing"

    def shown(self) -> dict[str, object]:
        """All that is compared."""
        plan = None if self.status == "free" else self.plan
        return {
            "status": self.status,
            "package": plan.package if plan else "free",
            "agents": plan.agent_count if plan else FREE_AGENTS,
            "conversations": plan.conversations if plan else INCLUDED["free"],
            "term": (self.starts, self.ends) if plan else None,
            "renewal": self.renewal and plan is not None,
            "credit": self.credit,
            "goodwill": self.goodwill,
            "carried": self.owed,
            "charges": self.charged,
            "returned": self.returned,
            "invoices": sorted(self.invoices),
            "credit notes": self.credited,
        }

    # --- orders ---

    def order(self, wish: Wish, today: date) -> Bill:
        """What an order of today is billed, before anything is paid (R4). Raises RefusedError.

        What it takes the place of is given up first: a renewal that is due, an older order (R12d).
        """
        held = self.plan if self.live else None
        if self.under_way:
            raise RefusedError(UNDER_WAY)
        plan = self.shop.planned(wish, self.currency, held)
        within = held is not None and plan.interval == held.interval and today < self.ends
        if within and plan == held:
            raise RefusedError("nothing_changes")
        if self.bill is not None:
            self.first_declined = self.bill.first_declined if self.bill.buys_term and self.live else None
            self.release()
        return self._change_within(plan, today) if within else self._whole_term(plan, held, today)

    def _change_within(self, plan: Plan, today: date) -> Bill:
        """The new for the days left, less the old for the days left, less credit (R12c)."""
        unused = self._unused(today)
        sold = plan.for_days((self.ends - today).days, (self.ends - self.starts).days)
        pays, carried = self._with_carried(sold, unused)
        return Bill(
            "change",
            plan,
            today,
            self.ends,
            sold + sum(each.carried_out for each in carried),
            pays,
            buys_term=False,
            unused=unused,
            carried=carried,
            term=self.term,
        )

    def _unused(self, today: date) -> int:
        """What was paid and is not used: the day of the change belongs to the new (R12c)."""
        if self.plan is None or today >= self.ends:
            return 0
        left, whole = (self.ends - today).days, (self.ends - self.starts).days
        price = self.plan.for_days(left, whole)
        unused = price - min(price, rounded(Fraction(self.term_goodwill * left, whole)))
        # What support gave back in part is not given a second time (R14b), nor is more reversed than was invoiced
        # (R15b). The rules do not say so in one place; it follows from both.
        sold_by = self.sales[-1]
        return min(unused, sold_by.gross - sold_by.taken_back)

    def _whole_term(self, plan: Plan, held: Plan | None, today: date) -> Bill:
        """A purchase, a reactivation, monthly to yearly, or an order that replaces the renewal."""
        # past due, the next term starts where the paid one ended; to yearly within it, today (R12d, R13)
        starts = today if held is None else min(today, self.ends)
        unused = 0 if held is None else self._unused(today)
        anew = held is None or plan.interval != held.interval
        price = sum(plan.lines)
        given = min(self.goodwill, price)
        if held is None:
            carried = list(self.carried)
            pays = paying(price - given + self.owed, self.credit, MINIMUM[self.currency])
        else:
            pays, carried = self._with_carried(price - given, unused)
        return Bill(
            "purchase" if held is None else "change",
            plan,
            starts,
            months_after(starts, MONTHS[plan.interval]) if anew else self._next_end(),
            price - given + sum(each.carried_out for each in carried),
            pays,
            anchor=starts if anew else None,
            unused=unused,
            goodwill=given,
            carried=carried,
            turns_renewal_on=anew,
            term=None if self.status == "free" else self.term + 1,
            first_declined=self.first_declined if held is not None else None,
        )

    def _with_carried(self, sold: int, unused: int) -> tuple[Paying, list[Sale]]:
        """A carried sum joins the next charge; a change that credit covers is none, so there it waits (R7b, R12b)."""
        minimum = MINIMUM[self.currency]
        alone = paying(sold, self.credit + unused, minimum)
        if alone.credit_used == sold:
            return alone, []
        return paying(sold + self.owed, self.credit + unused, minimum), list(self.carried)

    def _next_end(self) -> date:
        assert self.plan is not None, "only a subscription has a next term"
        return months_after(self.anchor, MONTHS[self.plan.interval] * (self.intervals + 1))

    # --- bills ---

    def begin(self, bill: Bill, now: datetime) -> None:
        """Set aside what the bill takes, older credit, goodwill, carried sums, until it is paid or given up."""
        self.bill = bill
        bill.gives_up_at = None if bill.purpose == "renewal" else now + ORDER_LASTS
        self.credit -= bill.reserved
        self.goodwill -= bill.goodwill
        self.carried = [each for each in self.carried if each not in bill.carried]

    def release(self) -> None:
        """The bill came to nothing: what it had taken comes back."""
        bill = self.bill
        assert bill is not None, "there is a bill to give up"
        self.credit += bill.reserved
        self.goodwill += bill.goodwill
        self.carried = [*bill.carried, *self.carried]
        self.bill = None

    def succeed(self, today: date) -> None:
        """The bill is paid."""
        bill = self.bill
        assert bill is not None, "there is a bill to pay"
        self.bill = None
        if bill.purpose == "purchase":
            # a term starts on the day of the payment (R10)
            ends = months_after(today, MONTHS[bill.plan.interval])
            bill = replace(bill, starts=today, ends=ends, anchor=today)
            if self.status == "free":
                self.sales, self.term, self.refused_for_good = [], 0, set()
                self.subscriptions += 1
        if bill.unused:
            self.sales[-1].reversed += bill.unused
        self._keep_sale(bill, today)
        self.credit += bill.unused - min(bill.pays.credit_used, bill.unused)
        self.credited += bill.unused
        self.term_goodwill = bill.goodwill
        if bill.buys_term:
            self.starts, self.ends, self.term = bill.starts, bill.ends, self.term + 1
            self.intervals = 1 if bill.anchor else self.intervals + 1
            self.anchor = bill.anchor or self.anchor
            self.status, self.first_declined = "active", None
        self.plan = bill.plan
        self.renewal = self.renewal or bill.turns_renewal_on

    def _keep_sale(self, bill: Bill, today: date) -> None:
        if bill.pays.charge:
            self.charged.append(bill.pays.charge)
        sale = Sale(
            bill.purpose,
            bill.buys_term,
            bill.pays.charge,
            bill.pays.credit_used,
            bill.unused,
            bill.gross,
            bill.pays.carried_out,
            today,
            bill.carried,
        )
        self.sales.append(sale)
        if bill.pays.carried_out:
            # it is invoiced with the charge that collects it (R7b); what is collected twice is carried on as one
            self.carried.append(sale)
        elif bill.gross:
            self.invoices.append(bill.gross)

    def ask_bank(self, now: datetime) -> str:
        """Charge the bill once; returns what came of it."""
        bill = self.bill
        assert bill is not None, "there is a bill to charge"
        if bill.pays.charge == 0:
            self.succeed(now.date())
            return "paid"
        if bill.term is not None and bill.term in self.refused_for_good:
            return self._declined(HARD, now.date())
        bill.tried_with = self.method
        said = self.bank.pop(0) if len(self.bank) > 1 else self.bank[0]
        if said == "ok":
            self.succeed(now.date())
            return "paid"
        if said.startswith("later"):
            _, days, bill.answer = said.split()
            bill.state, bill.answer_at = "processing", now + timedelta(days=int(days)) + LATER
            return "pending"
        if said == HARD and bill.term is not None:
            self.refused_for_good.add(bill.term)
        return self._declined(said, now.date())

    def _declined(self, said: str, today: date) -> str:
        bill = self.bill
        assert bill is not None, "something was declined"
        bill.state, bill.answer = "declined", said
        if bill.purpose != "renewal":
            return "waiting" if said == ACTION else "declined"
        bill.first_declined = bill.first_declined or today
        bill.next_try = retry_after(bill.first_declined, today) if said == SOFT else None
        self.status = "past_due"
        return "declined"

    def hear(self, now: datetime) -> None:
        """Banks that took their time have answered; an order that nobody paid for a day is over (R4)."""
        bill = self.bill
        if bill is not None and bill.answer_at is not None and bill.answer_at <= now:
            bill.answer_at = None
            if bill.answer == "ok":
                self.succeed(now.date())
                return
            self._declined(bill.answer, now.date())
        if bill is not None and bill.state == "declined" and bill.gives_up_at is not None and bill.gives_up_at <= now:
            self.release()

    # --- nights ---

    def renew(self, due: date, now: datetime) -> None:
        """The renewal job of a business date, run on a day (R8, R8b)."""
        bill = self.bill
        if bill is None and self.live and self.renewal and self.ends <= due:
            self._bill_renewal(now)
            self.ask_bank(now)
        elif bill is not None and bill.purpose == "renewal" and bill.state == "declined" and self.renewal:
            is_due = bill.next_try is not None and bill.next_try <= now.date()
            if is_due or self.may_try_anew:
                self.ask_bank(now)

    @property
    def may_try_anew(self) -> bool:
        """Whether a declined renewal has a method that it was not tried with: that is tried at once (R8b)."""
        bill = self.bill
        return (
            bill is not None
            and bill.purpose == "renewal"
            and bill.state == "declined"
            and self.renewal
            and bill.tried_with != self.method
            and bill.term not in self.refused_for_good
        )

    def _bill_renewal(self, now: datetime) -> None:
        assert self.plan is not None, "only a plan is renewed"
        price = sum(self.plan.lines)
        given = min(self.goodwill, price)
        gross = price - given + self.owed
        bill = Bill(
            "renewal",
            self.plan,
            self.ends,
            self._next_end(),
            gross,
            paying(gross, self.credit, MINIMUM[self.currency]),
            goodwill=given,
            carried=list(self.carried),
            term=self.term + 1,
            # an order that took its place and was not paid buys no time
            first_declined=self.first_declined,
        )
        self.begin(bill, now)

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
            self.status, self.first_declined = "suspended", None
