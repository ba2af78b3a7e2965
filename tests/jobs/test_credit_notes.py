"""The job `issue_invoices` gives back: a credit note per reversal, after its invoice, never more than that says."""

import io
import random
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pypdf
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.builders import insert, update
from tests.support.house import House
from tests.support.shopping import buy, caller, newcomer, ordered, quoted, wish
from tests.support.stories import customer, dying_at, hurry, restart, watching_doors
from worker.desk.refund import refund
from worker.desk.request import Role

JOB = "issue_invoices"
STANDARD = wish("standard", "month", 3)
CHANGE_DAY = date(2026, 3, 25)
UNUSED, SOLD = 3861, 6435
"""21 of 31 days of three agents, and of five, at 19.00 each."""
PAPER = "SELECT * FROM invoices ORDER BY id"


def paper(house: House, kind: str) -> list[dict[str, Any]]:
    return house.fetch("SELECT * FROM invoices WHERE kind = :kind ORDER BY year, sequence", kind=kind)


def notes(house: House) -> list[dict[str, Any]]:
    return paper(house, "credit_note")


def bought(house: House, name: str = "shop", **facts: Any) -> None:
    newcomer(house, name, **facts)
    assert buy(house, name, STANDARD)["outcome"] == "paid"


def changed(house: House, name: str = "shop", *, agents: int = 5) -> None:
    assert buy(house, name, wish(agents=agents))["outcome"] == "paid"


def without_paper(house: House, name: str) -> None:
    """Bought and raised, and nothing of it was issued: the items wait, the purchase's before the change's."""
    newcomer(house, name)
    for asked in (STANDARD, wish(agents=5)):
        shown = quoted(house, name, asked)
        assert ordered(house, name, shown["quote"])["outcome"] == "paid"
        house.drain(pick=lambda job: job not in {JOB, "deliver_mail"})


def words_of(house: House, number: str) -> str:
    (found,) = house.fetch(
        "SELECT d.pdf_sha256 FROM invoice_documents d JOIN invoices i ON i.id = d.invoice_id WHERE i.number = :number",
        number=number,
    )
    printed = pypdf.PdfReader(io.BytesIO(house.pages(found["pdf_sha256"]))).pages[0].extract_text()
    return " ".join(printed.replace("\u00a0", " ").split())


def test_R15b_a_change_gives_back_the_unused_part_by_a_credit_note_on_the_invoice_that_sold_it(house: House) -> None:
    bought(house)
    house.go_to(CHANGE_DAY)
    changed(house)
    first, second = paper(house, "invoice")
    (note,) = notes(house)
    assert (note["number"], note["series"], note["charge_id"]) == ("D2026000001", "credit_note", first["charge_id"])
    assert (note["gross_minor"], note["issued_on"], note["paid_on"]) == (UNUSED, CHANGE_DAY, CHANGE_DAY)
    said = note["snapshot"]
    assert said["corrects"] == {"number": first["number"], "issued_on": "2026-03-15"}
    assert (said["reason"], said["corrected_on"], said["note"]) == ("change", "2026-03-25", None)
    assert said["period"] == {"starts_on": "2026-03-25", "ends_on": "2026-04-15"}
    part = {"days_left": 21, "days_whole": 31}
    agents = {"kind": "agents", "quantity": 3, "unit_price_minor": 1900}
    assert said["lines"] == [{**agents, "net_minor": UNUSED, **part}]
    assert said["vat"] == first["snapshot"]["vat"]
    assert (said["totals"]["to_credit_minor"], said["totals"]["to_refund_minor"]) == (UNUSED, 0)
    assert said["payment"] == {"method": "credit", "brand": None, "last4": None}
    assert second["gross_minor"] == SOLD
    assert second["snapshot"]["lines"] == [{**agents, "quantity": 5, "net_minor": SOLD, **part}]
    assert second["snapshot"]["period"] == said["period"]
    assert "days_left" not in first["snapshot"]["lines"][0], "a whole term needs no word of it"
    printed = words_of(house, "D2026000001")
    for words in ("Credit note", first["number"], "21 of 31 days", "38.61", "account credit"):
        assert words in printed


