"""When a declined renewal is tried again, and when its schedule has run out (R8b, R8c, R10).

The schedule hangs on the day of the first answer. What is late is not repeated: tries that were missed become
one, today, and the days after it stay where they were.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from worker.billing.policy import Policy
from worker.billing.states import DeclineKind
from worker.errors import RuleError


@dataclass(frozen=True, slots=True)
class Schedule:
    """From the first decline to the day on which, without payment, the service ends."""

    first_declined_on: date
    ends_on: date


def schedule(first_declined_on: date, policy: Policy) -> Schedule:
    """The schedule of a charge that was first declined on that day; it ends on its last try."""
    return Schedule(first_declined_on, first_declined_on + timedelta(days=policy.retry_days[-1]))


def next_try(*, first_declined_on: date, today: date, kind: DeclineKind, policy: Policy) -> date | None:
    """The day of the next try after a decline today, or None when no try is left with this method (R8b).

    Only a soft decline is tried again; a hard one and a demand for authentication wait for the customer.

    Raises:
        RuleError: today lies before the first decline.
    """
    _demand_order(first_declined_on=first_declined_on, today=today)
    if kind is not DeclineKind.SOFT:
        return None
    days = (first_declined_on + timedelta(days=days) for days in policy.retry_days)
    return next((day for day in days if day > today), None)


def is_due(*, next_try_on: date | None, last_tried_on: date | None, today: date) -> bool:
    """Whether a try is due: its day has come, and this real day has had none yet (R8b)."""
    if next_try_on is None or next_try_on > today:
        return False
    return last_tried_on is None or last_tried_on < today


def has_run_out(*, first_declined_on: date, next_try_on: date | None, today: date, policy: Policy) -> bool:
    """Whether the schedule has run out (R10): its last day has come and no try is left, however late it is.

    Raises:
        RuleError: today lies before the first decline.
    """
    _demand_order(first_declined_on=first_declined_on, today=today)
    return next_try_on is None and today >= schedule(first_declined_on, policy).ends_on


def _demand_order(*, first_declined_on: date, today: date) -> None:
    if today < first_declined_on:
        raise RuleError(f"today, {today}, lies before the first decline of {first_declined_on}")
