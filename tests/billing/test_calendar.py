"""R8: terms are counted from the original anchor, which survives short months."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.billing.calendar import Interval, Term, ordinal, term, term_start
from worker.errors import RuleError

MONTH, YEAR = Interval.MONTH, Interval.YEAR

patient = settings(deadline=None)
anchors = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 12, 31))
late_anchors = st.builds(
    lambda year, month, day: date(year, month, min(day, monthrange(year, month)[1])),
    st.integers(2000, 2090),
    st.integers(1, 12),
    st.integers(28, 31),
)
any_anchor = anchors | late_anchors
intervals = st.sampled_from(Interval)
steps = st.integers(-400, 1500)


@pytest.mark.parametrize(
    ("anchor_on", "starts"),
    [
        # the 31st: every short month, and back to the 31st after it
        (
            date(2026, 1, 31),
            ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30"],
        ),
        # the 31st through a leap February
        (date(2027, 12, 31), ["12-31", "01-31", "02-29", "03-31", "04-30"]),
        # the 30th: only February is short
        (date(2026, 12, 30), ["12-30", "01-30", "02-28", "03-30", "04-30", "05-30"]),
        # the 29th: February of a common year is short
        (date(2026, 1, 29), ["01-29", "02-28", "03-29"]),
        # the 29th: a leap February is long enough
        (date(2028, 1, 29), ["01-29", "02-29", "03-29"]),
        # an anchor on 29 February itself stays the 29th
        (date(2028, 2, 29), ["02-29", "03-29", "04-29"]),
        # an anchor on 28 February is the 28th, not the last day
        (date(2026, 2, 28), ["02-28", "03-28", "04-28"]),
        # over the turn of a year
        (date(2026, 11, 15), ["11-15", "12-15", "01-15"]),
    ],
)
def test_R8_monthly_anchor_survives_short_months(anchor_on: date, starts: list[str]) -> None:
    assert [f"{term_start(anchor_on, MONTH, k):%m-%d}" for k in range(len(starts))] == starts


def test_R8_yearly_29_february_over_twelve_years() -> None:
    starts = [term_start(date(2024, 2, 29), YEAR, k).isoformat() for k in range(13)]
    assert starts == [
        "2024-02-29",
        "2025-02-28",
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
        "2029-02-28",
        "2030-02-28",
        "2031-02-28",
        "2032-02-29",
        "2033-02-28",
        "2034-02-28",
        "2035-02-28",
        "2036-02-29",
    ]


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (2000, 29),  # divisible by 400: leap
        (2096, 29),
        (2100, 28),  # divisible by 100: common
        (2104, 29),
        (2400, 29),
    ],
)
def test_R8_yearly_29_february_in_century_years(year: int, day: int) -> None:
    assert term_start(date(1996, 2, 29), YEAR, year - 1996) == date(year, 2, day)


@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_R8_ten_years_of_months_keep_the_day_wherever_the_month_has_it(day: int) -> None:
    anchor_on = date(2026, 1, day)
    on = [term_start(anchor_on, MONTH, k) for k in range(121)]
    assert [(start.year, start.month) for start in on] == [(2026 + k // 12, k % 12 + 1) for k in range(121)]
    assert [start.day for start in on] == [min(day, monthrange(start.year, start.month)[1]) for start in on]
    assert on[-1] == date(2036, 1, day)


@patient
@given(any_anchor, intervals, steps)
def test_R8_every_start_is_the_anchors_day_or_the_months_last(anchor_on: date, interval: Interval, k: int) -> None:
    start = term_start(anchor_on, interval, k)
    months = (start.year - anchor_on.year) * 12 + start.month - anchor_on.month
    assert months == k * interval.months
    assert start.day == min(anchor_on.day, monthrange(start.year, start.month)[1])


@patient
@given(any_anchor, intervals, st.integers(1, 50), st.integers(1, 1000))
def test_R8_terms_touch_and_have_the_length_of_their_interval(
    anchor_on: date, interval: Interval, anchor_number: int, number: int
) -> None:
    this = term(anchor_on=anchor_on, anchor_number=anchor_number, interval=interval, number=number)
    following = term(anchor_on=anchor_on, anchor_number=anchor_number, interval=interval, number=number + 1)
    assert this.number == number
    assert this.ends_on == following.starts_on
    assert this.starts_on + timedelta(days=this.days) == this.ends_on
    assert this.days in (range(28, 32) if interval is MONTH else range(365, 367))


@patient
@given(any_anchor, intervals, st.integers(1, 50))
def test_R8_the_anchors_own_term_starts_on_it(anchor_on: date, interval: Interval, number: int) -> None:
    own = term(anchor_on=anchor_on, anchor_number=number, interval=interval, number=number)
    assert own.starts_on == anchor_on


@patient
@given(any_anchor, intervals, steps)
def test_R8_ordinal_undoes_term_start(anchor_on: date, interval: Interval, k: int) -> None:
    start = term_start(anchor_on, interval, k)
    assert ordinal(anchor_on=anchor_on, interval=interval, starts_on=start) == k


@pytest.mark.parametrize(
    ("anchor_on", "interval", "starts_on", "k"),
    [
        (date(2026, 1, 31), MONTH, date(2026, 2, 28), 1),  # clamped
        (date(2026, 1, 31), MONTH, date(2026, 4, 30), 3),
        (date(2026, 1, 31), MONTH, date(2026, 3, 30), None),  # March has a 31st
        (date(2026, 1, 31), MONTH, date(2026, 3, 28), None),  # the anchor forgotten in February
        (date(2024, 2, 29), YEAR, date(2025, 2, 28), 1),
        (date(2024, 2, 29), YEAR, date(2028, 2, 28), None),  # 2028 has a 29th
        (date(2026, 5, 10), YEAR, date(2027, 6, 10), None),  # another month
        (date(2026, 5, 10), YEAR, date(2024, 5, 10), -2),  # before the anchor
        (date(2026, 5, 10), MONTH, date(2026, 5, 11), None),
        (date(2026, 5, 10), YEAR, date(1, 1, 1), None),  # the term before it would leave the calendar
    ],
)
def test_R8_ordinal_finds_only_days_on_which_a_term_starts(
    anchor_on: date, interval: Interval, starts_on: date, k: int | None
) -> None:
    assert ordinal(anchor_on=anchor_on, interval=interval, starts_on=starts_on) == k


@patient
@given(any_anchor, intervals, anchors)
def test_R8_ordinal_answers_every_day(anchor_on: date, interval: Interval, day: date) -> None:
    k = ordinal(anchor_on=anchor_on, interval=interval, starts_on=day)
    months = (day.year - anchor_on.year) * 12 + day.month - anchor_on.month
    near = months // interval.months
    starts = {term_start(anchor_on, interval, n): n for n in (near - 1, near, near + 1)}
    assert k == starts.get(day)


@pytest.mark.parametrize(
    ("anchor_on", "interval", "k"),
    [
        (date(9999, 12, 1), MONTH, 1),  # one month past the last
        (date(1, 1, 1), MONTH, -1),  # one month before the first
        (date(2026, 1, 1), YEAR, 7974),  # the year 10000
        (date(2026, 1, 1), YEAR, -2026),  # the year 0
        (date(2026, 1, 1), MONTH, 10**30),  # no date arithmetic overflows on the way
    ],
)
def test_R8_refuses_days_outside_the_calendar(anchor_on: date, interval: Interval, k: int) -> None:
    with pytest.raises(RuleError, match="outside the years"):
        term_start(anchor_on, interval, k)


def test_R8_the_calendars_edges_are_inside() -> None:
    assert term_start(date(2026, 12, 31), YEAR, 9999 - 2026) == date(9999, 12, 31)
    assert term_start(date(2026, 1, 1), MONTH, -2025 * 12) == date(1, 1, 1)
    with pytest.raises(RuleError):  # it starts in the calendar but ends outside
        term(anchor_on=date(9999, 12, 1), anchor_number=1, interval=MONTH, number=1)


@pytest.mark.parametrize("ends_on", [date(2026, 1, 1), date(2025, 12, 31)])
def test_R8_a_term_ends_after_it_starts(ends_on: date) -> None:
    with pytest.raises(RuleError, match="term 4"):
        Term(number=4, starts_on=date(2026, 1, 1), ends_on=ends_on)
