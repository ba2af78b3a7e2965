"""R8b through the store: anchors 29, 30 and 31, leap years and yearly 29 February fall on the right dates for years."""

from calendar import isleap
from datetime import date, time
from itertools import pairwise

import pytest

from tests.support.builders import Subscriber
from tests.support.house import House
from tests.support.stories import customer, subscription_of
from worker.billing.calendar import Interval, term_start

LEAP_DAY = date(2028, 2, 29)


def step(house: House, people: list[Subscriber], *, times: int) -> None:
    """Renew everybody so often, each on the very day on which the term ends; invoices and mails come later."""
    for _ in range(times):
        ends = sorted({subscription_of(house, of)["paid_until"] for of in people})
        for day in ends:
            house.go_to(day, at=time(5))
            house.plan("renew")
            house.drain(pick=lambda job: job == "renew")


def starts(house: House, of: Subscriber) -> list[date]:
    found = house.fetch("SELECT * FROM terms WHERE subscription_id = :id ORDER BY number", id=of.subscription_id)
    assert all(one["ends_on"] == following["starts_on"] for one, following in pairwise(found))
    return [row["starts_on"] for row in found]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("months", [24, pytest.param(120, marks=pytest.mark.long)])
def test_R8b_monthly_anchors_survive_short_months_and_leap_years(house: House, months: int) -> None:
    house.go_to(date(2027, 1, 1))
    people = [customer(house, ends_on=None, anchor_on=date(2027, 1, day)) for day in (29, 30, 31)]
    step(house, people, times=months)
    for day, of in zip((29, 30, 31), people, strict=True):
        found = starts(house, of)
        assert len(found) == months + 1
        every = [(found[0].year + n // 12, 1 + n % 12) for n in range(months + 1)]
        assert [(start.year, start.month) for start in found] == every, "every month once"
        assert {start.day for start in found if start.month in {1, 3, 5, 7, 8, 10, 12}} == {day}
        assert {start.day for start in found if start.month in {4, 6, 9, 11}} == {min(day, 30)}
        for start in found:
            if start.month == 2:
                assert start.day == (29 if isleap(start.year) else 28)
    assert len(house.emulator.journal()) == 3 * months
    assert [said for said in house.books().differences if "invoice" not in said] == []


def test_R8b_yearly_anchors_of_leap_days_and_month_ends_hold_for_ten_years(house: House) -> None:
    house.go_to(LEAP_DAY)
    people = [
        customer(house, interval="year", ends_on=None, anchor_on=anchor)
        for anchor in (LEAP_DAY, date(2028, 1, 31), date(2027, 2, 28))
    ]
    step(house, people, times=10)
    leap, january, february = (starts(house, of) for of in people)
    assert [start.day for start in leap] == [29, 28, 28, 28, 29, 28, 28, 28, 29, 28, 28]
    assert {(start.month, start.day) for start in january} == {(1, 31)}
    assert {(start.month, start.day) for start in february} == {(2, 28)}, "28 February stays, leap year or not"
    assert [said for said in house.books().differences if "invoice" not in said] == []


@pytest.mark.parametrize("anchor", [date(2027, 1, 29), date(2027, 1, 30), date(2027, 1, 31), date(2028, 2, 29)])
def test_R8b_ten_years_of_terms_lie_end_to_end_without_drifting(anchor: date) -> None:
    monthly = [term_start(anchor, Interval.MONTH, k) for k in range(121)]
    assert [(day.year - anchor.year) * 12 + day.month - anchor.month for day in monthly] == list(range(121))
    long_months = {day.day for day in monthly if day.month in {1, 3, 5, 7, 8, 10, 12}}
    assert long_months == {anchor.day}
    yearly = [term_start(anchor, Interval.YEAR, k) for k in range(11)]
    assert [day.year for day in yearly] == list(range(anchor.year, anchor.year + 11))
    assert yearly[4].day == anchor.day
