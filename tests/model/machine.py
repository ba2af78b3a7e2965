"""Customers' lives at random, played twice: through the product, and in a notebook by the rules; nothing may differ."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.account import Account
from tests.model.played import Played, next_day
from tests.model.reference import RefusedError, Shop, Wish
from tests.support.house import House

NAMES = ("anna", "bela", "cyril")
RATES = {"EUR": 1, "USD": 1, "PLN": 4, "CZK": 25}
AGENT = {"standard": 1900, "pro": 3900}
BLOCK_PRICE = 500
INTERVALS = {"month": 1, "year": 10}
BANK = {"soft": "insufficient_funds", "hard": "stolen_card", "ok": "ok"}

who = st.integers(0, 2)
agents = st.integers(1, 9)
extras = st.sampled_from([0, 100, 300])


@dataclass
class Tally:
    """What was played in all."""

    examples: int = 0
    steps: int = 0
    days: int = 0
    charges: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def price_list() -> Shop:
    """The price list that the tests' catalogue holds: data, not a rule (R3b)."""
    return Shop(
        {
            (package, interval, currency): (AGENT[package] * months * rate, BLOCK_PRICE * months * rate)
            for package in AGENT
            for interval, months in INTERVALS.items()
            for currency, rate in RATES.items()
        }
    )


