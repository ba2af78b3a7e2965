"""`charge_orders` takes up what was left behind, cancels what nobody paid for a day, leaves all else alone (R4)."""

import pytest

from tests.support.house import House
from tests.support.shopping import entitled, newcomer, ordered, pay_on_page, quoted, wish
from tests.support.stories import dying_at, restart
from worker.billing.states import Payer

STANDARD = wish("standard", "month", 3)


def planned(house: House) -> dict[str, int]:
    """What a look for work finds."""
    run = house.plan("charge_orders")
    return dict(house.fetch("SELECT planned FROM runs WHERE id = :run", run=run.run_id)[0]["planned"])


def page_order(house: House, name: str) -> None:
    """A purchase that waits for its customer on the payment page."""
    newcomer(house, name, saved=False)
    ordered(house, name, quoted(house, name, STANDARD)["quote"], payer=Payer.PAGE)


@pytest.mark.parametrize("door", ["after:commit:desk.order", "before:call:stripe.create", "after:call:stripe.create"])
def test_an_order_whose_process_died_is_taken_up(house: House, door: str) -> None:
    newcomer(house, "shop")
    shown = quoted(house, "shop", STANDARD)
    with dying_at(door) as passes:
        ordered(house, "shop", shown["quote"])
    assert passes
    restart(house)
    house.drain(pick=lambda job: job == "charge_orders")
    assert entitled(house, "shop")["status"] == "active"
    assert [entry["amount"] for entry in house.emulator.journal()] == [5700]
    assert planned(house) == {"left_behind": 0, "unpaid": 0, "items": 0}


def test_R4_an_order_waits_for_a_day_and_no_longer(house: House) -> None:
    page_order(house, "shop")
    house.drain()
    house.wait(hours=23, minutes=59)
    assert planned(house) == {"left_behind": 0, "unpaid": 0, "items": 0}
    house.wait(minutes=1)
    assert planned(house) == {"left_behind": 0, "unpaid": 1, "items": 1}
    house.drain(pick=lambda job: job == "charge_orders")
    assert house.fetch("SELECT state FROM charges") == [{"state": "cancelled"}]
    assert house.fetch("SELECT status FROM subscriptions") == [{"status": "ended"}]


def test_R4_money_that_came_first_is_honoured_instead_of_cancelled(house: House) -> None:
    page_order(house, "shop")
    house.emulator.withhold_events(withheld=True)
    pay_on_page(house, "shop")
    house.wait(hours=24)
    house.run("charge_orders")
    assert entitled(house, "shop")["status"] == "active"


def test_R4_an_unpaid_order_cancelled_twice_changes_nothing(house: House) -> None:
    page_order(house, "shop")
    house.wait(hours=24)
    house.run("charge_orders")
    before = house.fetch("SELECT * FROM charges")
    house.run("charge_orders")
    assert house.fetch("SELECT * FROM charges") == before


def test_an_order_at_a_provider_that_is_away_waits_and_is_cancelled_when_it_is_back(house: House) -> None:
    page_order(house, "shop")
    house.drain()
    house.wait(hours=24)
    house.emulator.fault("stall", "payment_intents.cancel", seconds=1.3)
    house.run("charge_orders")
    assert house.fetch("SELECT state FROM charges") == [{"state": "cancelling"}]
    house.wait(minutes=1)
    house.run("charge_orders")
    assert house.fetch("SELECT state FROM charges") == [{"state": "cancelled"}]
