"""Customers who change their mind in the middle: back to a refused card, or renewal off before the confirmation."""

from datetime import timedelta

import pytest

from tests.support.builders import update
from tests.support.house import House
from tests.support.stories import (
    attempts_of,
    charge_of,
    charges_of,
    customer,
    dying_at,
    next_days,
    paid,
    replace_method,
    restart,
    status_of,
    switch_renewal,
    until_quiet,
)


def test_R8b_a_card_that_was_refused_for_good_is_never_tried_again_for_this_charge(house: House) -> None:
    of = customer(house, "stolen_card")
    house.run("renew")
    (first,) = house.fetch("SELECT id FROM payment_methods")
    replace_method(house, of, "insufficient_funds")
    house.run("renew")
    update(house.engine, "payment_methods", int(first["id"]) + 1, state="removed")
    update(house.engine, "payment_methods", first["id"], state="in_use")
    start = house.clock.today()
    for _ in next_days(house, 8):
        house.run("renew")
        house.run("suspend")
    tried = [(attempt["payment_method_id"], attempt["sent_on"]) for attempt in attempts_of(house, of)]
    assert tried == [(first["id"], start), (int(first["id"]) + 1, start)]
    assert status_of(house, of) == "suspended", "without a usable method the schedule still ends"
    assert charge_of(house, of)["suspends_on"] == start + timedelta(days=7)


@pytest.mark.parametrize(
    "facts",
    [{"credit_minor": 999_999}, {"provider_customer": None, "method": None}, {}],
    ids=["credit covers it", "the provider does not know the customer", "a card"],
)
def test_R7_off_before_the_confirmation_begins_is_accepted_whatever_was_priced(
    house: House, facts: dict[str, object]
) -> None:
    of = customer(house, **facts)
    with dying_at("after:commit:charging.price"):
        house.run("renew")
    assert charge_of(house, of)["state"] == "priced"
    switch_renewal(house, of, on=False)
    restart(house)
    house.run("renew")
    house.run("suspend")
    until_quiet(house)
    assert [charge["state"] for charge in charges_of(house, of)] == ["cancelled"]
    assert status_of(house, of) == "suspended"
    assert paid(house, of) == []
    credit = house.fetch("SELECT coalesce(sum(amount_minor), 0)::bigint AS left FROM credit_entries")[0]["left"]
    assert credit == facts.get("credit_minor", 0), "credit that was taken for the charge is back"
