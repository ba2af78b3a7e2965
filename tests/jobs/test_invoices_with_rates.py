"""Documents of a registered seller tell their sums in the currency of the tax office too; without a rate they wait."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.bank import publish, register_seller
from tests.support.builders import Subscriber, catalogue, subscriber
from tests.support.house import House
from tests.support.invariants import broken
from tests.support.shopping import buy, newcomer, wish
from tests.support.work import charge
from worker import boundary
from worker.billing.exchange import ExchangeRate, home_minor
from worker.jobs.audit import as_of
from worker.operating import stuck
from worker.queue.plans import PlannedItem
from worker.queue.runs import ring
from worker.store import exchange_rates

JOB = "issue_invoices"
DAYS = timedelta(days=1)
INVOICES = "SELECT * FROM invoices ORDER BY id"


def paid(house: House, currency: str = "EUR", **facts: Any) -> Subscriber:
    """A subscriber whose renewal is paid today and not invoiced: 23 % VAT on 100.01."""
    of = subscriber(house.engine, ends_on=house.clock.today(), currency=currency, agents=1, agent_price_minor=10_001)
    sums = {"net_minor": 10_001, "vat_minor": 2300, "gross_minor": 12_301, "amount_minor": 12_301}
    charge(
        house.engine,
        of,
        state="succeeded",
        paid_at=house.clock.now(),
        last_method_id=of.method_id,
        frozen=_frozen(of),
        **(sums | facts),
    )
    return of


def _frozen(of: Subscriber) -> dict[str, Any]:
    lines = [{"kind": "agents", "quantity": 1, "unit_price_minor": 10_001, "net_minor": 10_001}]
    vat = {"treatment": "one_stop_shop", "rate": "23", "category": "S", "words": [], "reasons": []}
    facts = {"package": of.package, "interval": of.interval, "conversation_block": of.conversation_block}
    return {"lines": lines, "vat": vat, "tax_on": "2026-03-15", "country": "PL", "vat_number": None, **facts}


def exchange(house: House) -> list[Any]:
    return [row["snapshot"]["exchange"] for row in house.fetch(INVOICES)]


def figures(house: House) -> dict[str, int]:
    planned = house.run(JOB)
    (run,) = house.fetch("SELECT planned FROM runs WHERE id = :id", id=planned.run_id)
    return dict(run["planned"])


def test_R16_an_invoice_in_another_currency_bears_the_last_rate_before_its_payment(house: House) -> None:
    register_seller(house)
    catalogue(house.engine)
    today = house.clock.today()
    publish(house, today - 2 * DAYS, EUR="24.315", PLN="5.7")
    publish(house, today - 3 * DAYS, EUR="30")
    publish(house, today + DAYS, EUR="40")
    paid(house)
    house.run(JOB)
    (told,) = exchange(house)
    assert told == {
        "currency": "CZK",
        "rate": "24.315",
        "per": 1,
        "source": "CNB",
        "published_on": (today - 2 * DAYS).isoformat(),
        "net_minor": 243_174,  # 243174.315
        "vat_minor": 55_925,  # 55924.5
        "gross_minor": 299_099,
    }
    assert len(house.sink.mails) == 1


def test_R16_what_needs_no_rate_has_none(house: House) -> None:
    catalogue(house.engine)
    paid(house)
    house.run(JOB)
    register_seller(house)
    paid(house, "CZK")
    house.run(JOB)
    assert exchange(house) == [None, None], "not registered then, and in the tax office's own currency"


def test_R16_without_a_rate_an_invoice_waits_visibly_and_nobody_waits_with_it(house: House) -> None:
    register_seller(house)
    catalogue(house.engine)
    today = house.clock.today()
    publish(house, today - 8 * DAYS, EUR="24.315")
    publish(house, today, USD="20.9")
    waits = paid(house)
    sound = [paid(house, "USD"), paid(house, "CZK")]
    # all three in one item, as a rung item may be
    ids = [row["id"] for row in house.fetch("SELECT id FROM charges ORDER BY id")]
    with boundary.transaction(house.engine, "test.plan") as connection:
        ring(connection, job=JOB, items=[PlannedItem("all", ids)], business_date=today, root_run_id=None, by="test")
    house.drain()
    assert [row["account_id"] for row in house.fetch(INVOICES)] == [of.account_id for of in sound]
    (item,) = house.fetch("SELECT result FROM work_items WHERE job = :job", job=JOB)
    assert item["result"] == {"issued": 2, "credited": 0, "rendered": 2, "waiting_for_rate": 1}
    assert figures(house)["waiting_for_rate"] == 1
    with boundary.transaction(house.engine, "test.stuck") as connection:
        (entry,) = stuck.look(connection, house.clock, most=9, rule=stuck.RateRule("CZK", 7))
        assert stuck.look(connection, house.clock, most=9) == []
    assert entry["about"].startswith(f"{waits.external_id}, subscription {waits.subscription_id}, 123.01 EUR")
    assert (entry["state"], entry["runbook"]) == ("waits for a rate", "waiting_for_rate")
    assert "no rate of EUR at most 7 days older than the payment of 2026-03-15" in entry["reason"]
    found = broken(house.engine, as_of=as_of(house.runtime, grace=timedelta(0)))
    assert [one.partition(":")[0] for one in found] == ["R16 the invoice of a paid charge waits for an exchange rate"]
    house.go_to(today + 3 * DAYS)
    publish(house, today - 7 * DAYS, EUR="24.5")
    assert figures(house)["waiting_for_rate"] == 0
    late = house.fetch(INVOICES)[-1]
    assert (late["account_id"], late["number"]) == (waits.account_id, "2026000003"), "no number was kept for it"
    assert late["snapshot"]["exchange"]["published_on"] == (today - 7 * DAYS).isoformat()
    assert late["issued_on"] == today + 3 * DAYS
    assert broken(house.engine, as_of=as_of(house.runtime, grace=timedelta(0))) == []


@pytest.mark.parametrize("days_max", [0, 1, 7])
def test_R16_the_store_finds_those_that_wait_as_the_rule_does(house: House, days_max: int) -> None:
    register_seller(house)
    house.with_policy(rate_days_max=days_max)
    catalogue(house.engine)
    today = house.clock.today()
    publish(house, today, EUR="24.315")
    for days in (-1, 0, 1, 2, 7, 8):
        house.go_to(today + days * DAYS)
        paid(house)
    with boundary.transaction(house.engine, "test.wait") as connection:
        waiting = exchange_rates.waiting_for_rate(
            connection, home_currency="CZK", rate_days=days_max, now=house.clock.now()
        )
        released = exchange_rates.released_by_rates(connection, home_currency="CZK", rate_days=days_max)
    charges = house.fetch("SELECT id, paid_on FROM charges ORDER BY id")
    assert released == [one["id"] for one in charges if 0 <= (one["paid_on"] - today).days <= days_max]
    assert sorted([row.id for row in waiting] + released) == [one["id"] for one in charges]
    house.run(JOB)
    assert [row["charge_id"] for row in house.fetch(INVOICES)] == released


def test_R15b_credit_notes_take_the_rate_of_their_invoice_and_never_give_back_more_of_it(house: House) -> None:
    register_seller(house)
    rate = "24.317"
    first_day = house.clock.today()
    publish(house, first_day, EUR=rate)
    newcomer(house, "shop")
    assert buy(house, "shop", wish("standard", "month", 3))["outcome"] == "paid"
    for step, agents in enumerate((4, 5, 7, 8), 1):
        day = date(2026, 3, 15) + 3 * step * DAYS
        house.go_to(day)
        publish(house, day, EUR=f"3{step}.5")
        assert buy(house, "shop", wish(agents=agents))["outcome"] == "paid"
    found = house.fetch(INVOICES)
    notes = [row for row in found if row["kind"] == "credit_note"]
    sold = {row["charge_id"]: row for row in found if row["kind"] == "invoice"}
    assert len(notes) == 4
    for note in notes:
        told, of = note["snapshot"]["exchange"], sold[note["charge_id"]]["snapshot"]["exchange"]
        same = ("currency", "rate", "per", "source", "published_on")
        assert {name: told[name] for name in same} == {name: of[name] for name in same}
        at = ExchangeRate("CNB", date.fromisoformat(of["published_on"]), "EUR", 1, of["rate"])
        assert abs(told["gross_minor"] - home_minor(note["gross_minor"], at)) <= 2
        assert told["gross_minor"] == told["net_minor"] + told["vat_minor"]
    for charge_id, invoice in sold.items():
        for name in ("net_minor", "vat_minor", "gross_minor"):
            given_back = sum(n["snapshot"]["exchange"][name] for n in notes if n["charge_id"] == charge_id)
            assert given_back <= invoice["snapshot"]["exchange"][name]


def test_R15b_a_credit_note_on_an_invoice_without_a_rate_has_none_either(house: House) -> None:
    newcomer(house, "shop")
    assert buy(house, "shop", wish("standard", "month", 3))["outcome"] == "paid"
    register_seller(house)
    house.go_to(date(2026, 3, 25))
    publish(house, house.clock.today(), EUR="24.3")
    assert buy(house, "shop", wish(agents=5))["outcome"] == "paid"
    told = [(row["kind"], row["snapshot"]["exchange"] is None) for row in house.fetch(INVOICES)]
    assert sorted(told) == [("credit_note", True), ("invoice", False), ("invoice", True)]
