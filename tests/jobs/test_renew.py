"""The job `renew`."""

from tests.support.builders import catalogue, subscriber
from tests.support.house import House


def test_R8b_a_due_renewal_is_charged_once_and_twice_is_harmless(house: House) -> None:
    catalogue(house.engine)
    due = subscriber(house.engine, ends_on=house.clock.today())
    house.seed(due)
    house.run("renew")
    house.run("renew")
    assert [charge["amount"] for charge in house.emulator.journal()] == [due.list_minor]
    assert house.books().equal, house.books().differences
