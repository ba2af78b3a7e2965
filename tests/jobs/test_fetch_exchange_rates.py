"""The job `fetch_exchange_rates`: the list of each day, asked for until it is there, and never written twice."""

from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from tests.support.bank import Bank, publish, register_seller
from tests.support.builders import catalogue, rows, subscriber
from tests.support.house import PRAGUE, House
from tests.support.stories import dying_at, hurry, minute, restart, watching_doors
from tests.support.work import charge
from worker import jobs
from worker.queue import runs

JOB = "fetch_exchange_rates"
WEDNESDAY = date(2026, 11, 25)
DAYS = timedelta(days=1)


def go_to(house: House, bank: Bank, day: date, at: time) -> None:
    house.go_to(day, at=at)
    bank.go_to(datetime.combine(day, at, PRAGUE))


def days(house: House) -> list[str]:
    found = house.fetch("SELECT DISTINCT published_on FROM exchange_rates ORDER BY published_on")
    return [row["published_on"].isoformat() for row in found]


def last_item(house: House) -> dict[str, object]:
    (item,) = house.fetch(
        "SELECT state, deferrals, last_error, result FROM work_items WHERE job = :job ORDER BY id DESC LIMIT 1", job=JOB
    )
    return item


def test_R16_the_list_of_the_day_comes_with_what_earlier_days_lack_and_twice_is_harmless(
    house: House, bank: Bank
) -> None:
    register_seller(house, bank)
    go_to(house, bank, WEDNESDAY, time(14, 45))
    publish(house, date(2026, 11, 20), EUR="24.1")
    house.run(JOB)
    assert last_item(house)["result"] == {"asked": 7, "rates": 21}
    expected = ["11-16", "11-17", "11-18", "11-19", "11-20", "11-23", "11-24", "11-25"]
    assert days(house) == [f"2026-{day}" for day in expected]
    before = house.fetch("SELECT * FROM exchange_rates ORDER BY id")
    house.run(JOB)
    assert last_item(house)["result"] == {"asked": 0, "rates": 0}
    assert house.fetch("SELECT * FROM exchange_rates ORDER BY id") == before
    asked = ["11-25", "11-24", "11-23", "11-19", "11-18", "11-17", "11-16"]
    assert bank.asked == [f"2026-{day}" for day in asked]


def test_R16_while_a_working_days_list_is_missing_the_queue_asks_again_and_at_midnight_it_ends(
    house: House, bank: Bank
) -> None:
    register_seller(house, bank)
    go_to(house, bank, WEDNESDAY, time(14, 45))
    bank.tell("holidays", {"days": ["2026-11-25"]})
    house.run(JOB)
    item = last_item(house)
    assert (item["state"], item["deferrals"]) == ("ready", 1)
    assert "no list of 2026-11-25 yet" in str(item["last_error"])
    assert days(house)[-1] == "2026-11-24", "what there was is kept"
    hurry(house)
    house.drain()
    assert last_item(house)["deferrals"] == 2
    go_to(house, bank, WEDNESDAY + DAYS, time(0, 5))
    hurry(house)
    house.drain()
    assert (last_item(house)["state"], last_item(house)["result"]) == ("done", {"asked": 1, "rates": 0})


def test_R16_nobody_asks_on_a_weekend_nor_before_the_bank_publishes(house: House, bank: Bank) -> None:
    register_seller(house, bank)
    go_to(house, bank, WEDNESDAY, time(14, 45))
    house.run(JOB)
    asked = len(bank.asked)
    for day, at in ((WEDNESDAY + DAYS, time(14, 0)), (WEDNESDAY + 3 * DAYS, time(15))):
        go_to(house, bank, day, at)
        publish(house, WEDNESDAY + DAYS, EUR="24.1")
        publish(house, WEDNESDAY + 2 * DAYS, EUR="24.1")
        house.run(JOB)
        assert last_item(house)["result"] == {"asked": 0, "rates": 0}
    assert len(bank.asked) == asked


def test_R16_the_morning_looks_once_and_makes_good_the_evening_before(house: House, bank: Bank) -> None:
    register_seller(house, bank)
    go_to(house, bank, WEDNESDAY, time(6, 20))
    assert minute(house, minutes=2) == []
    go_to(house, bank, WEDNESDAY, time(6, 30))
    assert minute(house, minutes=3) == [JOB]
    assert days(house)[-1] == "2026-11-24"
    go_to(house, bank, WEDNESDAY, time(14, 46))
    assert minute(house) == []
    specs = [jobs.load()[JOB].spec(house.runtime)]
    made = runs.ensure_runs(house.engine, specs, house.clock, item_size_max=50)
    assert [(run.business_date, len(run.items)) for run in made] == [(WEDNESDAY, 1)]
    house.drain()
    assert days(house)[-1] == "2026-11-25"


