"""The job `audit`: today's run asks everything, says loudly what is broken, and changes nothing that it looks at."""

from datetime import time, timedelta
from typing import Any

from structlog.testing import capture_logs

from tests.support.builders import credit, insert, update
from tests.support.doubles import charged_twice
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.snapshot import everything
from tests.support.stories import customer, hurry, status_of, switch_renewal, whole_day
from tests.support.work import run as past_run
from worker import jobs
from worker.jobs import audit
from worker.queue import runs
from worker.queue.runs import PlannedRun
from worker.store.audit import INVARIANTS

DAYS = timedelta(days=1)
SUMS = ("money_months", "decline_months")


def result(house: House, planned: PlannedRun, key: str = audit.STORE) -> dict[str, Any]:
    """What the run's item counted."""
    (row,) = house.fetch(
        "SELECT result FROM work_items WHERE run_id = :run AND key = :key", run=planned.run_id, key=key
    )
    return dict(row["result"])


def noted(house: House) -> list[dict[str, object]]:
    """The rows that the job wrote into the audit log."""
    return house.fetch("SELECT actor, details FROM audit_log WHERE act = 'audit' ORDER BY id")


def looked_at(house: House) -> dict[str, list[dict[str, Any]]]:
    """All that the job looks at; its own sums of months are no part of it."""
    return {name: content for name, content in everything(house.engine).items() if name not in SUMS}


def mixed_day(house: House) -> None:
    """A night with every kind of outcome, and paper and mails for it."""
    today = house.clock.today()
    for script in ("ok", "insufficient_funds", "stolen_card", "authentication_required"):
        customer(house, script)
    customer(house, auto_renew=False)
    customer(house, method=None)
    customer(house, credit_minor=9000)
    customer(house, agents=1, agent_price_minor=20)
    customer(house, auto_renew=False, ends_on=today + 7 * DAYS)
    lost = customer(house)
    house.emulator.fault("drop_after_execution", "payment_intents.confirm", customer=f"cus_{lost.external_id}")
    whole_day(house)
    house.wait(minutes=1)
    whole_day(house)


def test_after_a_mixed_day_nothing_is_broken_and_twice_is_harmless(house: House) -> None:
    mixed_day(house)
    house.go_to(house.clock.today(), at=time(12, 30))
    before = looked_at(house)
    with capture_logs() as logged:
        first = house.run("audit")
        summed = everything(house.engine)
        second = house.run("audit")
    assert {name: everything(house.engine)[name] for name in SUMS} == {name: summed[name] for name in SUMS}
    assert all(summed[name] for name in SUMS)
    assert result(house, first) == result(house, second) == {"invariants": len(INVARIANTS), "broken": 0}
    assert looked_at(house) == before
    assert noted(house) == []
    assert [one for one in logged if one["log_level"] == "warning"] == []
    hold(house)


def test_what_is_broken_is_counted_noted_and_logged_once_per_run(house: House) -> None:
    of, other = customer(house, ends_on=house.clock.today() + 9 * DAYS), customer(house)
    insert(house.engine, "credit_entries", account_id=of.account_id, currency="EUR", amount_minor=-7, kind="import")
    update(house.engine, "subscriptions", other.subscription_id, interval="year")
    planned = house.plan("audit")
    item, _ = planned.items
    before = looked_at(house)
    held = house.lease(item)
    with capture_logs() as logged:
        counted = audit.audit(house.runtime, held)
        audit.audit(house.runtime, held)  # its worker died before the item was done
    assert looked_at(house) == before
    found = {"credit_overdrawn": 1, "configuration_in_force": 1}
    assert counted == {"invariants": len(INVARIANTS), "broken": 2, **found}
    (row,) = noted(house)
    assert row["actor"] == "audit"
    assert row["details"] == {
        "run": planned.run_id,
        "broken": found,
        "first": {
            "credit_overdrawn": [f"{of.external_id}: the credit is -7 EUR"],
            "configuration_in_force": [f"{other.external_id}: 0 configurations in force by the year"],
        },
    }
    assert [(one["event"], one["violations"]) for one in logged] == [("audit_broken", found)] * 2
    house.run("audit")
    assert len(noted(house)) == 2, "one per run"


