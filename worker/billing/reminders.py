"""Which mail is due before a term ends: reminders, announcements, and the notice in the account (R9b, R9c).

Everything is counted from the real day, so what is sent late tells the days truly left; from `ends_on` on
nothing is due any more.
"""

from datetime import date

from worker.billing.policy import Policy
from worker.errors import RuleError

_MONTHS = range(1, 13)


def days_left(*, ends_on: date, today: date) -> int:
    """Paid days that are left, today included; zero or less when the term has ended."""
    return (ends_on - today).days


def due_window(*, ends_on: date, today: date, policy: Policy) -> int | None:
    """The reminder that is due, named by its number of days, or None (R9b).

    It is the smallest window that has opened, so reminders that fall due together become one; whether it
    was sent already is the caller's to know, by this name.
    """
    left = days_left(ends_on=ends_on, today=today)
    opened = [window for window in policy.reminder_days if 0 < left <= window]
    return min(opened, default=None)


def notice_stands(*, ends_on: date, today: date, policy: Policy) -> bool:
    """Whether the account shows the notice: from the first reminder's day until paid or suspended (R9b)."""
    return days_left(ends_on=ends_on, today=today) <= policy.reminder_days[0]


def announce_yearly(*, ends_on: date, today: date, policy: Policy) -> bool:
    """Whether the announcement of a yearly renewal is due, on its day or late (R9c)."""
    return 0 < days_left(ends_on=ends_on, today=today) <= policy.yearly_announcement_days


def card_expires_before(*, exp_year: int, exp_month: int, renewal_on: date) -> bool:
    """Whether a card, good to the last day of its month, is no longer good on the renewal's day (R9c).

    Raises:
        RuleError: no such month.
    """
    if exp_month not in _MONTHS:
        raise RuleError(f"a card cannot expire in month {exp_month}")
    return (exp_year, exp_month) < (renewal_on.year, renewal_on.month)


def announce_card(*, exp_year: int, exp_month: int, renewal_on: date, today: date, policy: Policy) -> bool:
    """Whether the announcement is due, on its day or late, that the card expires before the renewal (R9c).

    Raises:
        RuleError: no such month.
    """
    if not card_expires_before(exp_year=exp_year, exp_month=exp_month, renewal_on=renewal_on):
        return False
    return 0 < days_left(ends_on=renewal_on, today=today) <= policy.card_expiry_days
