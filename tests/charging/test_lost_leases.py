"""A process that lives on after losing its lease, at every door. Those that die have tests/crash and `make crash`."""

from collections.abc import Callable

from tests.support.builders import Subscriber
from tests.support.house import House
from tests.support.stories import (
    attempts_of,
    charge_of,
    customer,
    expire,
    paid,
    watching_doors,
)

Scene = Callable[[House], list[Subscriber]]

OPEN = "SELECT * FROM attempts WHERE state IN ('sent', 'unknown', 'processing')"


def renewing(house: House) -> list[Subscriber]:
    """One that a card pays, one that credit pays."""
    return [customer(house), customer(house, credit_minor=5700)]


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
