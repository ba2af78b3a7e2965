"""Broken builds: each bends one rule, and the model must say that something differs. They test the test."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from unittest import mock

from tests.model.machine import Machine
from tests.model.reference import Wish
from worker.billing import dunning, money, quote
from worker.billing.change import Standing
from worker.billing.dunning import Schedule
from worker.billing.refund import Refund, price_refund
from worker.desk import offer, refund

Patch = AbstractContextManager[object]


def rounds_down() -> Patch:
    """Parts of a term are rounded down instead of half-up (R12c)."""
    return mock.patch.object(money, "round_half_up", lambda value: Fraction(value).__floor__())


def retries_a_day_late() -> Patch:
    """The next try of a declined renewal comes a day later (R8b)."""
    next_try = dunning.next_try

    def late(**facts: Any) -> date | None:
        found = next_try(**facts)
        return None if found is None else found + timedelta(days=1)

    return mock.patch.object(dunning, "next_try", late)


def suspends_a_day_early() -> Patch:
    """The schedule of a declined renewal ends a day before its last try (R10)."""
    schedule = dunning.schedule

    def early(first_declined_on: date, policy: Any) -> Schedule:
        found = schedule(first_declined_on, policy)
        return replace(found, ends_on=found.ends_on - timedelta(days=1))

    return mock.patch.object(dunning, "schedule", early)


def refund_keeps_the_credit() -> Patch:
    """A full refund leaves the credit that came from the payments it gives back (R14b)."""

    def kept(*charges: Any, **sums: Any) -> Refund:
        found = price_refund(*charges, **sums)
        return replace(found, credit_after_minor=max(found.credit_before_minor, found.credit_after_minor))

    return mock.patch.object(refund, "price_refund", kept)


def change_forgets_what_went_back() -> Patch:
    """A change gives credit for what support had given back already (R14b, R15b)."""
    standing_of = offer.standing_of

    def forgetful(*given: Any, **facts: Any) -> Standing:
        return replace(standing_of(*given, **facts), sold=None)

    return mock.patch.object(offer, "standing_of", forgetful)


def credit_to_the_last_unit() -> Patch:
    """Credit is used up although the rest lies below the provider's minimum (R7b)."""
    pay = quote._pay

    def greedy(total_minor: int, *, credit_minor: int, minimum_minor: int) -> Any:
        return pay(total_minor, credit_minor=credit_minor, minimum_minor=min(minimum_minor, 1))

    return mock.patch.object(quote, "_pay", greedy)


def _declined(machine: Machine) -> None:
    machine.begins("EUR", Wish("standard", "month", 3, 0))
    machine.a_renewal_meets_the_bank(0, ["soft"], 1)


def _lowered(machine: Machine) -> None:
    machine.begins("EUR", Wish("pro", "month", 3, 100))
    machine.days_pass(7)
    machine.orders(0, Wish(agents=1))
    machine.asks_for_a_refund(0)


def _refused(machine: Machine) -> None:
    machine.begins("EUR", Wish("standard", "month", 3, 0))
    machine.a_renewal_meets_the_bank(0, ["hard"], 6)


def _given_back(machine: Machine) -> None:
    machine.begins("EUR", Wish("standard", "month", 3, 0))
    machine.support_refunds_a_part(0, 1, 0)
    machine.orders(0, Wish(agents=1))


def _small_rest(machine: Machine) -> None:
    machine.begins("EUR", Wish("standard", "month", 1, 0))
    machine.days_pass(27)
    machine.orders(0, Wish(extra=100))


MUTANTS: Mapping[str, tuple[Callable[[], Patch], Callable[[Machine], None]]] = {
    "rounds_down": (rounds_down, _lowered),
    "retries_a_day_late": (retries_a_day_late, _declined),
    "suspends_a_day_early": (suspends_a_day_early, _refused),
    "refund_keeps_the_credit": (refund_keeps_the_credit, _lowered),
    "change_forgets_what_went_back": (change_forgets_what_went_back, _given_back),
    "credit_to_the_last_unit": (credit_to_the_last_unit, _small_rest),
}
"""What is broken, and a story that shows it."""
