"""Money: months as the audit summed them, by currency; what is past due now."""

from datetime import date

import pytest
from sqlalchemy import Engine

from tests.support.builders import NOON, insert, rows, subscriber
from tests.support.work import attempt, charge
from tests.web.conftest import TODAY, Browser
from worker.jobs.audit import sum_months
from worker.web.console import Console
from worker.web.money import month_before


@pytest.mark.parametrize(
    ("months", "day"), [(0, date(2026, 3, 1)), (2, date(2026, 1, 1)), (3, date(2025, 12, 1)), (11, date(2025, 4, 1))]
)
def test_months_are_counted_over_the_turn_of_a_year(months: int, day: date) -> None:
    assert month_before(date(2026, 3, 31), months) == day


def test_sums_stand_by_currency_and_twice_summed_is_the_same(
    operator: Browser, console: Console, engine: Engine
) -> None:
    euro, crown = subscriber(engine), subscriber(engine, currency="CZK")
    late = charge(engine, euro, state="succeeded", paid_on=TODAY, first_declined_on=TODAY)
    attempt(engine, late, euro, sent_on=TODAY, decline_code="insufficient_funds")
    charge(engine, crown, state="declined", first_declined_on=TODAY, tries=2)
    for _ in range(2):
        sum_months(console.runtime)
    found = rows(engine, "SELECT * FROM money_months WHERE month = :month", month=TODAY.replace(day=1))
    assert {row["currency"] for row in found} == {"CZK", "EUR", "PLN", "USD"}
    [of_euro] = [row for row in found if row["currency"] == "EUR"]
    assert (of_euro["charges"], of_euro["charged_minor"]) == (1, euro.list_minor)
    assert (of_euro["declined"], of_euro["recovered"], of_euro["given_up"]) == (1, 1, 0)
    [of_crown] = [row for row in found if row["currency"] == "CZK"]
    assert (of_crown["charges"], of_crown["declined"], of_crown["recovered"]) == (0, 1, 0)
    text = operator.get("/money").text
    for words in ('id="c-EUR"', 'id="c-CZK"', "insufficient_funds", "<svg"):
        assert words in text, words
    assert 'id="c-USD"' not in text


def test_refunds_count_in_the_month_in_which_they_were_paid_out(console: Console, engine: Engine) -> None:
    one = subscriber(engine)
    paid = charge(engine, one, state="succeeded")
    given = insert(
        engine, "refunds", account_id=one.account_id, currency="EUR", subscription_id=one.subscription_id,
        kind="part", overridden=True, total_minor=5, requested_on=TODAY,
    )  # fmt: skip
    values = {"currency": "EUR", "amount_minor": 5, "state": "succeeded", "paid_at": NOON}
    insert(engine, "payouts", refund_id=given, charge_id=paid, **values)
    sum_months(console.runtime)
    assert rows(engine, "SELECT refunds, refunded_minor FROM money_months WHERE refunds > 0") == [
        {"refunds": 1, "refunded_minor": 5}
    ]


def test_before_the_first_audit_the_page_says_so(operator: Browser) -> None:
    assert "was not summed yet" in operator.get("/money").text
