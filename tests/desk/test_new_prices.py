"""R3b: subscriptions move to today's prices with 30 days' notice; one, or all of a package in bounded batches."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.support import builders
from tests.support.builders import Subscriber, counts, rows, subscriber, update
from tests.support.counter import audited, customer_of, support_for
from tests.support.house import House
from tests.support.stories import charges_of, customer, kinds_of, next_days, paid, subscription_of
from worker.billing.catalogue import Package
from worker.billing.money import Currency
from worker.desk import new_prices
from worker.desk.interval_change import schedule_monthly
from worker.desk.my_package import my_package
from worker.desk.new_prices import Moved, move_all_to_new_prices, move_to_new_prices
from worker.desk.request import Done
from worker.errors import ActRefusedError

DAYS = timedelta(days=1)


def old_priced(house: House, *, days: int = 10, **facts: Any) -> Subscriber:
    """A subscriber who pays less than the catalogue asks, and whose term ends in some days."""
    return customer(house, ends_on=house.clock.today() + days * DAYS, **({"agent_price_minor": 1500} | facts))


def moved(house: House, of: Subscriber, request_id: str = "r-1") -> Done:
    """Support moves one."""
    return move_to_new_prices(house.runtime, support_for(of), request_id=request_id, reason="the list of 2026")


def everybody(house: House, request_id: str = "r-1", *, currency: Currency = Currency.EUR) -> Moved:
    """Ops move all of Standard."""
    return move_all_to_new_prices(
        house.runtime,
        by="ops",
        package=Package.STANDARD,
        currency=currency,
        request_id=request_id,
        reason="the list of 2026",
    )


def dearer(house: House, agent_price_minor: int, *, from_day: date) -> None:
    """The catalogue has other prices for Standard from a day on."""
    builders.new_prices(house.engine, valid_from=from_day, agent_price_minor=agent_price_minor)


def states(house: House) -> list[str]:
    """The states of all scheduled changes, oldest first."""
    return [row["state"] for row in rows(house.engine, "SELECT state FROM scheduled_changes ORDER BY id")]


def test_R3b_new_prices_come_with_the_first_term_that_starts_30_days_later(house: House) -> None:
    of = old_priced(house)
    today = house.clock.today()
    done = moved(house, of)
    second_end = of.term(2).starts_on
    assert (second_end - today).days >= 30
    assert (of.ends_on - today).days < 30
    assert done.result == {
        "renews_on": second_end.isoformat(),
        "old_minor": 4500,
        "new_minor": 5700,
        "currency": "EUR",
        "replaced": False,
    }
    shown = my_package(house.runtime, customer_of(of))
    assert shown["scheduled"] == [{"kind": "prices", "comes_on": second_end.isoformat()}]
    assert shown["next_charge"]["amount_minor"] == 4500, "the next one has the old price still"
    for day in (of.ends_on, second_end, of.term(3).starts_on):
        house.go_to(day)
        house.run("renew")
    assert paid(house, of) == [4500, 5700, 5700]
    assert states(house) == ["applied"]
    (in_force,) = house.fetch("SELECT agent_lots FROM configurations WHERE in_force")
    assert in_force["agent_lots"] == [[3, 1900]]
    assert subscription_of(house, of)["anchor_on"] == of.anchor_on, "the dates stay"
    assert house.books().equal


def test_R3b_the_customer_is_told_both_sums_and_the_day(house: House) -> None:
    of = old_priced(house)
    moved(house, of)
    assert moved(house, of).repeated
    (mail,) = rows(house.engine, "SELECT kind, data FROM mails")
    assert mail["kind"] == "prices_change"
    assert mail["data"]["old_amount"] == {"amount_minor": 4500, "currency": "EUR"}
    assert mail["data"]["new_amount"] == {"amount_minor": 5700, "currency": "EUR"}
    assert mail["data"]["renews_on"] == of.term(2).starts_on.isoformat()
    house.drain()
    assert len(house.sink.mails) == 1


def test_R3b_the_notice_is_a_setting(house: House) -> None:
    house.with_policy(price_notice_days=10)
    of = old_priced(house)
    assert moved(house, of).result["renews_on"] == of.ends_on.isoformat()
    assert my_package(house.runtime, customer_of(of))["next_charge"]["amount_minor"] == 5700


def test_R3b_a_second_move_replaces_the_first_where_it_brings_something_else(house: House) -> None:
    of = old_priced(house)
    moved(house, of)
    with pytest.raises(ActRefusedError, match="leave it as it is"):
        moved(house, of, "r-2")
    tomorrow = house.clock.today() + DAYS
    dearer(house, 2500, from_day=tomorrow)
    house.go_to(tomorrow)
    done = moved(house, of, "r-3")
    assert (done.result["replaced"], done.result["new_minor"], done.result["old_minor"]) == (True, 7500, 4500)
    assert states(house) == ["withdrawn", "waiting"]
    assert [row["state"] for row in rows(house.engine, "SELECT state FROM mails ORDER BY id")] == [
        "withdrawn",
        "waiting",
    ]


def test_R3b_a_list_that_went_back_takes_the_move_back(house: House) -> None:
    of = old_priced(house)
    moved(house, of)
    tomorrow = house.clock.today() + DAYS
    dearer(house, 1500, from_day=tomorrow)
    house.go_to(tomorrow)
    done = moved(house, of, "r-2")
    assert (done.result["renews_on"], done.result["replaced"]) == (None, True)
    assert states(house) == ["withdrawn"]


def test_R3b_lots_become_one_and_a_sum_that_stays_needs_no_mail(house: House) -> None:
    of = old_priced(house)
    update(house.engine, "configurations", of.configuration_id, agent_lots=[[1, 1700], [1, 1900], [1, 2100]])
    assert moved(house, of).result["old_minor"] == 5700
    assert kinds_of(house, of) == []
    assert states(house) == ["waiting"]


def test_R13_the_day_follows_a_move_to_monthly_that_waits(house: House) -> None:
    of = old_priced(house, interval="year", agent_price_minor=15000)
    schedule_monthly(house.runtime, support_for(of), request_id="r-1", reason="asked")
    with pytest.raises(ActRefusedError, match="leave it as it is"):
        moved(house, of, "r-2")
    dearer(house, 2500, from_day=house.clock.today() + DAYS)
    house.go_to(house.clock.today() + DAYS)
    done = moved(house, of, "r-3")
    assert (done.result["old_minor"], done.result["new_minor"]) == (5700, 7500)
    day = date.fromisoformat(str(done.result["renews_on"]))
    for _ in next_days(house, (day - house.clock.today()).days + 1):
        house.run("renew")
    assert paid(house, of) == [5700, 7500]
    assert [charge["starts_on"] for charge in charges_of(house, of)][-1] == day


def test_R3b_all_of_a_package_move_in_batches_and_again_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_prices, "PAGE", 2)
    old = [old_priced(house) for _ in range(5)]
    other: list[dict[str, Any]] = [
        {"agent_price_minor": 1900},
        {"package": "pro", "agent_price_minor": 1500},
        {"currency": "PLN", "agent_price_minor": 1500},
        {"status": "suspended", "agent_price_minor": 1500},
    ]
    for facts in other:
        subscriber(house.engine, ends_on=house.clock.today() + 10 * DAYS, **facts)
    assert everybody(house).counts == {"moved": 5, "unchanged": 1}
    asked = [row["account_id"] for row in audited(house)]
    assert asked == [of.account_id for of in old], "one audit row each, none for those that stay"
    assert len(states(house)) == len(rows(house.engine, "SELECT 1 FROM mails")) == 5
    before = counts(house.engine)
    assert everybody(house).counts == everybody(house, "r-2").counts == {"unchanged": 6}
    assert counts(house.engine) == before


def test_R3b_one_that_cannot_be_priced_holds_up_nobody(house: House) -> None:
    odd, fine = old_priced(house), old_priced(house)
    update(house.engine, "configurations", odd.configuration_id, extra_conversations=150, conversation_block=50)
    update(house.engine, "configurations", odd.configuration_id, block_lots=[[3, 500]])
    found = everybody(house)
    assert found.counts == {"refused": 1, "moved": 1}
    assert list(found.refused) == [odd.external_id]
    assert "blocks of 100" in found.refused[odd.external_id]
    assert kinds_of(house, fine) == ["prices_change"]
    assert [row["details"].get("refused") for row in audited(house)] == ["cannot_be_priced", None]
