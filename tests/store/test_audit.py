"""The product's audit: each invariant finds its own, and only that; it reads, lists a bounded number and counts all."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.store.planted import ALSO, PLANTED
from tests.support.builders import NOON, catalogue, insert, subscriber, update
from tests.support.invariants import at, broken
from tests.support.work import attempt, charge, printed_invoice
from worker.errors import RefusedError
from worker.store import audit
from worker.store.audit import INVARIANTS, AsOf, Finding, look


def sound(engine: Engine) -> dict[str, Any]:
    """A store as it should be; returns the names that planted statements use."""
    catalogue(engine)
    paid = subscriber(engine, ends_on=NOON.date())
    number = charge(engine, paid, state="succeeded")
    attempt(engine, number, paid, state="succeeded")
    document = printed_invoice(engine, number, paid)
    later = subscriber(engine, ends_on=NOON.date() + timedelta(days=10))
    return {
        "account": paid.account_id,
        "subscription": paid.subscription_id,
        "configuration": paid.configuration_id,
        "charge": number,
        "invoice": document,
        "account_b": later.account_id,
        "subscription_b": later.subscription_id,
        "today": NOON.date(),
        "now": NOON,
    }


def looked(engine: Engine, statements: list[str], names: dict[str, Any], as_of: AsOf | None = None) -> list[Finding]:
    """What the audit finds after these statements, of which nothing stays."""
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement), names)
        found = look(connection, as_of or at())
        connection.rollback()
    return [one for one in found if one.broken]


def test_a_sound_store_breaks_nothing(engine: Engine) -> None:
    sound(engine)
    assert broken(engine) == []


def test_each_invariant_has_a_store_that_breaks_it() -> None:
    assert list(PLANTED) == list(INVARIANTS)
    assert len({one.query for one in INVARIANTS.values()}) == len(INVARIANTS) >= 40


@pytest.mark.parametrize("name", PLANTED)
def test_each_finds_its_own_and_no_other_does(engine: Engine, name: str) -> None:
    names = sound(engine)
    # only the documents of a registered seller need exchange rates
    as_of = replace(at(), home_currency="CZK") if name == "waiting_for_rate" else None
    found = {one.invariant.name: one for one in looked(engine, PLANTED[name], names, as_of)}
    assert set(found) == {name} | ALSO.get(name, set())
    (violation,) = found[name].violations
    assert found[name].total == 1
    assert violation.what
    assert violation.account is not None or name in {"numbers_without_gaps", "items_wait"}
    assert broken(engine) == [], "rolled back"


@pytest.mark.parametrize(
    ("start_year", "start", "first", "next_one", "wrong"),
    [
        (2026, 1, 1, 2, False),
        (2026, 500, 1, 2, True),
        (2025, 500, 1, 2, False),  # another year begins at 1
        (2027, 9, 1, 2, False),  # where an earlier year began was then told by the same setting
        (0, 1, 1, 2, False),
        (0, 1, 1, 1, True),  # the next one would be a repeat
    ],
)
def test_R18_where_numbers_begin_follows_the_settings(
    engine: Engine, *, start_year: int, start: int, first: int, next_one: int, wrong: bool
) -> None:
    names = sound(engine) | {"first": first, "next": next_one}
    counter = "INSERT INTO number_series (series, year, next_sequence) VALUES ('invoice', 2026, :next)"
    now = AsOf(NOON, NOON.date(), timedelta(0), 14, start_year=start_year, invoice_start=start)
    assert bool(looked(engine, [counter], names, now)) is wrong


def test_what_follows_money_has_its_grace(engine: Engine) -> None:
    of = subscriber(engine, ends_on=NOON.date())
    charge(engine, of, state="succeeded")
    minutes = [timedelta(minutes=n) for n in (59, 60)]
    found = [looked(engine, [], {}, AsOf(NOON + n, NOON.date(), timedelta(hours=1), 14)) for n in minutes]
    assert [[one.invariant.name for one in each] for each in found] == [[], ["invoice_of_paid"]]


def test_R15b_an_invoice_is_not_credited_too_much_at_its_rate_of_exchange_either(engine: Engine) -> None:
    names = sound(engine)
    planted = [
        one.replace("9999", "5").replace("'{}', '', max(id)", "CAST(:told AS jsonb), '', max(id)")
        for one in PLANTED["credited_too_much"]
    ]
    planted.append('UPDATE invoices SET snapshot = \'{"exchange": {"gross_minor": 120}}\' WHERE id = :invoice')
    for credited, wrong in ((120, False), (121, True)):
        told = f'{{"exchange": {{"gross_minor": {credited}}}}}'
        found = looked(engine, planted, {**names, "told": told})
        assert ("credited_too_much" in {one.invariant.name for one in found}) is wrong


def test_R8_on_its_day_a_renewal_is_missed_only_after_the_run(engine: Engine) -> None:
    of = subscriber(engine, ends_on=NOON.date())
    assert broken(engine) == [], "it may not have come yet"
    insert(engine, "runs", job="renew", business_date=NOON.date(), trigger="timetable", requested_by="a test")
    assert len(broken(engine)) == 1
    request = {"account_id": of.account_id, "request_id": "a", "act": "renewal_on", "content_sha256": "", "result": {}}
    insert(engine, "desk_requests", **request)
    assert broken(engine) == [], "it was asked for after the run"


def test_R8_what_was_imported_after_the_run_waits_for_the_next_one(engine: Engine) -> None:
    run = insert(engine, "runs", job="renew", business_date=NOON.date(), trigger="timetable", requested_by="a test")
    of = subscriber(engine, ends_on=NOON.date())
    assert broken(engine) == []
    update(engine, "subscriptions", of.subscription_id, created_at=NOON - timedelta(days=2))
    update(engine, "runs", run, created_at=NOON - timedelta(days=3))
    assert len(broken(engine)) == 1, "there should have been one since"


def test_many_are_counted_and_few_are_listed(engine: Engine) -> None:
    for _ in range(4):
        account = subscriber(engine).account_id
        insert(engine, "credit_entries", account_id=account, currency="EUR", amount_minor=-1, kind="import")
    with engine.begin() as connection:
        (found,) = look(connection, at(), only=[audit.find("credit_overdrawn")], most=3)
    assert found.total == 4
    assert [each.account for each in found.violations] == ["shop-1", "shop-2", "shop-3"]
    assert found.violations[0].what == "the credit is -1 EUR"


def test_it_can_only_read(engine: Engine) -> None:
    with engine.connect() as connection:
        look(connection, at())
        with pytest.raises(DBAPIError, match="read-only transaction"):
            connection.execute(text("DELETE FROM mails"))


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(RefusedError, match="no invariant is called nothing; there are: terms_overlap, "):
        audit.find("nothing")
