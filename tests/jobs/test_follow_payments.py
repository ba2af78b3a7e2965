"""The job `follow_payments`: looks only while something is open, reads little, believes events after a read."""

from datetime import timedelta

import pytest

from tests.support.builders import update
from tests.support.house import API_KEY, House
from tests.support.stories import (
    charge_of,
    charges_of,
    customer,
    dying_at,
    hurry,
    minute,
    paid,
    restart,
    status_of,
)
from worker.gateways.stripe import RefundRequest

CURSOR = "SELECT event_id, event_at FROM provider_cursors"


def requests(house: House, endpoint: str) -> int:
    counted = house.emulator.statistics()["endpoints"].get(endpoint, {"requests": 0})
    return int(counted["requests"])


def test_R6_without_open_work_there_is_no_run_and_no_call(house: House) -> None:
    assert minute(house, minutes=3) == []
    of = customer(house)
    house.run("renew")
    house.emulator.reset_statistics()
    assert minute(house, minutes=3) == []
    assert charge_of(house, of)["state"] == "succeeded"
    assert house.emulator.statistics()["all"]["requests"] == 0
    assert house.fetch("SELECT * FROM runs WHERE trigger = 'minutely'") == []


def test_R6_quiet_charges_are_not_read_every_minute(house: House) -> None:
    waiting = customer(house, "authentication_required")
    slow = customer(house, "processing:succeeded:90000")
    refused = customer(house, "processing:failed:insufficient_funds:30")
    house.run("renew")
    minute(house, minutes=3)
    assert charge_of(house, refused)["state"] == "declined"
    house.emulator.reset_statistics()
    minute(house, minutes=60)
    assert requests(house, "payment_intents.retrieve") == 0, "the provider allows few reads"
    assert requests(house, "events.list") == 60, "one page a minute, for all of them"
    for _ in range(4):
        house.wait(hours=6)
        minute(house)
    assert requests(house, "payment_intents.retrieve") <= 5, "one that processes is read every six hours"
    house.wait(hours=2)
    minute(house)
    assert charge_of(house, slow)["state"] == "succeeded"
    assert status_of(house, waiting) == "past_due"
    assert house.books().equal, house.books().differences


def test_R6_the_same_events_twice_change_nothing(house: House) -> None:
    of, waiting = customer(house, "processing:succeeded:40"), customer(house, "authentication_required")
    house.run("renew")
    minute(house)
    before = (charges_of(house, of), charges_of(house, waiting), house.mails())
    for _ in range(3):
        house.run("follow_payments")
    with house.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM provider_cursors")
    house.run("follow_payments")
    items = {"work_item_id": None, "check_after": None}
    assert [{**row, **items} for row in before[0]] == [{**row, **items} for row in charges_of(house, of)]
    assert [{**row, **items} for row in before[1]] == [{**row, **items} for row in charges_of(house, waiting)]
    assert house.mails() == before[2]
    assert paid(house, of) == [of.list_minor]


def test_R6_events_of_refunds_and_disputes_are_passed_over_and_the_cursor_moves_on(house: House) -> None:
    of = customer(house)
    waiting = customer(house, "processing:succeeded:9000")
    house.run("renew")
    before = (charge_of(house, of), charge_of(house, waiting))
    intent = before[0]["provider_intent"]
    dispute = house.emulator.open_dispute(intent)
    house.wait(minutes=2)
    house.run("follow_payments")
    house.emulator.close_dispute(dispute, "won")
    (refund,) = house.runtime.payments.refund([RefundRequest("refund-1", intent, 100, {})])
    assert refund.kind == "known"
    house.wait(minutes=2)
    house.emulator.reset_statistics()
    house.run("follow_payments")
    newest = house.runtime.payments.events(after=None, since=house.clock.now() - timedelta(days=1))[-1]
    assert newest.type == "charge.dispute.closed"
    assert house.fetch(CURSOR)[0]["event_id"] == newest.event_id
    assert requests(house, "payment_intents.retrieve") == 0, "a dispute is no news of a payment"
    items = {"work_item_id": None, "check_after": None}
    for old, subscriber in zip(before, (of, waiting), strict=True):
        assert {**charge_of(house, subscriber), **items} == {**old, **items}


