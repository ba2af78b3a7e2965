"""Customers' lives at random, played twice: through the product, and in a notebook by the rules; nothing may differ."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model import money_back
from tests.model.account import ACTION, Account
from tests.model.drawn import (
    CURRENCIES,
    NAMES,
    PACKAGES,
    answers,
    changes,
    faults,
    in_words,
    price_list,
    purchases,
    script,
    who,
)
from tests.model.played import NIGHTLY, Act, Played
from tests.model.reference import RefusedError, Wish
from tests.support.builders import new_prices
from tests.support.house import House
from worker.desk.goodwill import grant_credit
from worker.desk.payment_methods import attach_method
from worker.desk.refund import refund
from worker.desk.renewal import renewal_off, renewal_on
from worker.desk.request import Caller, Done, Role
from worker.desk.to_free import to_free
from worker.runtime import Runtime

MONTH = 31


@dataclass
class Tally:
    """What was played in all."""

    examples: int = 0
    steps: int = 0
    nights: int = 0
    charges: int = 0
    refunds: int = 0
    deaths: int = 0
    faults: int = 0


class Machine(RuleBasedStateMachine):
    """Each rule is something that happens; after each, books and notebook are held against each other."""

    house: House
    tally: Tally

    def __init__(self) -> None:
        super().__init__()
        self.played = Played(self.house)
        self.shop = price_list()
        self.repriced: set[object] = set()
        self.accounts: list[Account] = []
        self.tally.examples += 1

    # --- customers and support ---

    @initialize(currency=st.sampled_from(CURRENCIES), wish=purchases)
    def begins(self, currency: str, wish: Wish) -> None:
        self._open(currency)
        self._order(self.accounts[0], wish)

    @precondition(lambda self: len(self.accounts) < len(NAMES))
    @rule(currency=st.sampled_from(CURRENCIES), wish=purchases)
    def another_buys(self, currency: str, wish: Wish) -> None:
        self._open(currency)
        self._order(self.accounts[-1], wish)

    @rule(n=who, wish=changes)
    def orders(self, n: int, wish: Wish) -> None:
        self._order(self._account(n), wish)

    @rule(n=who, wish=changes)
    def orders_again(self, n: int, wish: Wish) -> None:
        self._order(self._account(n), wish)

    @rule(n=who, on=st.booleans())
    def switches_renewal(self, n: int, on: bool) -> None:  # noqa: FBT001 - drawn by name
        account = self._account(n)

        def by_the_rules() -> str:
            if not account.live:
                raise RefusedError(account.status)
            if account.under_way and not on:
                raise RefusedError("payment_under_way")
            account.renewal = on
            return "done"

        switch = renewal_on if on else renewal_off
        self._act(account, f"switches renewal {'on' if on else 'off'}", by_the_rules, _plainly(switch))

    @rule(n=who)
    def replaces_the_method(self, n: int) -> None:
        account = self._account(n)

        def by_the_rules() -> str:
            account.method += 1
            account.bank, account.refused_for_good = ["ok"], set()
            if account.live and account.may_try_anew:
                account.ask_bank(self.played.now)
            return "done"

        name = f"pm_{account.name}_{account.method + 1}"
        card = {"type": "card", "brand": "mastercard", "last4": "4444", "exp_year": 2099, "exp_month": 12}
        customer = f"cus_{account.name}"
        self.house.emulator.seed([{"id": customer}], [{"id": name, "customer": customer, **card}])

        def attach(runtime: Runtime, caller: Caller, request: str) -> Done:
            return attach_method(runtime, caller, name, request_id=request)

        self._act(account, "replaces the payment method", by_the_rules, attach)

    @rule(n=who)
    def asks_for_a_refund(self, n: int) -> None:
        account = self._account(n)
        rules = partial(money_back.refund_in_full, account, self.played.now.date(), override=False)
        self._act(account, "asks for a refund", rules, _plainly(refund), "amount_minor")

    @rule(n=who)
    def support_refunds_all(self, n: int) -> None:
        account = self._account(n)
        rules = partial(money_back.refund_in_full, account, self.played.now.date(), override=True)
        self._support(account, "gets all back from support", rules, refund, "amount_minor", override=True)

    @rule(n=who, share=st.sampled_from([3, 1, 2, 7]), more=st.sampled_from([0, 0, 0, 1]))
    def support_refunds_a_part(self, n: int, share: int, more: int) -> None:
        account = self._account(n)
        asked = max(money_back.refundable(account) // share, 1) + more
        rules = partial(money_back.refund_in_part, account, asked)
        words = f"gets {asked} back from support"
        self._support(account, words, rules, refund, "amount_minor", override=True, amount_minor=asked)

    @rule(n=who, share=st.sampled_from([3, 1, 20]), less=st.sampled_from([0, 30]))
    def support_gives_goodwill(self, n: int, share: int, less: int) -> None:
        account = self._account(n)
        price = sum(account.plan.lines) if account.plan else 5700
        amount = max(price // share - less, 1)

        def by_the_rules() -> int:
            account.goodwill += amount
            return amount

        words = f"is given goodwill of {amount}"
        sums = {"amount_minor": amount, "currency": account.currency}
        self._support(account, words, by_the_rules, grant_credit, "granted_minor", **sums)

    @rule(n=who)
    def support_puts_back_to_free(self, n: int) -> None:
        account = self._account(n)
        self._support(account, "is put back to Free", partial(money_back.to_free, account), to_free, "")

    @rule(package=st.sampled_from(PACKAGES), price=st.sampled_from([1700, 2100, 4200]))
    def prices_change(self, package: str, price: int) -> None:
        today = self.played.now.date()
        if (package, today) in self.repriced:
            return
        self.repriced.add((package, today))
        new_prices(self.house.engine, valid_from=today, agent_price_minor=price, package=package)
        for key, (_, block) in self.shop.prices.items():
            if key[0] == package:
                self.shop.prices[key] = (price, block)
        self._tell(f"an agent of {package} costs {price} from now on")

    # --- banks, the provider, processes ---

    @rule(n=who, says=st.lists(answers, min_size=1, max_size=3))
    def bank_will_say(self, n: int, says: list[str]) -> None:
        self._bank(self._account(n), says)

    def _bank(self, account: Account, says: list[str]) -> None:
        account.bank = [*says, "ok"]
        name = f"pm_{account.name}" if account.method == 1 else f"pm_{account.name}_{account.method}"
        self.house.emulator.script(name, *(script(each) for each in account.bank))
        self._tell(f"the bank of {account.name} will say {', '.join(account.bank)}")

    @precondition(lambda self: any(each.bill and each.bill.answer == ACTION for each in self.accounts))
    @rule()
    def approves_at_the_bank(self) -> None:
        account = next(each for each in self.accounts if each.bill and each.bill.answer == ACTION)
        account.succeed(self.played.now.date())
        self.played.approves_at_bank(account.name)
        self._tell(f"{account.name} approves at the bank")
        self._compare()

    @rule(fault=faults)
    def provider_will_fail(self, fault: tuple[str, str]) -> None:
        kind, call = fault
        self.house.emulator.fault(kind, call)
        self.tally.faults += 1
        self._tell(f"the next {call} at the provider meets {kind}")

    @rule(door=st.integers(1, 25))
    def process_will_die(self, door: int) -> None:
        self.played.dies_at = door
        self._tell(f"the process will die at the {door}. door that it passes")

    # --- days ---

    @rule(days=st.sampled_from([1, 2, 3, 7]))
    def days_pass(self, days: int) -> None:
        self._days(days)

    @rule()
    def a_term_ends(self) -> None:
        ends = [each.ends for each in self.accounts if each.live and each.ends > self.played.now.date()]
        days = (min(ends) - self.played.now.date()).days if ends else 1
        self._days(min(days, MONTH))

    @rule(n=who, says=st.lists(answers, min_size=1, max_size=4), after=st.sampled_from([1, 0, 2, 6, 7]))
    def a_renewal_meets_the_bank(self, n: int, says: list[str], after: int) -> None:
        """What other rules come to seldom by chance: the bank's answer is that to a renewal, and days pass after it."""
        account = self._account(n)
        days = (account.ends - self.played.now.date()).days if account.live else 0
        if 0 < days <= MONTH:
            self._bank(account, says)
            self._days(days)
            if after:
                self._days(after)

    @rule(missed=st.integers(1, 3), twice=st.booleans())
    def nights_are_missed_and_caught_up(self, missed: int, twice: bool) -> None:  # noqa: FBT001 - drawn by name
        today = self.played.now.date()
        dates = [today + timedelta(days=n) for n in range(1, missed + 2)]
        self._night(dates[-1], dates * 2 if twice else dates)
        self._morning(f"{missed} nights are missed and caught up{', twice' if twice else ''}")

    # --- how it is played twice ---

    def _account(self, n: int) -> Account:
        return self.accounts[n % len(self.accounts)]

    def _open(self, currency: str) -> None:
        account = Account(NAMES[len(self.accounts)], currency, self.shop)
        self.accounts.append(account)
        self.played.opens(account.name, currency)
        self._tell(f"{account.name} opens an account in {currency}")

    def _order(self, account: Account, wish: Wish) -> None:
        if account.bank[0].startswith("later") and account.live:
            return  # what becomes of a change that the bank keeps open over the end of a term is not in the rules
        now = self.played.now

        def by_the_rules() -> tuple[str, int]:
            bill = account.order(wish, now.date())
            account.begin(bill, now)
            outcome = account.ask_bank(now)
            if outcome in {"declined", "waiting"}:
                account.release()
            return outcome, bill.pays.charge

        self._twice(account, f"orders {in_words(wish)}", by_the_rules, partial(self.played.orders, account.name, wish))

    def _act(self, account: Account, words: str, by_the_rules: Callable[[], object], act: Act, told: str = "") -> None:
        def played() -> object:
            answer = self.played.does(account.name, act)
            return answer[told] if told else "done"

        self._twice(account, words, by_the_rules, played)

    def _support(
        self, account: Account, words: str, by_the_rules: Callable[[], object], do: Any, told: str, **how: Any
    ) -> None:
        def act(runtime: Runtime, caller: Caller, request: str) -> Done:
            done: Done = do(runtime, caller, request_id=request, reason="a promise", **how)
            return done

        def played() -> object:
            answer = self.played.does(account.name, act, Role.SUPPORT)
            return answer[told] if told else None

        self._twice(account, words, by_the_rules, played)

    def _twice(
        self, account: Account, words: str, by_the_rules: Callable[[], object], played: Callable[[], object]
    ) -> None:
        expected, found = _answer(by_the_rules), _answer(played)
        self._tell(f"{account.name} {words}: {found}")
        self._same("answer", expected, found)
        self._compare()

    def _days(self, days: int) -> None:
        for _ in range(days):
            tomorrow = self.played.now.date() + timedelta(days=1)
            self._night(tomorrow, [tomorrow])
        self._morning(f"{days} days pass")

    def _night(self, day: Any, business_dates: list[Any]) -> None:
        self.tally.nights += 1
        quiet = self.played.is_quiet(day, business_dates)
        if not quiet:
            self.played.to_morning(day)
        for due in business_dates:
            for job in NIGHTLY:
                if not quiet:
                    self.played.runs(job, due)
                for account in self.accounts:
                    if job == "renew":
                        account.renew(due, self.played.now)
                    elif job == "suspend":
                        account.suspend(due, day)
        if not quiet:
            self.played.settle()
        self._hear()

    def _morning(self, words: str) -> None:
        self.played.to_acts()
        self._tell(words)
        self._compare()

    def _hear(self) -> None:
        for account in self.accounts:
            account.hear(self.played.now)

    # --- what is held against what ---

    def _tell(self, words: str) -> None:
        self.tally.steps += 1
        self.played.story.append(f"{self.played.now:%Y-%m-%d %H:%M}  {words}")

    def _compare(self) -> None:
        self._hear()
        found = self.played.shown()
        self._fail_with(
            [
                f"{account.name}, {aspect}: by the rules {expected}, but it is {found[account.name][aspect]}"
                for account in self.accounts
                for aspect, expected in account.shown().items()
                if found[account.name][aspect] != expected
            ]
        )

    def _same(self, what: str, expected: object, found: object) -> None:
        self._fail_with([f"{what}: by the rules {expected}, but it is {found}"] if expected != found else [])

    def _fail_with(self, differences: list[str]) -> None:
        if differences:
            raise AssertionError("\n".join(["", *self.played.story, *(f"    {each}" for each in differences)]))

    def teardown(self) -> None:
        """At the end of an example the product audits itself."""
        self.tally.charges += sum(len(account.charged) for account in self.accounts)
        self.tally.refunds += sum(account.returned > 0 for account in self.accounts)
        self.tally.deaths += self.played.deaths
        self._fail_with(self.played.audit())


def _answer(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except RefusedError as refusal:
        return f"refused, {refusal}"


def _plainly(do: Any) -> Act:
    return lambda runtime, caller, request: do(runtime, caller, request_id=request)
