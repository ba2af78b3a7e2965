"""`odnowa explain` and `odnowa account`: one customer's whole story, and how it stands."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import Subscriber, catalogue, insert, subscriber, update
from tests.support.work import attempt, charge, invoice, mail, notice
from worker.operating import telling
from worker.store.schema import metadata

BOUGHT = datetime(2026, 2, 15, 9, tzinfo=UTC)


def at(days: float) -> datetime:
    return BOUGHT + timedelta(days=days)


def a_life(engine: Engine) -> Subscriber:
    """A renewal that was declined, mailed about, paid at the second try and invoiced; then a notice and a note."""
    one = subscriber(engine, external_id="shop-1", credit_minor=250)
    with engine.begin() as connection:
        for table in ("accounts", "billing_details", "payment_methods", "subscriptions", "configurations"):
            connection.exec_driver_sql(f"UPDATE {table} SET created_at = '{BOUGHT}'")  # noqa: S608 - names from above
        connection.exec_driver_sql(f"UPDATE terms SET created_at = '{BOUGHT}'")  # noqa: S608 - a constant
        connection.exec_driver_sql(f"UPDATE credit_entries SET created_at = '{BOUGHT}'")  # noqa: S608 - a constant
    paid = charge(engine, one, state="succeeded", paid_at=at(29.1), created_at=at(28))
    attempt(engine, paid, one, sent_at=at(28.01), sent_on=at(28).date())
    attempt(engine, paid, one, state="succeeded", sent_at=at(29.05), sent_on=at(29).date())
    mailed = mail(engine, one.account_id, state="sent", subscription_id=one.subscription_id)
    update(engine, "mails", mailed, created_at=at(28.02), sent_at=at(28.03))
    invoice(engine, paid, one, created_at=at(29.2))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE terms SET created_at = '{at(29.11)}' WHERE number = 1")  # noqa: S608 - a constant
    noticed = notice(engine, one, created_at=at(40))
    update(engine, "notices", noticed, withdrawn_at=at(41), withdrawn_because="paid")
    written = {"created_at": at(42), "actor": "jana", "act": "run", "reason": "asked"}
    insert(engine, "audit_log", subscription_id=one.subscription_id, **written)
    return one


def told(odnowa: Odnowa, name: str) -> list[dict[str, Any]]:
    result = odnowa("explain", name, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    events: list[dict[str, Any]] = json.loads(result.stdout)["events"]
    return events


def test_the_story_is_whole_and_in_order(odnowa: Odnowa, engine: Engine) -> None:
    one = a_life(engine)
    stranger = subscriber(engine, external_id="shop-2")
    charge(engine, stranger)
    mail(engine, stranger.account_id)
    events = told(odnowa, "shop-1")
    assert [event["kind"] for event in events] == [
        "account",
        "billing_details",
        "payment_method",
        "subscription",
        "configuration",
        "term",
        "credit",
        "charge",
        "attempt",
        "mail",
        "attempt",
        "paid",
        "term",
        "invoice",
        "notice",
        "notice_withdrawn",
        "audit",
    ]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert events[8]["facts"]["decline_code"] == "insufficient_funds"
    assert events[-1]["facts"]["actor"] == "jana"
    assert told(odnowa, str(one.subscription_id)) == events


def test_a_parked_charge_tells_why(odnowa: Odnowa, engine: Engine) -> None:
    charge(engine, subscriber(engine, external_id="shop-1"), parked_reason="term_already_over")
    [parked] = [event for event in told(odnowa, "shop-1") if event["kind"] == "parked"]
    assert parked["facts"]["reason"] == "term_already_over"


def test_where_a_rehearsals_clock_is_behind_a_charge_still_precedes_its_attempts(
    odnowa: Odnowa, engine: Engine
) -> None:
    one = subscriber(engine, external_id="shop-1")
    attempt(engine, charge(engine, one, state="declined"), one, sent_at=at(0), sent_on=date(2026, 2, 15))
    kinds = [event["kind"] for event in told(odnowa, "shop-1")]
    assert kinds.index("charge") < kinds.index("attempt")


def test_people_read_money_and_the_sellers_time(odnowa: Odnowa, engine: Engine) -> None:
    a_life(engine)
    said = odnowa("explain", "shop-1").stdout
    assert "times in Europe/Prague" in said
    assert "2026-02-15 10:00:00" in said
    for words in (
        "credit 2.50 EUR, brought by the import",
        "charge 1, renewal, term 1: 57.00 EUR",
        "try 1 of charge 1 with visa ending in 4242: declined (insufficient_funds; try_again_later)",
        "charge 1 paid, 57.00 EUR",
        "term 1, 2026-03-15 to 2026-04-15, sold by charge 1",
    ):
        assert words in said


def test_an_account_as_it_stands(odnowa: Odnowa, engine: Engine) -> None:
    catalogue(engine)
    one = subscriber(engine, external_id="shop-1", credit_minor=250, company="Ruční [red]práce", card_exp=(2031, 4))
    said = odnowa("account", "shop-1")
    assert said.exit_code == 0
    for words in (
        "Ruční [red]práce",
        "visa ending in 4242, until 04/2031",
        "2.50 EUR",
        "standard by the month, 3 agents (3 at 19.00 EUR)",
        "0: 2026-02-15 to 2026-03-15, paid 57.00 EUR",
        "conversations 100",
    ):
        assert words in said.stdout
    read = json.loads(odnowa("account", "shop-1", "--json").stdout)
    assert read["credit"] == {"EUR": 250}
    assert (read["subscription_id"], read["entitlement"]["agents"]) == (one.subscription_id, 3)


def test_an_account_without_anything(odnowa: Odnowa, engine: Engine) -> None:
    insert(engine, "accounts", external_id="bare", locale="en", currency="EUR")
    said = odnowa("account", "bare")
    assert said.exit_code == 0
    assert "free" in said.stdout
    assert odnowa("explain", "bare").stderr == "odnowa: the account bare never had a subscription\n"


@pytest.mark.parametrize(
    ("table", "told"),
    [("refunds", telling._REFUNDS), ("credit_entries", telling._CREDIT), ("goodwill_entries", telling._CREDIT)],
)
def test_every_kind_has_words(table: str, told: Mapping[str, str]) -> None:
    checks = [one for one in metadata.tables[table].constraints if isinstance(one, CheckConstraint)]
    (known,) = [str(one.sqltext) for one in checks if str(one.sqltext).startswith("kind IN")]
    kinds = set(re.findall(r"'(\w+)'", known))
    assert kinds, known
    assert kinds <= told.keys()


def test_R19b_a_charge_tells_why_it_bears_its_VAT(odnowa: Odnowa, engine: Engine) -> None:
    one = subscriber(engine, external_id="shop-1")
    vat = {"treatment": "one_stop_shop", "rate": "51/2", "reasons": ["the buyer gave no VAT number", "of Finland"]}
    charge(engine, one, state="succeeded", frozen={"vat": vat})
    assert "VAT 25.5 %, one stop shop: the buyer gave no VAT number; of Finland" in odnowa("explain", "shop-1").stdout


def test_R16_a_correction_is_told_with_both_papers() -> None:
    facts = {"correction": 3, "charge": 7, "gross_minor": 5700, "to_credit_minor": 1311, "to_refund_minor": 0}
    vat = {"treatment": "reverse_charge", "rate": "0", "reasons": ["VIES confirmed it"]}
    said = telling.sentence("correction", {**facts, "currency": "EUR", "vat": vat})
    assert said.startswith("correction 3 of the invoice of charge 7: ")
    assert said.endswith(" to credit, VAT 0 %, reverse charge: VIES confirmed it")