def test_R15b_a_credit_note_is_mailed_once_with_its_pages_and_twice_is_harmless(house: House) -> None:
    bought(house)
    house.go_to(CHANGE_DAY)
    changed(house)
    before = house.fetch(PAPER)
    house.run(JOB)
    house.run(JOB)
    assert house.fetch(PAPER) == before
    kinds = [kind for kind, _ in house.mails()]
    assert (kinds.count("invoice_issued"), kinds.count("credit_note_issued")) == (2, 1)
    (mail,) = [mail for mail in house.sink.mails if mail["X-Odnowa-Kind"] == "credit_note_issued"]
    assert mail["Subject"] == "Credit note D2026000001"
    (attached,) = list(mail.iter_attachments())
    assert attached.get_filename() == "D2026000001.pdf"
    (kept,) = house.fetch(
        "SELECT pdf_sha256 FROM invoice_documents d JOIN invoices i ON i.id = d.invoice_id WHERE kind = 'credit_note'"
    )
    assert attached.get_content() == house.pages(kept["pdf_sha256"])
    (invoiced,) = [row for row in house.fetch("SELECT data FROM mails ORDER BY id") if "renewal" in row["data"]][1:]
    assert invoiced["data"]["renewal"] is False


def test_R15b_what_an_import_sold_gets_no_credit_note_and_is_counted(house: House) -> None:
    customer(house, external_id="shop", ends_on=date(2026, 4, 1))
    house.go_to(date(2026, 3, 17))
    changed(house)
    planned = house.run(JOB)
    assert notes(house) == []
    (run,) = house.fetch("SELECT planned FROM runs WHERE id = :id", id=planned.run_id)
    figures = {"invoices": 0, "credit_notes": 0, "documents": 0, "waiting_for_rate": 0, "imported": 1, "items": 0}
    assert run["planned"] == figures
    changed(house, agents=4)
    (note,) = notes(house)
    assert note["snapshot"]["corrects"]["number"] == "2026000001", "what we sold ourselves is ours to correct"


def test_R18_a_credit_note_waits_for_its_invoice_and_follows_it_in_the_same_run(house: House) -> None:
    without_paper(house, "shop")
    first, second = (
        row["id"] for row in house.fetch("SELECT id FROM work_items WHERE job = :job ORDER BY id", job=JOB)
    )
    house.execute(second, JOB)
    assert [row["kind"] for row in house.fetch(PAPER)] == ["invoice"], "its own invoice, of the change"
    house.execute(first, JOB)
    assert [row["kind"] for row in house.fetch(PAPER)] == ["invoice", "invoice", "credit_note"]
    assert house.fetch("SELECT count(DISTINCT invoice_id) AS n FROM invoice_documents") == [{"n": 3}]


def test_R18_credit_notes_have_a_series_of_their_own_with_its_own_start(house: House) -> None:
    house.runtime = replace(
        house.runtime, credit_note_prefix="KOR", invoice_start_year=2026, credit_note_sequence_start=8
    )
    bought(house)
    changed(house)
    changed(house, agents=6)
    house.clock.instant = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    house.emulator.set_clock(house.clock.instant)
    bought(house, "late")
    changed(house, "late")
    assert [row["number"] for row in notes(house)] == ["KOR2026000008", "KOR2026000009", "KOR2027000001"]
    assert [row["sequence"] for row in paper(house, "invoice")] == [1, 2, 3, 1, 2]


def test_R16_it_bears_name_and_address_of_its_own_day_and_the_country_of_the_invoice(house: House) -> None:
    bought(house)
    (details,) = house.fetch("SELECT * FROM billing_details")
    update(house.engine, "billing_details", details["id"], superseded_at=house.clock.now())
    moved = {k: v for k, v in details.items() if k not in {"id", "created_at", "superseded_at"}}
    insert(house.engine, "billing_details", **{**moved, "version": 2, "company": "Nová firma", "country": "PL"})
    changed(house)
    buyer = notes(house)[0]["snapshot"]["buyer"]
    assert (buyer["name"], buyer["country"]) == ("Nová firma", details["country"])


