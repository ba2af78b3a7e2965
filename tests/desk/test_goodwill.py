"""R15b: goodwill is a discount line of the next whole term, kept apart from credit, and given back with the charge."""

from datetime import timedelta
from typing import Any

from tests.support.builders import Subscriber, account, rows
from tests.support.counter import customer_of, support_for
from tests.support.house import House
from tests.support.stories import charge_of, charges_of, customer, next_days, paid, replace_method, status_of
from worker.desk.goodwill import grant_credit
from worker.desk.my_package import my_package
from worker.desk.request import Caller, Done, Role


def granted(house: House, of: Subscriber, amount_minor: int, request_id: str = "r-1") -> Done:
    """Support gives a sum."""
    return grant_credit(
        house.runtime,
        support_for(of),
        amount_minor=amount_minor,
        currency=of.currency,
        request_id=request_id,
        reason="the chat was down on Monday",
    )


def entries(house: House) -> list[tuple[str, int]]:
    """The entries, oldest first: kind and sum."""
    return [(row["kind"], row["amount_minor"]) for row in house.fetch("SELECT * FROM goodwill_entries ORDER BY id")]


def snapshot(house: House) -> dict[str, Any]:
    """What the only invoice prints."""
    (found,) = rows(house.engine, "SELECT snapshot FROM invoices")
    return dict(found["snapshot"])


def test_R15b_it_is_a_discount_line_on_the_invoice_and_credit_is_not_touched(house: House) -> None:
    of = customer(house, credit_minor=300)
    assert granted(house, of, 1000).result == {"granted_minor": 1000, "goodwill_minor": 1000, "currency": "EUR"}
    house.run("renew")
    assert paid(house, of) == [of.list_minor - 1000 - 300]
    (charge,) = charges_of(house, of)
    assert (charge["net_minor"], charge["goodwill_minor"], charge["credit_used_minor"]) == (4700, 1000, 300)
    printed = snapshot(house)
    assert [(line["kind"], line["net_minor"]) for line in printed["lines"]] == [("agents", 5700), ("goodwill", -1000)]
    assert (printed["totals"]["net_minor"], printed["totals"]["credit_used_minor"]) == (4700, 300)
    assert entries(house) == [("granted", 1000), ("used", -1000)]
    assert house.books().equal


def test_R15b_twice_is_once_and_two_are_a_sum(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + timedelta(days=3))
    granted(house, of, 1000)
    assert granted(house, of, 1000).repeated
    assert granted(house, of, 500, "r-2").result["goodwill_minor"] == 1500
    shown = my_package(house.runtime, customer_of(of))
    assert shown["goodwill"] == {"amount_minor": 1500, "currency": "EUR"}
    assert shown["credit"] == {"amount_minor": 0, "currency": "EUR"}
    assert shown["next_charge"]["amount_minor"] == of.list_minor - 1500


def test_R15b_more_than_a_term_costs_nothing_and_the_rest_stays(house: House) -> None:
    of = customer(house)
    granted(house, of, 7000)
    house.run("renew")
    (charge,) = charges_of(house, of)
    assert (charge["state"], charge["net_minor"], charge["amount_minor"], paid(house, of)) == ("succeeded", 0, 0, [])
    assert house.fetch("SELECT paid_minor FROM terms WHERE number = 1") == [{"paid_minor": 0}]
    assert rows(house.engine, "SELECT 1 FROM invoices") == [], "nothing was paid, so there is nothing to invoice"
    assert my_package(house.runtime, customer_of(of))["goodwill"]["amount_minor"] == 1300
    house.go_to(of.term(2).starts_on)
    house.run("renew")
    assert paid(house, of) == [of.list_minor - 1300]
    assert my_package(house.runtime, customer_of(of))["goodwill"]["amount_minor"] == 0


def test_R15b_a_charge_that_fails_gives_it_back_once(house: House) -> None:
    of = customer(house, "insufficient_funds", credit_minor=300)
    granted(house, of, 1000)
    for _ in next_days(house, 10):
        house.run("renew")
        house.run("suspend")
    assert (status_of(house, of), charge_of(house, of)["state"]) == ("suspended", "failed")
    assert entries(house) == [("granted", 1000), ("used", -1000), ("returned", 1000)]
    shown = my_package(house.runtime, customer_of(of))
    assert (shown["goodwill"]["amount_minor"], shown["credit"]["amount_minor"]) == (1000, 300)


def test_R15b_given_during_the_tries_it_is_for_the_next_term(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.run("renew")
    granted(house, of, 1000)
    replace_method(house, of)
    house.run("renew")
    assert paid(house, of) == [of.list_minor]
    assert entries(house) == [("granted", 1000)]


def test_R7b_what_it_leaves_below_the_providers_minimum_is_carried(house: House) -> None:
    of = customer(house)
    granted(house, of, of.list_minor - 20)
    house.run("renew")
    assert (charge_of(house, of)["carried_out_minor"], paid(house, of)) == (20, [])


def test_R15b_a_free_account_may_have_it_too(house: House) -> None:
    account(house.engine, external_id="newcomer", currency="PLN")
    done = grant_credit(
        house.runtime,
        Caller(Role.SUPPORT, "eva", "newcomer"),
        amount_minor=99_999_999,
        currency="PLN",
        request_id="r-1",
        reason="a prize",
    )
    assert done.result["goodwill_minor"] == 99_999_999
