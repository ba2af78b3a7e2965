"""R8b, R8c, R10: the days of the next tries, catching up, and the end of the schedule."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.dunning import Schedule, has_run_out, is_due, next_try, schedule
from worker.billing.policy import Policy
from worker.billing.states import DeclineKind
from worker.errors import RuleError

POLICY = Policy()
FIRST = date(2026, 2, 26)  # so that the schedule crosses the end of a short month
SOFT, HARD, NEEDS_ACTION = DeclineKind.SOFT, DeclineKind.HARD, DeclineKind.NEEDS_ACTION

patient = settings(deadline=None)
some_days = st.dates(min_value=date(2020, 1, 1), max_value=date(2060, 12, 31))
policies = st.sets(st.integers(1, 20), min_size=1, max_size=6).map(lambda days: Policy(retry_days=tuple(sorted(days))))


def on(day: int | None) -> date | None:
    """The date so many days after the first decline."""
    return None if day is None else FIRST + timedelta(days=day)


def today(day: int) -> date:
    return FIRST + timedelta(days=day)


@pytest.mark.parametrize(
    ("declined_on_day", "next_on_day"),
    [
        (0, 1),  # the first answer
        (1, 3),
        (2, 3),  # a new method was tried between two days
        (3, 5),
        (4, 5),  # day 3 was missed and caught up on day 4: day 5 stays where it was
        (5, 7),
        (6, 7),  # days 3 and 5 were missed and became one try
        (7, None),  # the last
        (8, None),  # the last came late
        (40, None),
    ],
)
def test_R8b_next_try_after_a_soft_decline(declined_on_day: int, next_on_day: int | None) -> None:
    found = next_try(first_declined_on=FIRST, today=today(declined_on_day), kind=SOFT, policy=POLICY)
    assert found == on(next_on_day)


@pytest.mark.parametrize("kind", [HARD, NEEDS_ACTION])
@pytest.mark.parametrize("day", [0, 1, 6, 7, 8])
def test_R8b_r8c_no_try_after_a_hard_decline_or_a_demand(kind: DeclineKind, day: int) -> None:
    assert next_try(first_declined_on=FIRST, today=today(day), kind=kind, policy=POLICY) is None


@pytest.mark.parametrize(
    ("next_on_day", "last_on_day", "today_is_day", "due"),
    [
        (1, 0, 0, False),  # tomorrow
        (1, 0, 1, True),  # its day
        (1, 0, 4, True),  # late
        (3, 3, 3, False),  # the same day had a try already, say with a new method
        (3, 3, 4, True),
        (0, None, 0, True),  # never tried
        (None, 0, 5, False),  # no try is left
    ],
)
def test_R8b_at_most_one_try_per_real_day(
    next_on_day: int | None, last_on_day: int | None, today_is_day: int, *, due: bool
) -> None:
    found = is_due(next_try_on=on(next_on_day), last_tried_on=on(last_on_day), today=today(today_is_day))
    assert found is due


@pytest.mark.parametrize(
    ("next_on_day", "today_is_day", "over"),
    [
        (None, 0, False),  # hard at once: the schedule still runs its days
        (None, 6, False),
        (None, 7, True),  # its last day, with no try left
        (None, 8, True),
        (None, 100, True),  # however late
        (7, 7, False),  # the try of day 7 is still due
        (7, 9, False),  # ... also when it is late
        (1, 30, False),  # everything was missed: one try comes first
        (3, 2, False),
    ],
)
def test_R10_the_schedule_has_run_out(next_on_day: int | None, today_is_day: int, *, over: bool) -> None:
    found = has_run_out(first_declined_on=FIRST, next_try_on=on(next_on_day), today=today(today_is_day), policy=POLICY)
    assert found is over


def test_R8b_the_schedule_ends_on_its_last_try() -> None:
    assert schedule(FIRST, POLICY) == Schedule(first_declined_on=FIRST, ends_on=date(2026, 3, 5))


def test_today_before_the_first_decline_is_refused() -> None:
    with pytest.raises(RuleError):
        next_try(first_declined_on=FIRST, today=today(-1), kind=SOFT, policy=POLICY)
    with pytest.raises(RuleError):
        has_run_out(first_declined_on=FIRST, next_try_on=None, today=today(-1), policy=POLICY)


@pytest.mark.parametrize(
    ("days_at_work", "tried"),
    [
        (range(12), [1, 3, 5, 7]),  # every day
        ([0, 2, 4, 6, 8, 10], [2, 4, 6, 8]),  # every second day: each try one day late
        ([0, 6, 7, 8, 9], [6, 7]),  # off for five days: one try, and the last on its day
        ([0, 10, 11, 12], [10]),  # off beyond the end: one try
        ([0, 1, 1, 1, 3, 3, 7, 7], [1, 3, 7]),  # days run several times
    ],
)
def test_R8b_catching_up_compresses_missed_tries_to_one_a_day(days_at_work: list[int], tried: list[int]) -> None:
    """Every try is declined softly; the days on which the job ran decide what is left."""
    tries: list[int] = []
    last_on = FIRST
    next_on = next_try(first_declined_on=FIRST, today=FIRST, kind=SOFT, policy=POLICY)
    for day in days_at_work:
        now = today(day)
        if is_due(next_try_on=next_on, last_tried_on=last_on, today=now):
            tries.append(day)
            last_on = now
            next_on = next_try(first_declined_on=FIRST, today=now, kind=SOFT, policy=POLICY)
    assert tries == tried
    assert has_run_out(first_declined_on=FIRST, next_try_on=next_on, today=today(12), policy=POLICY)


@patient
@given(some_days, policies, st.lists(st.integers(0, 40), max_size=30).map(sorted))
def test_R8b_tries_are_few_on_distinct_days_and_the_schedule_always_ends(
    first_on: date, policy: Policy, days_at_work: list[int]
) -> None:
    tries: list[date] = []
    next_on = next_try(first_declined_on=first_on, today=first_on, kind=SOFT, policy=policy)
    for day in [*days_at_work, 50, 51, 52]:
        now = first_on + timedelta(days=day)
        last_on = tries[-1] if tries else first_on
        assert not (
            next_on is not None
            and has_run_out(first_declined_on=first_on, next_try_on=next_on, today=now, policy=policy)
        )
        if is_due(next_try_on=next_on, last_tried_on=last_on, today=now):
            tries.append(now)
            next_on = next_try(first_declined_on=first_on, today=now, kind=SOFT, policy=policy)
            assert next_on is None or next_on > now
    assert len(tries) == len(set(tries)) <= len(policy.retry_days)
    assert tries, "a soft decline is tried again at least once"
    assert has_run_out(
        first_declined_on=first_on, next_try_on=next_on, today=first_on + timedelta(days=52), policy=policy
    )