class Machine(RuleBasedStateMachine):
    """Each rule is something that happens; after each, books and notebook are held against each other."""

    house: House
    tally: Tally

    def __init__(self) -> None:
        super().__init__()
        self.played = Played(self.house)
        self.shop = price_list()
        self.accounts: list[Account] = []
        self.story: list[str] = []
        self.tally.examples += 1

    # --- what happens ---

    @initialize(currency=st.sampled_from(list(RATES)), package=st.sampled_from(list(AGENT)), agents=agents)
    def begins(self, currency: str, package: str, agents: int) -> None:
        self._open(currency)
        self._order(self.accounts[0], Wish(package, "month", agents, 0))

    @precondition(lambda self: len(self.accounts) < len(NAMES))
    @rule(
        currency=st.sampled_from(list(RATES)),
        package=st.sampled_from(list(AGENT)),
        interval=st.sampled_from(list(INTERVALS)),
        agents=agents,
        extra=extras,
    )
    def another_buys(self, currency: str, package: str, interval: str, agents: int, extra: int) -> None:
        account = self._open(currency)
        self._order(account, Wish(package, interval, agents, extra))

    @rule(n=who, agents=agents)
    def changes_agents(self, n: int, agents: int) -> None:
        self._order(self._account(n), Wish(agents=agents))

    @rule(n=who, package=st.sampled_from(list(AGENT)), extra=st.one_of(st.none(), extras))
    def switches_package(self, n: int, package: str, extra: int | None) -> None:
        self._order(self._account(n), Wish(package=package, extra=extra))

    @rule(n=who, extra=extras)
    def changes_conversations(self, n: int, extra: int) -> None:
        self._order(self._account(n), Wish(extra=extra))

    @rule(n=who, agents=st.one_of(st.none(), agents))
    def goes_yearly(self, n: int, agents: int | None) -> None:
        self._order(self._account(n), Wish(interval="year", agents=agents))

    @rule(n=who, package=st.sampled_from(list(AGENT)), agents=agents)
    def buys_anew(self, n: int, package: str, agents: int) -> None:
        account = self._account(n)
        if not account.live:
            self._order(account, Wish(package, "month", agents, 0))

    @rule(n=who, on=st.booleans())
    def switches_renewal(self, n: int, on: bool) -> None:  # noqa: FBT001 - drawn by name
        account = self._account(n)
        expected = "done" if account.live else ("free" if account.status == "free" else "suspended")
        if account.live:
            account.renewal = on
        found = self.played.switches_renewal(account.name, on=on)
        self._tell(f"{account.name} switches renewal {'on' if on else 'off'}: {found}")
        self._same("answer", expected, found)
        self._compare()

    @rule(n=who, says=st.lists(st.sampled_from(["soft", "soft", "hard"]), min_size=1, max_size=4))
    def bank_will_say(self, n: int, says: list[str]) -> None:
        account = self._account(n)
        account.bank = [*says, "ok"]
        self.played.house.emulator.script(f"pm_{account.name}", *(BANK[each] for each in account.bank))
        self._tell(f"the bank of {account.name} will say {', '.join(account.bank)}")

    @rule(days=st.sampled_from([1, 1, 2, 3, 7, 14, 31]))
    def days_pass(self, days: int) -> None:
        for _ in range(days):
            self._night(next_day(self.played.today), [next_day(self.played.today)])
        self.played.to_acts()
        self._tell(f"{days} days pass")
        self._compare()

    @rule(missed=st.integers(1, 3))
    def nights_are_missed_and_caught_up(self, missed: int) -> None:
        days = [next_day(self.played.today)]
        for _ in range(missed):
            days.append(next_day(days[-1]))
        self._night(days[-1], days)
        self.played.to_acts()
        self._tell(f"{missed} nights are missed and caught up")
        self._compare()

    @rule()
    def todays_jobs_run_again(self) -> None:
        self._jobs([self.played.today])
        self.played.to_acts()
        self._tell("the jobs of today run again")
        self._compare()

    # --- how it is played twice ---

    def _account(self, n: int) -> Account:
        return self.accounts[n % len(self.accounts)]

    def _open(self, currency: str) -> Account:
        account = Account(NAMES[len(self.accounts)], currency, self.shop)
        self.accounts.append(account)
        self.played.opens(account.name, currency)
        self._tell(f"{account.name} opens an account in {currency}")
        return account

    def _order(self, account: Account, wish: Wish) -> None:
        today = self.played.today
        try:
            bill = account.order(wish, today)
            account.begin(bill)
            expected, charge = account.ask_bank(today), bill.pays.charge
            if expected == "declined":
                account.release()
        except RefusedError as refusal:
            expected, charge = str(refusal), 0
        found, asked = self.played.orders(account.name, wish)
        self._tell(f"{account.name} orders {_words(wish)}: {found}, {asked} to pay")
        self._same("answer", (expected, charge), (found, asked))
        self._compare()

    def _night(self, day: date, business_dates: list[date]) -> None:
        self.played.to_morning(day)
        self.tally.days += 1
        self._jobs(business_dates)

    def _jobs(self, business_dates: list[date]) -> None:
        for due in business_dates:
            for job in ("renew", "suspend", "remind", "issue_invoices"):
                self.played.runs(job, due)
            for account in self.accounts:
                account.renew(due, self.played.today)
                account.suspend(due, self.played.today)
        self.played.settle()

    # --- what is held against what ---

    def _tell(self, words: str) -> None:
        self.tally.steps += 1
        self.story.append(f"{self.played.minutes():%Y-%m-%d %H:%M}  {words}")

    def _compare(self) -> None:
        found = self.played.shown()
        differences = [
            f"{account.name}, {aspect}: by the rules {expected}, but it is {found[account.name][aspect]}"
            for account in self.accounts
            for aspect, expected in account.shown().items()
            if found[account.name][aspect] != expected
        ]
        self._fail_with(differences)

    def _same(self, what: str, expected: object, found: object) -> None:
        self._fail_with([f"{what}: by the rules {expected}, but it is {found}"] if expected != found else [])

    def _fail_with(self, differences: list[str]) -> None:
        if differences:
            raise AssertionError("\n".join(["", *self.story, *(f"    {each}" for each in differences)]))

    def teardown(self) -> None:
        """At the end of an example the product audits itself."""
        self.tally.charges += sum(len(account.charged) for account in self.accounts)
        self._fail_with(self.played.audit())


def _words(wish: Wish) -> str:
    said: list[tuple[object, Callable[[object], str]]] = [
        (wish.package, str),
        (wish.interval, "by the {}".format),
        (wish.agents, "{} agents".format),
        (wish.extra, "{} extra conversations".format),
    ]
    return ", ".join(form(value) for value, form in said if value is not None)
