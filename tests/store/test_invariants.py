"""The queries of `tests/support/invariants.py` find what they are for: each of these stores is wrong in one way."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.support.builders import NOON, Subscriber, catalogue, credit, insert, subscriber, update
from tests.support.invariants import RULES, broken
from tests.support.work import charge, notice, printed_invoice

WRONG = {
    "term": "a subscription does not stand where its last term does",
    "gap": "R10 a gap between two terms without a suspension and a new beginning",
    "configuration": "a subscription that runs has not one configuration in force, of its own interval",
    "lots": "R3b a configuration is not the sum of its lots",
    "credit": "R12c an account's credit is overdrawn",
    "goodwill": "R15b an account's goodwill is overdrawn",
    "kept": "a charge that came to nothing has kept credit or goodwill",
    "entries": "a sold charge has other credit entries than it says",
    "invoice": "R15 a paid charge has not exactly one invoice",
    "pending": "a pending subscription waits for no open order",
    "notice": "R9b a notice stands where nothing ends",
    "currency": "R3 a subscription is priced in another currency than its account pays in",
}


def spoil(engine: Engine, of: Subscriber, how: str) -> None:
    """Make the store wrong."""
    updates: dict[str, tuple[str, int, dict[str, Any]]] = {
        "term": ("subscriptions", of.subscription_id, {"paid_until": of.ends_on + timedelta(days=1)}),
        "configuration": ("subscriptions", of.subscription_id, {"interval": "year"}),
        "lots": ("configurations", of.configuration_id, {"agents": 4}),
        "pending": ("subscriptions", of.subscription_id, {"status": "pending"}),
        "currency": ("accounts", of.account_id, {"currency": "PLN"}),
    }
    purse: dict[str, Any] = {"account_id": of.account_id, "currency": "EUR", "amount_minor": -1}
    if how in updates:
        table, number, values = updates[how]
        update(engine, table, number, **values)
    elif how == "credit":
        insert(engine, "credit_entries", **purse, kind="import")
    elif how == "goodwill":
        insert(engine, "goodwill_entries", **purse, kind="granted")
    elif how == "notice":
        notice(engine, of)
    else:
        _spoil_charge(engine, of, how, purse)


def _spoil_charge(engine: Engine, of: Subscriber, how: str, purse: dict[str, Any]) -> None:
    number = charge(engine, of, state="cancelled" if how == "kept" else "succeeded")
    if how in {"gap", "entries"}:
        printed_invoice(engine, number, of)
    if how == "gap":
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE terms SET starts_on = starts_on + 1 WHERE charge_id IS NOT NULL")
    if how in {"kept", "entries"}:
        credit(engine, of.account_id, 1)
        insert(engine, "credit_entries", **purse, kind="used", charge_id=number)


def test_a_store_as_it_should_be_breaks_no_rule(engine: Engine) -> None:
    catalogue(engine)
    of = subscriber(engine, ends_on=NOON.date(), credit_minor=700)
    printed_invoice(engine, charge(engine, of, state="succeeded"), of)
    assert broken(engine) == []


@pytest.mark.parametrize("how", WRONG)
def test_what_is_wrong_is_found(engine: Engine, how: str) -> None:
    catalogue(engine)
    spoil(engine, subscriber(engine, ends_on=NOON.date()), how)
    found = broken(engine)
    assert [said.rpartition(": ")[0] for said in found] == [WRONG[how]]


def test_an_empty_store_breaks_no_rule(engine: Engine) -> None:
    assert broken(engine) == []
    assert len(set(RULES.values())) == len(RULES) >= 25