def test_R6_a_burst_of_events_never_hides_the_one_behind_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("worker.gateways.stripe", "worker.charging.follow"):
        monkeypatch.setattr(f"{module}.EVENTS_PAGE_MAX", 2)
    monkeypatch.setattr("worker.charging.follow.PAGES_MAX", 1)
    for _ in range(6):
        customer(house)
    waiting = customer(house, "authentication_required")
    house.run("renew")
    house.emulator.approve_at_bank(charge_of(house, waiting)["provider_intent"], api_key=API_KEY)
    minute(house, minutes=8)
    assert charge_of(house, waiting)["state"] == "succeeded"
    assert house.books().equal, house.books().differences


def test_R6_a_cursor_that_the_provider_has_forgotten_begins_again(house: House) -> None:
    of = customer(house, "authentication_required")
    house.run("renew")
    minute(house, minutes=2)
    (cursor,) = house.fetch(CURSOR)
    assert cursor["event_id"].startswith("evt_")
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE provider_cursors SET event_id = 'evt_forgotten'")
    house.emulator.approve_at_bank(charge_of(house, of)["provider_intent"], api_key=API_KEY)
    minute(house)
    assert charge_of(house, of)["state"] == "succeeded"


def test_R6_a_refusal_on_the_payment_page_or_events_that_cannot_be_read_end_nothing(house: House) -> None:
    of = customer(house, "authentication_required")
    house.run("renew")
    house.emulator.fault("drop_after_execution", "events.list", times=1)
    house.run("follow_payments")
    (failed,) = house.fetch("SELECT last_error FROM work_items WHERE last_error IS NOT NULL")
    assert "UnreachableError" in failed["last_error"]
    assert minute(house) == ["follow_payments"]
    assert charge_of(house, of)["state"] == "declined"


def test_R6_a_death_in_the_middle_of_the_events_loses_none(house: House) -> None:
    doors = ("follow.take", "charging.settle", "follow.move")
    for door in (f"{side}:commit:{name}" for name in doors for side in ("before", "after")):
        of = customer(house, "processing:succeeded:100")
        house.run("renew")
        house.wait(minutes=3)
        with dying_at(door) as passes:
            house.run("follow_payments")
        assert passes, f"nobody came to {door}"
        restart(house)
        minute(house, minutes=2)
        assert charge_of(house, of)["state"] == "succeeded", door
        house.go_to(house.clock.today() + timedelta(days=1))
    assert house.books().equal, house.books().differences


def test_R6_news_that_cannot_be_read_at_once_is_read_later(house: House) -> None:
    waiting, slow = customer(house, "authentication_required"), customer(house, "processing:succeeded:30")
    house.run("renew")
    house.emulator.approve_at_bank(charge_of(house, waiting)["provider_intent"], api_key=API_KEY)
    house.emulator.fault("drop_after_execution", "payment_intents.retrieve", times=500)
    minute(house, minutes=3)
    states = [charge_of(house, of)["state"] for of in (waiting, slow)]
    assert states == ["declined", "processing"], "three minutes long nobody could read them"
    house.emulator.no_faults()
    minute(house, minutes=2)
    assert [charge_of(house, of)["state"] for of in (waiting, slow)] == ["succeeded", "succeeded"]
    assert house.books().equal, house.books().differences
    assert minute(house) == [], "nothing is open any more"


def test_R6_news_of_a_charge_that_other_work_holds_is_read_when_that_is_done(house: House) -> None:
    waiting, neighbour = customer(house, "authentication_required"), customer(house)
    house.emulator.fault("drop_before_execution", "payment_intents.create", customer=f"cus_{neighbour.external_id}")
    house.run("renew")
    (item,) = house.fetch("SELECT id FROM work_items WHERE job = 'renew' AND state = 'ready'")
    update(house.engine, "work_items", item["id"], not_before=house.clock.now() + timedelta(days=9999))
    house.emulator.approve_at_bank(charge_of(house, waiting)["provider_intent"], api_key=API_KEY)
    minute(house, minutes=3)
    assert charge_of(house, waiting)["state"] == "declined", "its item may work on it at any moment"
    hurry(house)
    house.drain()
    assert charge_of(house, neighbour)["state"] == "succeeded"
    minute(house)
    assert charge_of(house, waiting)["state"] == "succeeded"
    assert house.books().equal, house.books().differences
