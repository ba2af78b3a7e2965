"""Any process may die anywhere: at every door that a normal run passes, and all ends as if nothing had been."""

from collections.abc import Callable
from dataclasses import replace

from tests.support.builders import Subscriber
from tests.support.house import House
from tests.support.stories import (
    attempts_of,
    charge_of,
    customer,
    dying_at,
    expire,
    paid,
    replace_method,
    restart,
    status_of,
    until_quiet,
    watching_doors,
)

Scene = Callable[[House], list[Subscriber]]

OPEN = "SELECT * FROM attempts WHERE state IN ('sent', 'unknown', 'processing')"


def renewing(house: House) -> list[Subscriber]:
    """One that a card pays, one that credit pays."""
    return [customer(house), customer(house, credit_minor=5700)]


def trying_a_new_method(house: House) -> list[Subscriber]:
    """One past due that has just replaced a stolen card."""
    of = customer(house, "stolen_card")
    house.run("renew")
    replace_method(house, of)
    return [of]


def passed_by(house: House, scene: Scene) -> list[str]:
    """The doors that a run of `renew` passes when nobody dies."""
    scene(house)
    passed: list[str] = []
    with watching_doors(passed.append):
        house.plan("renew")
        house.drain(pick=lambda job: job == "renew")
    return list(dict.fromkeys(passed))


def books_but_for_paper(house: House) -> list[str]:
    """What differs between our books and the provider's; invoices come later and have their own proof."""
    return [said for said in house.books().differences if "invoice" not in said]


def die_everywhere(house: House, scene: Scene, *, rooms: tuple[str, ...] = ("",)) -> None:
    """Die once at each door whose name begins with one of these rooms, after another scene each time."""
    house.runtime = replace(house.runtime, limits=replace(house.runtime.limits, micro_batch_max=2))
    doors = passed_by(house, scene)
    assert {"before:call:stripe.confirm", "after:commit:charging.settle"} <= set(doors)
    for door in (door for door in doors if door.split(":")[2].startswith(rooms)):
        people = scene(house)
        with dying_at(door) as passes:
            house.plan("renew")
            house.drain(pick=lambda job: job == "renew")
        assert passes, f"nobody came to {door}"
        restart(house)
        house.plan("renew")
        house.drain(pick=lambda job: job in {"renew", "follow_payments"})
        for of in people:
            assert charge_of(house, of)["state"] == "succeeded", door
            assert status_of(house, of) == "active", door
            assert len(paid(house, of)) == (1 if charge_of(house, of)["amount_minor"] else 0), door
            assert len([a for a in attempts_of(house, of) if a["state"] == "succeeded"]) <= 1, door
    assert house.fetch(OPEN) == []
    assert books_but_for_paper(house) == []
    assert house.fetch("SELECT DISTINCT state FROM work_items WHERE job = 'renew'") == [{"state": "done"}]


def test_a_renewal_survives_a_death_at_every_door(house: House) -> None:
    die_everywhere(house, renewing)


def test_a_try_with_a_new_method_survives_a_death_at_every_door(house: House) -> None:
    die_everywhere(house, trying_a_new_method, rooms=("charging.", "stripe."))


def suspending(house: House) -> list[Subscriber]:
    """One whose schedule has run out, one that switched renewal off."""
    today = house.clock.today()
    over = customer(house, "stolen_card", ends_on=today)
    house.run("renew")
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE charges SET first_declined_on = first_declined_on - 7, suspends_on = suspends_on - 7"
            " WHERE state = 'declined'"
        )
    return [over, customer(house, auto_renew=False)]


def test_R10_a_suspension_survives_a_death_at_every_door(house: House) -> None:
    passed: list[str] = []
    suspending(house)
    with watching_doors(passed.append):
        house.plan("suspend")
        house.drain(pick=lambda job: job == "suspend")
    for door in dict.fromkeys(passed):
        people = suspending(house)
        with dying_at(door) as passes:
            house.plan("suspend")
            house.drain(pick=lambda job: job == "suspend")
        assert passes, f"nobody came to {door}"
        restart(house)
        house.plan("suspend")
        house.drain(pick=lambda job: job == "suspend")
        assert [status_of(house, of) for of in people] == ["suspended", "suspended"], door
        assert charge_of(house, people[0])["state"] == "failed", door
    until_quiet(house)
    told = house.fetch("SELECT count(*) AS n FROM mails WHERE kind = 'suspended' GROUP BY account_id")
    assert {row["n"] for row in told} == {1}
    assert len(told) == 2 * (1 + len(set(passed)))


def test_a_worker_that_wakes_up_after_losing_its_lease_charges_nothing_twice(house: House) -> None:
    doors = [door for door in passed_by(house, renewing) if not door.startswith("before:commit")]
    for door in doors:
        people = renewing(house)
        taken: list[str] = []

        def take_over(passed: str, door: str = door, taken: list[str] = taken) -> None:
            if passed == door and not taken:
                taken.append(passed)
                expire(house)
                house.drain(pick=lambda job: job == "renew")

        with watching_doors(take_over):
            house.plan("renew")
            house.drain(pick=lambda job: job == "renew")
        assert taken, f"nobody came to {door}"
        for of in people:
            assert charge_of(house, of)["state"] == "succeeded", door
            assert [attempt["state"] for attempt in attempts_of(house, of)] in ([], ["succeeded"]), door
            assert len(paid(house, of)) == (1 if charge_of(house, of)["amount_minor"] else 0), door
    assert house.fetch(OPEN) == []
    assert books_but_for_paper(house) == []
