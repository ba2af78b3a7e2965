"""What support scheduled comes with the renewal that pays for it: configuration, interval, anchor (R3b, R13)."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from tests.support.builders import Subscriber, insert, rows
from tests.support.house import House
from tests.support.stories import charge_of, customer, paid, subscription_of


def scheduled(house: House, of: Subscriber, kind: str, *, not_before: date, priced_on: date) -> int:
    """A change that waits for the next term."""
    return insert(
        house.engine,
        "scheduled_changes",
        account_id=of.account_id,
        subscription_id=of.subscription_id,
        kind=kind,
        not_before=not_before,
        priced_on=priced_on,
    )


def configurations_of(house: House, of: Subscriber) -> list[dict[str, Any]]:
    """All configurations, oldest first."""
    return rows(
        house.engine, "SELECT * FROM configurations WHERE subscription_id = :id ORDER BY id", id=of.subscription_id
    )


def change_of(house: House, change: int) -> dict[str, Any]:
    """A scheduled change as it stands."""
    return rows(house.engine, "SELECT * FROM scheduled_changes WHERE id = :id", id=change)[0]


def test_R13_a_renewal_brings_the_monthly_interval_its_prices_and_a_new_anchor(house: House) -> None:
    today = house.clock.today()
    of = customer(house, interval="year", agent_price_minor=19000)
    change = scheduled(house, of, "interval", not_before=today, priced_on=today - timedelta(days=40))
    house.run("renew")
    assert paid(house, of) == [3 * 1900]
    old, new = configurations_of(house, of)
    assert (old["in_force"], old["superseded_at"]) == (False, house.clock.now())
    assert (new["in_force"], new["superseded_at"], new["interval"], new["agents"]) == (True, None, "month", 3)
    one = subscription_of(house, of)
    assert (one["interval"], one["anchor_on"], one["anchor_number"], one["term_number"]) == ("month", today, 1, 1)
    assert one["paid_until"] == charge_of(house, of)["ends_on"] <= today + timedelta(days=31)
    brought = change_of(house, change)
    assert (brought["state"], brought["charge_id"], brought["decided_at"]) == (
        "applied",
        charge_of(house, of)["id"],
        house.clock.now(),
    )


def test_R3b_new_prices_come_with_the_first_term_that_starts_late_enough(house: House) -> None:
    today = house.clock.today()
    of = customer(house, agent_price_minor=1500)
    change = scheduled(house, of, "prices", not_before=today + timedelta(days=1), priced_on=today)
    house.run("renew")
    assert paid(house, of) == [3 * 1500]
    assert change_of(house, change)["state"] == "waiting"
    house.go_to(subscription_of(house, of)["paid_until"])
    house.run("renew")
    assert paid(house, of) == [3 * 1500, 3 * 1900]
    assert change_of(house, change)["state"] == "applied"
    assert [one["in_force"] for one in configurations_of(house, of)] == [False, True]
    assert subscription_of(house, of)["anchor_on"] == of.anchor_on


def test_R13_a_renewal_that_does_not_succeed_brings_nothing(house: House) -> None:
    today = house.clock.today()
    of = customer(house, "insufficient_funds", interval="year", agent_price_minor=19000)
    change = scheduled(house, of, "interval", not_before=today, priced_on=today)
    house.run("renew")
    assert [one["in_force"] for one in configurations_of(house, of)] == [True, False]
    assert change_of(house, change)["state"] == "waiting"
    assert subscription_of(house, of)["interval"] == "year"


def test_a_renewal_of_what_is_in_force_touches_no_configuration(house: House) -> None:
    of = customer(house)
    with house.engine.connect() as connection:
        before = connection.execute(text("SELECT xmin::text, id FROM configurations")).all()
        house.run("renew")
        assert connection.execute(text("SELECT xmin::text, id FROM configurations")).all() == before
    assert subscription_of(house, of)["anchor_on"] == of.anchor_on
