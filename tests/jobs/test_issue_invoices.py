"""The job `issue_invoices`: one invoice per paid charge, numbers without gaps, frozen, rendered and queued."""

import io
import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
import pytest
from sqlalchemy.exc import DBAPIError

from tests.support.builders import Subscriber, catalogue, insert, subscriber, update
from tests.support.house import House
from tests.support.stories import (
    charge_of,
    customer,
    dying_at,
    hurry,
    paid,
    restart,
    watching_doors,
)
from tests.support.work import charge

INVOICES = "SELECT * FROM invoices ORDER BY year, sequence"
JOB = "issue_invoices"


def bought(house: House, *, paid_at: datetime | None = None, **facts: Any) -> Subscriber:
    """A subscriber whose renewal is paid and not invoiced."""
    catalogue(house.engine)
    of = subscriber(house.engine, **({"ends_on": house.clock.today()} | facts))
    charge(house.engine, of, state="succeeded", paid_at=paid_at or house.clock.now(), last_method_id=of.method_id)
    return of


def sequences(house: House) -> list[int]:
    return [row["sequence"] for row in house.fetch(INVOICES)]


def test_R15_every_paid_charge_gets_one_invoice_and_twice_is_harmless(house: House) -> None:
    for _ in range(3):
        bought(house)
    house.run(JOB)
    house.run(JOB)
    invoices = house.fetch(INVOICES)
    assert len(invoices) == 3
    assert sequences(house) == [1, 2, 3]
    assert [row["number"] for row in invoices] == ["2026000001", "2026000002", "2026000003"]
    assert len(house.fetch("SELECT * FROM invoice_documents")) == 3
    assert len(house.sink.mails) == 3
    unpaid = customer(house, "insufficient_funds")
    house.run("renew")
    house.run(JOB)
    assert len(house.fetch(INVOICES)) == 3, "R15: an invoice exists only after the money has arrived"
    assert paid(house, unpaid) == []


def test_R18_numbers_begin_where_the_setting_says_and_with_one_in_the_next_year(house: House) -> None:
    house.runtime = replace(house.runtime, invoice_prefix="F", invoice_start_year=2026, invoice_sequence_start=124)
    bought(house)
    bought(house)
    house.run(JOB)
    house.clock.instant = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    bought(house, paid_at=house.clock.now() - timedelta(hours=1))
    house.run(JOB)
    found = [(row["number"], row["issued_on"].isoformat(), row["paid_on"].isoformat()) for row in house.fetch(INVOICES)]
    assert found[:2] == [("F2026000124", "2026-03-15", "2026-03-15"), ("F2026000125", "2026-03-15", "2026-03-15")]
    assert found[2] == ("F2027000001", "2027-01-01", "2026-12-31"), "the real day in the seller's zone"


def test_R18_documents_of_a_day_caught_up_bear_the_real_day(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() - timedelta(days=4))
    house.run("renew", day=of.ends_on)
    (invoice,) = house.fetch(INVOICES)
    assert (invoice["issued_on"], invoice["paid_on"]) == (house.clock.today(), house.clock.today())
    assert invoice["snapshot"]["period"]["starts_on"] == of.ends_on.isoformat()


def test_R16_what_was_issued_never_changes_and_what_was_not_has_the_address_of_the_day(house: House) -> None:
    of = bought(house, vat_number="CZ12345678")
    (details,) = house.fetch("SELECT * FROM billing_details WHERE account_id = :of", of=of.account_id)
    update(house.engine, "billing_details", details["id"], superseded_at=house.clock.now())
    moved = {k: v for k, v in details.items() if k not in {"id", "created_at", "superseded_at"}}
    insert(house.engine, "billing_details", **{**moved, "version": 2, "company": "Nová firma", "country": "PL"})
    house.run(JOB)
    (before,) = house.fetch("SELECT i.*, d.pdf_sha256 FROM invoices i JOIN invoice_documents d ON d.invoice_id = i.id")
    buyer = before["snapshot"]["buyer"]
    assert (buyer["name"], buyer["country"]) == ("Nová firma", "CZ"), "tax data as priced, name as issued"
    text = pypdf.PdfReader(io.BytesIO(house.pages(before["pdf_sha256"]))).pages[0].extract_text()
    assert before["number"] in text
    assert "Nová firma" in text
    (current,) = house.fetch("SELECT id FROM billing_details WHERE superseded_at IS NULL")
    update(house.engine, "billing_details", current["id"], company="Somebody else", street="Elsewhere 9")
    house.run(JOB)
    house.go_to(house.clock.today() + timedelta(days=30))
    house.run(JOB)
    (after,) = house.fetch("SELECT i.*, d.pdf_sha256 FROM invoices i JOIN invoice_documents d ON d.invoice_id = i.id")
    assert after == before


