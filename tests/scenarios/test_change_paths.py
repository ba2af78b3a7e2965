"""Random paths of buying, changing and renewing through the whole house; after each one the documents are the money."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.builders import size
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.shopping import buy, credit_of, newcomer, wish
from worker.billing.holdings import Wish
from worker.errors import ActRefusedError

steps = st.one_of(
    st.builds(wish, agents=st.integers(1, 9)),
    st.builds(wish, package=st.sampled_from(["standard", "pro"])),
    st.builds(wish, extra=st.sampled_from([0, 100, 300])),
    st.builds(wish, interval=st.just("year"), agents=st.integers(1, 3)),
    st.integers(1, 40),
)
CANNOT = {"nothing_changes", "cannot_be_had"}


def pass_days(house: House, days: int) -> None:
    """Days pass, and each term that ends is renewed on its day."""
    target = house.clock.today() + timedelta(days=days)
    while True:
        (row,) = house.fetch("SELECT id, paid_until FROM subscriptions ORDER BY id DESC LIMIT 1")
        if row["paid_until"] > target:
            break
        house.go_to(row["paid_until"])
        house.run("renew", only=row["id"])
    house.go_to(target)


def sums(house: House, name: str) -> dict[str, Any]:
    """Invoices, reversals, and what the provider took, in minor units."""
    (row,) = house.fetch(
        """SELECT (SELECT coalesce(sum(gross_minor), 0) FROM invoices i
                   WHERE i.account_id = a.id AND i.kind = 'invoice')::bigint AS invoiced,
                  (SELECT coalesce(sum(gross_minor), 0) FROM reversals r WHERE r.account_id = a.id)::bigint AS reversed
           FROM accounts a WHERE external_id = :name""",
        name=name,
    )
    taken = sum(entry["amount"] for entry in house.emulator.journal() if entry["customer"] == f"cus_{name}")
    return {**row, "taken": taken}


@pytest.mark.timeout(180)
@settings(
    max_examples=5,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    agents=st.integers(1, 5),
    currency=st.sampled_from(["EUR", "PLN", "CZK"]),
    path=st.lists(steps, min_size=2, max_size=6),
)
def test_R15b_after_any_path_invoices_less_reversals_are_what_was_paid_less_the_credit(
    house: House, agents: int, currency: str, path: list[Wish | int]
) -> None:
    name = f"shop-{size(house.engine, 'accounts')}"
    newcomer(house, name, currency=currency)
    assert buy(house, name, wish("standard", "month", agents))["outcome"] == "paid"
    for step in path:
        if isinstance(step, int):
            pass_days(house, step)
            continue
        try:
            assert buy(house, name, step)["outcome"] == "paid"
        except ActRefusedError as refusal:
            assert refusal.code in CANNOT, refusal  # noqa: PT017 - such a step is no part of the path
    found = sums(house, name)
    assert found["invoiced"] - found["reversed"] == found["taken"] - credit_of(house, name), found
    hold(house, but=["renewal_missed"])  # days pass without their nights