def test_a_date_that_is_caught_up_asks_the_provider_alone_and_today_asks_the_store_once(house: House) -> None:
    today = house.clock.today()
    past_run(house.engine, job="audit", business_date=today - 4 * DAYS)
    house.go_to(today, at=time(12, 30))
    spec = jobs.load()["audit"].spec(house.runtime)
    made = runs.ensure_runs(house.engine, [spec], house.clock, item_size_max=100)
    assert [(one.business_date, len(one.items)) for one in made] == [
        (today - 3 * DAYS, 1),
        (today - 2 * DAYS, 1),
        (today - DAYS, 1),
        (today, 2),
    ]
    assert runs.ensure_runs(house.engine, [spec], house.clock, item_size_max=100) == []


def test_days_of_customers_who_change_their_minds_raise_no_false_alarm(house: House) -> None:
    start = house.clock.today() + DAYS
    leaves, stays = customer(house, ends_on=start + 2 * DAYS), customer(house, ends_on=start + DAYS)
    poor = customer(house, "do_not_honor", ends_on=start)
    credit(house.engine, stays.account_id, 500)
    alarms = []
    for n in range(10):
        house.go_to(start + n * DAYS, at=time(6))
        if n == 1:
            switch_renewal(house, leaves, on=False)
        whole_day(house)
        house.go_to(start + n * DAYS, at=time(10))
        alarms.append(result(house, house.run("audit"))["broken"])
    assert alarms == [0] * 10
    assert status_of(house, leaves) == status_of(house, poor) == "suspended"


def test_yesterday_is_compared_with_the_provider_and_twice_is_harmless(house: House) -> None:
    yesterday = house.clock.today()
    mixed_day(house)
    house.go_to(yesterday + DAYS, at=time(10))
    before = looked_at(house)
    first, second = house.run("audit"), house.run("audit")
    counted = result(house, first, audit.PROVIDER)
    assert counted == result(house, second, audit.PROVIDER)
    assert (counted["day"], counted["broken"]) == (yesterday.isoformat(), 0)
    assert (counted["charges"], counted["ours"]) == (5, 2)
    assert looked_at(house) == before
    assert noted(house) == []


def test_what_the_provider_knows_otherwise_is_noted_once_per_run_also_for_a_date_that_is_caught_up(
    house: House,
) -> None:
    day = house.clock.today()
    customer(house, external_id="shop")
    house.run("renew")
    booked, other = charged_twice(house, "shop")
    house.go_to(day + 3 * DAYS, at=time(10))
    planned = house.plan("audit", day=day + DAYS)
    (item,) = planned.items
    before = everything(house.engine)
    held = house.lease(item)
    with capture_logs() as logged:
        counted = audit.audit(house.runtime, held)
        audit.audit(house.runtime, held)  # its worker died before the item was done
    assert everything(house.engine) == before
    assert (counted["broken"], counted["charged_twice"]) == (1, 1)
    (row,) = noted(house)
    (charge,) = house.fetch("SELECT id FROM charges")
    assert row["details"] == {
        "run": planned.run_id,
        "day": day.isoformat(),
        "broken": {"charged_twice": 1},
        "first": {"charged_twice": [f"shop: {other}: 5700 EUR, beside {booked} of charge {charge['id']}"]},
    }
    assert [(one["event"], one["day"]) for one in logged] == [("audit_broken", day.isoformat())] * 2
    house.execute(item, "audit")
    assert len(noted(house)) == 1


def test_while_the_provider_is_away_the_comparison_waits_and_the_store_is_asked(house: House) -> None:
    customer(house)
    house.run("renew")
    house.go_to(house.clock.today() + DAYS, at=time(10))
    house.emulator.fault("error_before_execution", "refunds.list")
    planned = house.run("audit")
    states = "SELECT key, state, deferrals FROM work_items WHERE run_id = :run ORDER BY key"
    assert [tuple(row.values()) for row in house.fetch(states, run=planned.run_id)] == [
        (audit.STORE, "done", 0),
        (audit.PROVIDER, "ready", 1),
    ]
    hurry(house)
    house.drain()
    assert result(house, planned, audit.PROVIDER)["broken"] == 0
    assert noted(house) == []