def test_R18_a_row_that_cannot_be_printed_is_parked_and_costs_no_number(house: House) -> None:
    sound, odd, other = bought(house), bought(house), bought(house)
    broken = charge_of(house, odd)
    update(house.engine, "charges", broken["id"], frozen={**broken["frozen"], "interval": "decade"})
    house.run(JOB)
    assert sequences(house) == [1, 2]
    assert [row["account_id"] for row in house.fetch(INVOICES)] == [sound.account_id, other.account_id]
    parked = charge_of(house, odd)
    assert (parked["state"], parked["parked_reason"]) == ("succeeded", "cannot_be_invoiced")
    mended = {"parked_at": None, "parked_reason": None, "parked_detail": None, "frozen": broken["frozen"]}
    update(house.engine, "charges", broken["id"], **mended)
    house.run(JOB)
    assert sequences(house) == [1, 2, 3]


def test_R18_a_frozen_row_that_lacks_a_part_is_parked_like_any_other(house: House) -> None:
    sound, odd = bought(house), bought(house)
    broken = charge_of(house, odd)
    update(house.engine, "charges", broken["id"], frozen={"lines": []})
    house.run(JOB)
    assert [row["account_id"] for row in house.fetch(INVOICES)] == [sound.account_id]
    assert charge_of(house, odd)["parked_reason"] == "cannot_be_invoiced"


def test_R18_eight_issuers_and_random_failures_leave_no_gap_and_no_repeat(house: House) -> None:
    for _ in range(20):
        bought(house)
    house.runtime = replace(house.runtime, limits=replace(house.runtime.limits, item_attempts_max=1000))
    work = [item for _ in range(3) for item in house.plan(JOB).items]
    for start in range(0, 20, 5):
        ids = [row["id"] for row in house.fetch("SELECT id FROM charges ORDER BY id LIMIT 5 OFFSET :n", n=start)]
        work.append(
            insert(
                house.engine, "work_items", run_id=1, job=JOB, key=f"test:{start}", payload={"ids": ids}, state="ready"
            )
        )
    chance = random.Random(20260315)

    def fail(passed: str) -> None:
        if ":invoices." in passed and chance.random() < 0.2:
            raise OSError(passed)

    def issue(mine: list[int]) -> None:
        for item in mine:
            while house.fetch("SELECT 1 AS one FROM work_items WHERE id = :id AND state <> 'done'", id=item):
                hurry(house)
                house.execute(item, JOB)

    with watching_doors(fail):
        threads = [threading.Thread(target=issue, args=(work[n % len(work) :],)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sequences(house) == list(range(1, 21))
    assert len({row["charge_id"] for row in house.fetch(INVOICES)}) == 20
    assert len(house.fetch("SELECT * FROM invoice_documents")) == 20
    errors = house.fetch("SELECT DISTINCT last_error FROM work_items WHERE last_error LIKE '%IntegrityError%'")
    assert errors == [], "issuers wait for each other instead of colliding"
    house.drain()
    assert len(house.sink.mails) == 20
    assert len({str(mail["Message-ID"]) for mail in house.sink.mails}) == 20


def test_R18_numbers_follow_the_dates_also_when_an_issuer_waits_past_midnight(house: House) -> None:
    of, other = bought(house), bought(house)
    (first,) = house.plan(JOB, only=of.subscription_id).items
    (second,) = house.plan(JOB, only=other.subscription_id).items
    waiting: list[threading.Thread] = []

    def midnight(passed: str) -> None:
        if passed == "before:commit:invoices.issue" and not waiting:
            late = threading.Thread(target=house.execute, args=(second, JOB))
            waiting.append(late)
            late.start()
            late.join(0.3)
            house.clock.instant += timedelta(days=1)

    with watching_doors(midnight):
        house.execute(first, JOB)
    waiting[0].join()
    found = [(row["sequence"], row["issued_on"]) for row in house.fetch(INVOICES)]
    day = of.ends_on
    assert found == [(1, day), (2, day + timedelta(days=1))]


def test_R18_a_death_at_any_door_loses_no_invoice_no_number_and_no_mail(house: House) -> None:
    bought(house)
    passed: list[str] = []
    with watching_doors(passed.append):
        house.plan(JOB)
        house.drain(pick=lambda job: job == JOB)
    doors = list(dict.fromkeys(passed))
    assert "after:commit:invoices.issue" in doors
    for door in doors:
        bought(house)
        with dying_at(door) as passes:
            house.plan(JOB)
            house.drain(pick=lambda job: job == JOB)
        assert passes, f"nobody came to {door}"
        restart(house)
        house.plan(JOB)
        house.drain(pick=lambda job: job == JOB)
    many = 1 + len(doors)
    assert sequences(house) == list(range(1, many + 1))
    assert len(house.fetch("SELECT DISTINCT invoice_id FROM invoice_documents")) == many
    assert len(house.fetch("SELECT DISTINCT invoice_id FROM mails WHERE kind = 'invoice_issued'")) == many
    assert len(house.mails()) == many


def test_R18_the_store_itself_refuses_a_second_invoice_of_a_charge(house: House) -> None:
    bought(house)
    house.run(JOB)
    (row,) = house.fetch(INVOICES)
    again = {k: v for k, v in row.items() if k not in {"id", "created_at"}} | {"sequence": 9, "number": "x"}
    with pytest.raises(DBAPIError, match="invoices_first_key"):
        insert(house.engine, "invoices", **again)