def test_R14b_a_refund_gives_back_every_invoice_and_names_the_card(house: House) -> None:
    bought(house)
    house.go_to(CHANGE_DAY)
    changed(house)
    refund(house.runtime, caller("shop"), request_id="back")
    house.drain()
    invoices = paper(house, "invoice")
    for invoice in invoices:
        given = [row["gross_minor"] for row in notes(house) if row["charge_id"] == invoice["charge_id"]]
        assert sum(given) == invoice["gross_minor"]
    _, purchase, change = (row["snapshot"] for row in notes(house))
    assert (purchase["reason"], purchase["lines"][0].get("days_left")) == ("refund", None)
    assert change["lines"] == invoices[1]["snapshot"]["lines"], "the same part of a term, taken back as it was sold"
    assert [said["totals"]["to_refund_minor"] for said in (purchase, change)] == [5700 - UNUSED, SOLD]
    assert purchase["payment"] == {"method": "card", "brand": "visa", "last4": "4242"}
    assert house.runtime.clock.today().isoformat() == purchase["corrected_on"]
    assert "goes back to card" in words_of(house, "D2026000002")
    (mail,) = house.fetch(
        "SELECT data FROM mails WHERE kind = 'credit_note_issued' AND data ->> 'reason' = 'refund' ORDER BY id LIMIT 1"
    )
    assert (mail["data"]["to_credit"], mail["data"]["to_refund"]["amount_minor"]) == (None, 5700 - UNUSED)
    assert [said for said in house.books().differences if "credit" in said or "invoice" in said] == []


def test_R14b_a_refund_in_part_says_so_on_its_line(house: House) -> None:
    bought(house)
    support = caller("shop", Role.SUPPORT)
    refund(house.runtime, support, request_id="part", override=True, amount_minor=1000, reason="a promise")
    house.drain()
    (note,) = notes(house)
    assert (note["gross_minor"], note["snapshot"]["totals"]["to_refund_minor"]) == (1000, 1000)
    assert "in part" in words_of(house, note["number"])


def test_R15b_a_sum_beyond_its_payout_becomes_credit_when_nothing_else_was_decided(house: House) -> None:
    bought(house)
    (charge,) = house.fetch("SELECT * FROM charges")
    of = {"account_id": charge["account_id"], "subscription_id": charge["subscription_id"], "currency": "EUR"}
    asked = {"kind": "part", "overridden": True, "total_minor": 700, "requested_on": house.clock.today()}
    number = insert(house.engine, "refunds", **of, **asked)
    insert(house.engine, "payouts", refund_id=number, charge_id=charge["id"], currency="EUR", amount_minor=700)
    reverse(house, charge, 1900, refund_id=number)
    house.run(JOB, only=charge["subscription_id"])
    totals = notes(house)[0]["snapshot"]["totals"]
    assert (totals["to_refund_minor"], totals["to_credit_minor"]) == (700, 1200)


def reverse(house: House, charge: dict[str, Any], gross_minor: int, **cause: Any) -> int:
    """A reversal of one agent's price or less, as whoever gives back would write it."""
    line = {"kind": "agents", "quantity": 3, "unit_price_minor": 1900, "net_minor": gross_minor}
    dates = {name: charge[name].isoformat() for name in ("starts_on", "ends_on")}
    return insert(
        house.engine,
        "reversals",
        account_id=charge["account_id"],
        subscription_id=charge["subscription_id"],
        charge_id=charge["id"],
        currency="EUR",
        net_minor=gross_minor,
        vat_minor=0,
        gross_minor=gross_minor,
        frozen={**charge["frozen"], **dates, "lines": [line]},
        reversed_on=house.clock.today(),
        made_at=house.clock.now(),
        **cause,
    )


def test_R7b_what_gives_back_a_carried_sum_corrects_the_invoice_that_it_was_carried_to(house: House) -> None:
    customer(house, external_id="shop", agents=1, agent_price_minor=30)
    house.run("renew")
    assert paper(house, "invoice") == []
    house.go_to(CHANGE_DAY)
    changed(house, agents=2)
    (invoice,), (note,) = paper(house, "invoice"), notes(house)
    assert [line["kind"] for line in invoice["snapshot"]["lines"]] == ["agents", "agents", "carried"]
    assert (note["charge_id"], note["gross_minor"]) == (invoice["charge_id"], 20)
    (reversal,) = house.fetch("SELECT charge_id FROM reversals")
    assert reversal["charge_id"] != note["charge_id"]


