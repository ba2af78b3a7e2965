"""Renewal off and on, and what the nights make of it (R7-R9b)."""

import threading
from datetime import timedelta

import pytest

from tests.support.builders import update
from tests.support.counter import customer_of
from tests.support.house import House
from tests.support.stories import (
    charges_of,
    customer,
    dying_at,
    kinds_of,
    paid,
    restart,
    status_of,
    subscription_of,
    until_quiet,
)
from tests.support.waiting import wait_until
from worker.desk.my_package import my_package
from worker.desk.renewal import renewal_off, renewal_on
from worker.errors import ActRefusedError


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "is switched off"),
        ("pl", "jest wyłączone"),
        ("cs", "je vypnuté"),
        ("de", "ist ausgeschaltet"),
        ("sk", "je vypnuté"),
        ("hu", "ki van kapcsolva"),
    ],
)
def test_R9b_off_is_confirmed_by_a_mail_in_the_customers_language(house: House, locale: str, words: str) -> None:
    of = customer(house, ends_on=house.clock.today() + timedelta(days=40), locale=locale)
    renewal_off(house.runtime, customer_of(of), request_id="r-1")
    renewal_off(house.runtime, customer_of(of), request_id="r-2")
    house.drain()
    assert kinds_of(house, of) == ["renewal_off_confirmed"], "off again is no news"
    assert words in house.sink.mails[0]["Subject"]


def test_R9b_on_withdraws_the_notice_and_the_reminders(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + timedelta(days=14))
    renewal_off(house.runtime, customer_of(of), request_id="r-1")
    house.plan("remind")
    house.drain(pick=lambda job: job == "remind")
    (notice,) = my_package(house.runtime, customer_of(of))["notices"]
    assert "Automatic renewal is off" in notice["text"]
    done = renewal_on(house.runtime, customer_of(of), request_id="r-2")
    assert done.result["changed"] is True
    assert my_package(house.runtime, customer_of(of))["notices"] == []
    house.drain()
    house.run("remind")
    assert {row["state"] for row in house.fetch("SELECT state FROM mails")} == {"withdrawn"}
    assert house.sink.mails == []


def test_R7_off_while_past_due_cancels_the_payment_and_suspends_that_day(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.run("renew")
    assert status_of(house, of) == "past_due"
    done = renewal_off(house.runtime, customer_of(of), request_id="r-1")
    assert done.result["suspends_on"] == house.clock.today().isoformat()
    house.run("suspend")
    assert [charge["state"] for charge in charges_of(house, of)] == ["cancelled"]
    assert status_of(house, of) == "suspended"


@pytest.mark.parametrize("state", ["confirming", "unknown", "processing"])
def test_R7_off_is_refused_once_the_confirmation_has_begun(house: House, state: str) -> None:
    of = customer(house)
    with dying_at("after:commit:charging.begin"):
        house.run("renew")
    (charge,) = charges_of(house, of)
    assert charge["state"] == "confirming"
    if state != "confirming":
        update(house.engine, "charges", charge["id"], state="unknown")
    if state == "processing":
        update(house.engine, "charges", charge["id"], state="processing")
    with pytest.raises(ActRefusedError, match="try again in a few minutes"):
        renewal_off(house.runtime, customer_of(of), request_id="r-1")
    assert subscription_of(house, of)["auto_renew"] is True


def test_R7_off_that_waits_for_the_beginning_of_the_confirmation_is_refused(house: House) -> None:
    """The charge's row decides which of the two came first, whatever each had read before."""
    of = customer(house)
    with dying_at("before:commit:charging.begin"):
        house.run("renew")
    refused: list[str] = []

    def ask() -> None:
        try:
            renewal_off(house.runtime, customer_of(of), request_id="r-1")
        except ActRefusedError as refusal:
            refused.append(refusal.code)

    asking = threading.Thread(target=ask)
    with house.engine.begin() as connection:
        connection.exec_driver_sql("SELECT id FROM charges FOR UPDATE")
        asking.start()
        connection.exec_driver_sql("UPDATE charges SET state = 'created'")
        connection.exec_driver_sql("UPDATE charges SET state = 'confirming'")
    asking.join(10)
    assert refused == ["payment_under_way"]


def test_R7_a_confirmation_that_waits_for_the_switch_never_begins(house: House) -> None:
    of = customer(house)
    waits = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    renewing = threading.Thread(target=house.run, args=("renew",))
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE subscriptions SET auto_renew = false")
        renewing.start()
        wait_until(lambda: house.fetch(waits)[0]["n"] > 0)
    renewing.join(20)
    assert paid(house, of) == []
    assert "confirming" not in {charge["state"] for charge in charges_of(house, of)}


def test_R7_off_before_the_confirmation_is_off_and_nothing_is_charged(house: House) -> None:
    of = customer(house)
    with dying_at("after:commit:charging.price"):
        house.run("renew")
    renewal_off(house.runtime, customer_of(of), request_id="r-1")
    restart(house)
    house.run("suspend")
    until_quiet(house)
    assert paid(house, of) == []
    assert status_of(house, of) == "suspended"


def test_R9_my_package_tells_the_next_charge_less_credit(house: House) -> None:
    end = house.clock.today() + timedelta(days=10)
    of = customer(house, ends_on=end, credit_minor=300)
    shown = my_package(house.runtime, customer_of(of))
    assert shown["next_charge"] == {"on": end.isoformat(), "amount_minor": of.list_minor - 300, "currency": "EUR"}
    assert (shown["package"], shown["agents"], shown["conversations"], shown["status"]) == (
        "standard",
        3,
        100,
        "active",
    )
    assert shown["term"]["ends_on"] == end.isoformat()
    renewal_off(house.runtime, customer_of(of), request_id="r-1")
    assert my_package(house.runtime, customer_of(of))["next_charge"] is None


def test_R8b_my_package_tells_the_next_try_while_past_due(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.run("renew")
    shown = my_package(house.runtime, customer_of(of))
    tomorrow = house.clock.today() + timedelta(days=1)
    assert shown["next_charge"] == {"on": tomorrow.isoformat(), "amount_minor": of.list_minor, "currency": "EUR"}
    assert shown["status"] == "past_due"
