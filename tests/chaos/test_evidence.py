"""A storm that broke something leaves the rows of those concerned, and none of anybody else."""

from tests.chaos.evidence import concerned, rows_of
from tests.support.builders import update
from tests.support.house import House
from tests.support.stories import charge_of, customer
from worker.store.audit import find


def test_whoever_a_violation_names_or_the_audit_finds_is_told_of(house: House) -> None:
    named, broken, _ = customer(house, "insufficient_funds"), customer(house), customer(house)
    house.run("renew")
    charge = charge_of(house, named)
    update(house.engine, "configurations", broken.configuration_id, list_minor=1)
    assert find("configuration_of_lots")
    accounts = concerned(house.runtime, f"books: {charge['provider_intent']} was charged and is not in our books")
    assert accounts == [named.account_id, broken.account_id]
    found = rows_of(house.engine, [named.account_id])
    assert [row["id"] for row in found["charges"]] == [charge["id"]]
    assert [row["charge_id"] for row in found["attempts"]] == [charge["id"]]
    assert {row["job"] for row in found["work_items"]} == {"renew"}
    assert found["runs"]