def test_a_seller_who_is_not_registered_asks_nobody(house: House, bank: Bank) -> None:
    house.go_to(WEDNESDAY, at=time(14, 45))
    assert house.run(JOB).items == []
    assert minute(house) == []
    assert bank.asked == []


@pytest.mark.parametrize(("kind", "words"), [("down", "HTTP 503"), ("html", "no JSON")])
def test_R16_a_bank_in_trouble_is_asked_again_and_what_is_wrong_stands_there(
    house: House, bank: Bank, kind: str, words: str
) -> None:
    register_seller(house, bank)
    go_to(house, bank, WEDNESDAY, time(14, 45))
    bank.tell("faults", {"kind": kind})
    house.run(JOB)
    item = last_item(house)
    assert item["state"] == "ready"
    assert words in str(item["last_error"])
    assert days(house) == []
    hurry(house)
    house.drain()
    assert last_item(house)["state"] == "done"
    assert days(house)[-1] == "2026-11-25"


def test_R16_another_rate_for_a_day_that_stands_is_refused_and_shown(house: House, bank: Bank) -> None:
    register_seller(house, bank)
    go_to(house, bank, WEDNESDAY, time(14, 45))
    house.run(JOB)
    before = house.fetch("SELECT * FROM exchange_rates ORDER BY id")
    go_to(house, bank, WEDNESDAY + DAYS, time(14, 45))
    bank.tell("holidays", {"days": ["2026-11-26"]})
    bank.tell("rates", {"2026-11-25": {"EUR": 99.9}})
    house.run(JOB)
    item = last_item(house)
    assert item["state"] == "dead"
    assert "1 EUR cost" in str(item["last_error"])
    assert "what stands never changes" in str(item["last_error"])
    assert house.fetch("SELECT * FROM exchange_rates ORDER BY id") == before
    for change in ("UPDATE exchange_rates SET rate = '1'", "DELETE FROM exchange_rates"):
        with pytest.raises(DBAPIError, match="a published rate never changes"):
            rows(house.engine, change)


def test_R16_new_rates_ring_for_the_invoices_that_waited(house: House, bank: Bank) -> None:
    register_seller(house, bank)
    catalogue(house.engine)
    go_to(house, bank, WEDNESDAY, time(9))
    of = subscriber(house.engine, ends_on=WEDNESDAY)
    charge(house.engine, of, state="succeeded", paid_at=house.clock.now(), last_method_id=of.method_id)
    assert house.run("issue_invoices").items == [], "it waits, and is no work"
    house.run(JOB)
    (invoice,) = house.fetch("SELECT * FROM invoices")
    exchange = invoice["snapshot"]["exchange"]
    assert (exchange["published_on"], exchange["source"]) == ("2026-11-24", "CNB")
    (rung,) = house.fetch("SELECT trigger, requested_by FROM runs WHERE job = 'issue_invoices' AND trigger = 'rung'")
    assert rung["requested_by"] == JOB
    go_to(house, bank, WEDNESDAY, time(15))
    house.run(JOB)
    assert len(house.fetch("SELECT 1 AS one FROM runs WHERE job = 'issue_invoices' AND trigger = 'rung'")) == 1


def test_R16_a_death_at_any_door_loses_no_list_and_no_invoice(house: House, bank: Bank) -> None:
    register_seller(house, bank)
    catalogue(house.engine)
    go_to(house, bank, WEDNESDAY, time(14, 45))
    passed: list[str] = []
    with watching_doors(passed.append):
        house.plan(JOB)
        house.drain(pick=lambda job: job == JOB)
    doors = list(dict.fromkeys(passed))
    assert {"after:call:rates.daily", "after:commit:rates.keep"} <= set(doors)
    day = WEDNESDAY
    for door in doors:
        day += (3 if day.isoweekday() == 5 else 1) * DAYS
        go_to(house, bank, day, time(14, 45))
        of = subscriber(house.engine, ends_on=day)
        charge(house.engine, of, state="succeeded", paid_at=house.clock.now(), last_method_id=of.method_id)
        with dying_at(door) as passes:
            house.plan(JOB)
            house.drain(pick=lambda job: job == JOB)
        assert passes, f"nobody came to {door}"
        restart(house)
        house.plan(JOB)
        house.drain(pick=lambda job: job == JOB)
        assert days(house)[-1] == day.isoformat()
        house.drain(pick=lambda job: job != "deliver_mail")
    assert len(house.fetch("SELECT 1 AS one FROM invoices")) == len(doors)
