"""R9b, R9c: which mail is due on which day, on time and late."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.policy import Policy
from worker.billing.reminders import (
    announce_card,
    announce_yearly,
    card_expires_before,
    days_left,
    due_window,
    notice_stands,
)
from worker.errors import RuleError

POLICY = Policy()
ENDS = date(2026, 3, 8)  # so that the windows open on both sides of the end of February

patient = settings(deadline=None)


def before_end(days: int) -> date:
    return ENDS - timedelta(days=days)


@pytest.mark.parametrize(
    ("left", "window"),
    [
        (15, None),  # not yet
        (14, 14),  # its day
        (13, 14),  # late
        (8, 14),  # very late: still the first window
        (7, 7),  # the first, if never sent, falls together with the second
        (6, 7),
        (2, 7),
        (1, 1),  # all three fall together: one mail
        (0, None),  # the term has ended
        (-1, None),
        (400, None),
    ],
)
def test_R9b_the_window_that_is_due(left: int, window: int | None) -> None:
    assert due_window(ends_on=ENDS, today=before_end(left), policy=POLICY) == window
    assert days_left(ends_on=ENDS, today=before_end(left)) == left


@pytest.mark.parametrize(
    ("days_at_work", "mails"),
    [
        (range(20, -3, -1), [(14, 14), (7, 7), (1, 1)]),  # every day
        ([20, 12, 11, 7, 1, 0], [(14, 12), (7, 7), (1, 1)]),  # the first is late and tells the truth
        ([20, 5, 4, 1], [(7, 5), (1, 1)]),  # two fell due together and became one
        ([20, 1], [(1, 1)]),  # three became one
        ([20, 0, -1], []),  # too late for any
        ([14, 14, 13, 7, 7], [(14, 14), (7, 7)]),  # days run twice
    ],
)
def test_R9b_each_reminder_once_with_the_days_truly_left(days_at_work: list[int], mails: list[tuple[int, int]]) -> None:
    sent: dict[int, int] = {}
    for left in days_at_work:
        window = due_window(ends_on=ENDS, today=before_end(left), policy=POLICY)
        if window is not None:
            sent.setdefault(window, days_left(ends_on=ENDS, today=before_end(left)))
    assert list(sent.items()) == mails


@patient
@given(st.sets(st.integers(1, 60), min_size=1, max_size=5), st.integers(-10, 80))
def test_R9b_the_window_is_the_smallest_that_has_opened(windows: set[int], left: int) -> None:
    policy = Policy(reminder_days=tuple(sorted(windows, reverse=True)))
    window = due_window(ends_on=ENDS, today=before_end(left), policy=policy)
    if window is None:
        assert left <= 0 or left > max(windows)
    else:
        assert 0 < left <= window
        assert not [other for other in windows if left <= other < window]


@pytest.mark.parametrize(
    ("left", "stands"),
    [
        (15, False),
        (14, True),
        (1, True),
        (0, True),  # the run of this day has not suspended the account yet
        (-3, True),  # a suspension that is late
    ],
)
def test_R9b_the_notice_stands_from_the_first_reminder(left: int, *, stands: bool) -> None:
    assert notice_stands(ends_on=ENDS, today=before_end(left), policy=POLICY) is stands


@pytest.mark.parametrize(
    ("left", "due"),
    [
        (31, False),
        (30, True),  # its day
        (3, True),  # late
        (1, True),
        (0, False),  # the day of the renewal itself
    ],
)
def test_R9c_yearly_renewals_are_announced(left: int, *, due: bool) -> None:
    assert announce_yearly(ends_on=ENDS, today=before_end(left), policy=POLICY) is due


@pytest.mark.parametrize(
    ("exp_year", "exp_month", "renewal_on", "expires"),
    [
        (2026, 2, date(2026, 2, 28), False),  # good to the last day of its month
        (2026, 2, date(2026, 3, 1), True),  # the first day on which it is not
        (2028, 2, date(2028, 2, 29), False),  # a leap day is in its month
        (2026, 12, date(2026, 12, 31), False),
        (2026, 12, date(2027, 1, 1), True),  # over the turn of the year
        (2027, 1, date(2026, 12, 31), False),
        (2025, 12, date(2026, 1, 15), True),
        (2019, 1, date(2026, 1, 15), True),  # long expired
    ],
)
def test_R9c_a_card_is_good_to_the_last_day_of_its_month(
    exp_year: int, exp_month: int, renewal_on: date, *, expires: bool
) -> None:
    assert card_expires_before(exp_year=exp_year, exp_month=exp_month, renewal_on=renewal_on) is expires


@pytest.mark.parametrize(
    ("exp_month", "left", "due"),
    [
        (2, 15, False),
        (2, 14, True),  # its day
        (2, 2, True),  # late
        (2, 0, False),  # the day of the renewal itself
        (3, 14, False),  # this card is good on the renewal's day
    ],
)
def test_R9c_an_expiring_card_is_announced(exp_month: int, left: int, *, due: bool) -> None:
    found = announce_card(exp_year=2026, exp_month=exp_month, renewal_on=ENDS, today=before_end(left), policy=POLICY)
    assert found is due


@pytest.mark.parametrize("exp_month", [0, 13, -1])
def test_R9c_a_card_has_a_real_month(exp_month: int) -> None:
    with pytest.raises(RuleError, match="month"):
        card_expires_before(exp_year=2026, exp_month=exp_month, renewal_on=ENDS)