def test_R15b_more_than_is_left_of_the_invoice_is_never_given_back(house: House) -> None:
    bought(house)
    (charge,) = house.fetch("SELECT * FROM charges")
    of = {"account_id": charge["account_id"], "subscription_id": charge["subscription_id"], "currency": "EUR"}
    asked = {"kind": "part", "overridden": True, "total_minor": 0, "requested_on": house.clock.today()}
    for gross_minor in (3000, 2701):
        reverse(house, charge, gross_minor, refund_id=insert(house.engine, "refunds", **of, **asked))
    house.run(JOB)
    (note,) = notes(house)
    assert note["gross_minor"] == 3000
    (parked,) = house.fetch("SELECT parked_reason, parked_detail FROM charges")
    assert parked["parked_reason"] == "cannot_be_credited"
    assert "2701, and 2700 is left of 2026000001" in parked["parked_detail"]
    again = {k: v for k, v in note.items() if k not in {"id", "created_at"}}
    again |= {"sequence": 2, "number": "x", "gross_minor": 2701, "net_minor": 2701, "reversal_id": 2}
    with pytest.raises(IntegrityError, match="gives back more than is left of invoice 2026000001"):
        insert(house.engine, "invoices", **again)


def test_R18_a_reversal_that_cannot_be_printed_is_parked_and_costs_no_number(house: House) -> None:
    without_paper(house, "odd")
    without_paper(house, "sound")
    (broken, *_) = house.fetch("SELECT id, frozen FROM reversals ORDER BY id")
    update(house.engine, "reversals", broken["id"], frozen={**broken["frozen"], "ends_on": "soon"})
    house.drain()
    assert [row["number"] for row in notes(house)] == ["D2026000001"]
    (parked,) = house.fetch("SELECT id, parked_reason FROM charges WHERE parked_at IS NOT NULL")
    assert parked["parked_reason"] == "cannot_be_credited"
    update(house.engine, "reversals", broken["id"], frozen=broken["frozen"])
    update(house.engine, "charges", parked["id"], parked_at=None, parked_reason=None, parked_detail=None)
    house.run(JOB)
    assert [row["number"] for row in notes(house)] == ["D2026000001", "D2026000002"]


def test_R18_eight_issuers_of_both_kinds_leave_no_gap_and_no_repeat(house: House) -> None:
    for n in range(6):
        without_paper(house, f"shop-{n}")
    house.runtime = replace(house.runtime, limits=replace(house.runtime.limits, item_attempts_max=1000))
    for _ in range(2):
        house.plan(JOB)
    work = [row["id"] for row in house.fetch("SELECT id FROM work_items WHERE job = :job AND state = 'ready'", job=JOB)]
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
        threads = [threading.Thread(target=issue, args=(work[n:] + work[:n],)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [row["sequence"] for row in paper(house, "invoice")] == list(range(1, 13))
    assert [row["sequence"] for row in notes(house)] == list(range(1, 7))
    assert len(house.fetch("SELECT * FROM invoice_documents")) == 18
    assert house.fetch("SELECT 1 AS one FROM work_items WHERE last_error LIKE '%IntegrityError%'") == []


def test_R18_a_death_at_any_door_loses_no_credit_note_no_number_and_no_mail(house: House) -> None:
    passed: list[str] = []
    without_paper(house, "watched")
    with watching_doors(passed.append):
        house.drain(pick=lambda job: job == JOB)
    doors = list(dict.fromkeys(passed))
    assert "after:commit:invoices.issue" in doors
    for n, door in enumerate(doors):
        without_paper(house, f"shop-{n}")
        with dying_at(door) as passes:
            house.drain(pick=lambda job: job == JOB)
        assert passes, f"nobody came to {door}"
        restart(house)
        house.plan(JOB)
        house.drain(pick=lambda job: job == JOB)
    many = 1 + len(doors)
    assert [row["sequence"] for row in notes(house)] == list(range(1, many + 1))
    assert [row["sequence"] for row in paper(house, "invoice")] == list(range(1, 2 * many + 1))
    assert len(house.fetch("SELECT DISTINCT invoice_id FROM invoice_documents")) == 3 * many
    assert len(house.fetch("SELECT DISTINCT invoice_id FROM mails WHERE kind = 'credit_note_issued'")) == many


def test_R16_the_database_refuses_to_change_or_delete_what_was_issued(house: House) -> None:
    bought(house)
    for statement in (
        "UPDATE invoices SET gross_minor = gross_minor",
        "DELETE FROM invoices",
        "UPDATE invoice_lines SET net_minor = 0",
        "DELETE FROM invoice_lines",
        "UPDATE invoice_documents SET pdf_sha256 = 'x'",
        "DELETE FROM invoice_documents",
    ):
        with pytest.raises(IntegrityError, match="never changes"), house.engine.begin() as connection:
            connection.execute(text(statement))
