"""The timetable: which business dates are owed, oldest first, over outages, go-live, and the days of clock change."""

from datetime import date, time, timedelta

import pytest
from sqlalchemy import Engine

from tests.queue.specs import TODAY, always, at, ensure, go_live, items, plan, spec
from tests.support.builders import rows, size
from worker.clock import FixedClock
from worker.queue.plans import JobSpec, Trigger
from worker.queue.runs import last_due_date

NOON = at(2026, 3, 15, 12)


def days(*before: int) -> list[tuple[str, date]]:
    """Runs of renew so many days before today."""
    return [("renew", TODAY - timedelta(days=n)) for n in before]


def ran(engine: Engine, one: JobSpec, before: int) -> None:
    """The timetable ran so many days ago."""
    assert plan(engine, one, TODAY - timedelta(days=before), trigger=Trigger.TIMETABLE) is not None


def test_the_first_run_ever_is_for_the_newest_date_only(engine: Engine) -> None:
    assert ensure(engine, NOON, spec()) == days(0)
    assert ensure(engine, NOON, spec()) == []


@pytest.mark.parametrize(
    ("live_before", "expected"),
    [(0, days(0)), (3, days(3, 2, 1, 0)), (-1, []), (-400, [])],
)
def test_the_first_run_with_a_go_live_date_begins_there(
    engine: Engine, live_before: int, expected: list[tuple[str, date]]
) -> None:
    go_live(engine, TODAY - timedelta(days=live_before))
    assert ensure(engine, NOON, spec()) == expected


def test_an_import_that_set_no_go_live_date_changes_nothing(engine: Engine) -> None:
    go_live(engine, None)
    assert ensure(engine, NOON, spec()) == days(0)


def test_after_five_days_off_all_five_are_made_good_oldest_first(engine: Engine) -> None:
    ran(engine, spec(), 5)
    assert ensure(engine, NOON, spec(planner=always(*items(1)))) == days(4, 3, 2, 1, 0)
    order = rows(engine, "SELECT business_date FROM runs ORDER BY id")
    assert [row["business_date"] for row in order] == [day for _, day in days(5, 4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("catch_up_days", "expected"), [(0, days(0)), (2, days(2, 1, 0)), (31, days(*range(31, -1, -1)))]
)
def test_what_lies_before_the_catch_up_window_is_left(
    engine: Engine, catch_up_days: int, expected: list[tuple[str, date]]
) -> None:
    one = spec(catch_up_days=catch_up_days)
    ran(engine, one, 60)
    assert ensure(engine, NOON, one) == expected


def test_a_go_live_date_long_ago_does_not_reach_beyond_the_window(engine: Engine) -> None:
    go_live(engine, TODAY - timedelta(days=300))
    assert ensure(engine, NOON, spec(catch_up_days=2)) == days(2, 1, 0)


def test_an_operators_run_does_not_spare_the_timetable_its_own(engine: Engine) -> None:
    ran(engine, spec(), 1)
    plan(engine, spec(), trigger=Trigger.MANUAL)
    assert ensure(engine, NOON, spec()) == days(0)


@pytest.mark.parametrize(("hour", "minute", "before"), [(4, 59, 1), (5, 0, 0), (23, 59, 0), (0, 0, 1)])
def test_before_its_time_of_day_the_newest_date_is_yesterday(
    engine: Engine, hour: int, minute: int, before: int
) -> None:
    clock = at(2026, 3, 15, hour, minute)
    assert last_due_date(spec(), clock) == TODAY - timedelta(days=before)
    assert ensure(engine, clock, spec()) == days(before)


@pytest.mark.parametrize("sunday", [date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31)])
def test_a_day_of_clock_change_has_its_run_at_its_hour_once(engine: Engine, sunday: date) -> None:
    """Stepped through by the quarter of an hour from the evening before to the morning after."""
    one = spec(daily_at=time(5))
    first = at(sunday.year, sunday.month, sunday.day - 1, 22)
    made: list[tuple[date, time]] = []
    for quarter in range(4 * 36):
        clock = FixedClock(first.zone, first.instant + timedelta(minutes=15 * quarter))
        local = clock.now().astimezone(clock.zone)
        made += [(day, local.time()) for _, day in ensure(engine, clock, one)]
    saturday, monday = sunday - timedelta(days=1), sunday + timedelta(days=1)
    assert made == [(saturday, time(22)), (sunday, time(5)), (monday, time(5))]


def test_jobs_without_a_time_of_day_have_no_timetable(engine: Engine) -> None:
    one = spec("deliver_mail", daily_at=None, minutely=True)
    assert last_due_date(one, NOON) is None
    assert ensure(engine, NOON, one) == []
    assert size(engine, "runs") == 0


def test_a_job_that_comes_after_another_follows_it_date_by_date(engine: Engine) -> None:
    renew, suspend = spec(), spec("suspend", daily_at=time(6), after="renew")
    for one in (renew, suspend):
        ran(engine, one, 3)
    ran(engine, renew, 2)
    assert ensure(engine, NOON, suspend) == [("suspend", TODAY - timedelta(days=2))]
    assert ensure(engine, NOON, suspend) == []
    assert ensure(engine, NOON, renew, suspend) == [
        *days(1, 0),
        ("suspend", TODAY - timedelta(days=1)),
        ("suspend", TODAY),
    ]


def test_one_subscriptions_renewal_does_not_let_suspensions_run(engine: Engine) -> None:
    renew, suspend = spec(), spec("suspend", daily_at=time(6), after="renew")
    ran(engine, suspend, 1)
    made = plan(engine, renew, trigger=Trigger.MANUAL)
    assert made is not None
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """UPDATE runs SET selection = '{"only_subscription": 7}' WHERE trigger = 'manual'"""
        )
    assert ensure(engine, NOON, suspend) == []


def test_an_earlier_date_that_cannot_be_planned_holds_back_the_later_ones(engine: Engine) -> None:
    suspend = spec("suspend", after="renew")
    ran(engine, suspend, 3)
    for before in (1, 0):  # the operator ran these, and forgot the first
        plan(engine, spec(), TODAY - timedelta(days=before), trigger=Trigger.MANUAL)
    assert ensure(engine, NOON, suspend) == []
    plan(engine, spec(), TODAY - timedelta(days=2), trigger=Trigger.MANUAL)
    assert ensure(engine, NOON, suspend) == [("suspend", TODAY - timedelta(days=n)) for n in (2, 1, 0)]
