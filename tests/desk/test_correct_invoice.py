"""`invoice correct`: a credit note on all that is left, a new invoice in its place, one in force (R16)."""

from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.bank import publish
from tests.support.builders import counts
from tests.support.counter import audited
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.money_back import refused, went_back
from tests.support.register import Register
from tests.support.shopping import buy, caller, credit_of, newcomer, quoted, wish
from worker.billing.states import Payer
from worker.desk.billing_details import BillingDetails, change_billing_details
from worker.desk.correct_invoice import correct_invoice, preview_correction
from worker.desk.order import order
from worker.desk.refund import refund
from worker.desk.request import Done, Role

SHOP = BillingDetails("Sklep sp. z o.o.", "Prosta 1", "Warszawa", "00-001", "PL", "ksiegowosc@sklep.example", "")
NUMBER = "PL5260001246"
EVA = caller("shop", Role.SUPPORT)
STANDARD = wish("standard", "month", 3)


def bought(house: House, *, vat_number: str | None = None, country: str = "PL", what: Any = STANDARD) -> str:
    """Three agents for a month, 57.00 and VAT; returns the invoice's number."""
    publish(house, house.clock.today(), EUR="25")
    newcomer(house, "shop", country=country, vat_number=vat_number)
    buy(house, "shop", what)
    return str(house.fetch("SELECT number FROM invoices ORDER BY id DESC LIMIT 1")[0]["number"])


def details(house: House, given: BillingDetails = SHOP, *, request_id: str = "d", **changes: Any) -> None:
    """The customer writes other billing details."""
    change_billing_details(house.runtime, caller("shop"), replace(given, **changes), request_id=request_id)
    house.drain()


def correct(house: House, number: str, request_id: str = "c-1", **how: Any) -> Done:
    done = correct_invoice(house.runtime, EVA, number=number, request_id=request_id, reason="asked by phone", **how)
    house.drain()
    return done


def confirmed(house: House) -> None:
    """The customer gives a number, and VIES confirms it, five days after the purchase."""
    house.wait(days=5)
    details(house, vat_number=NUMBER)
    house.run("check_vat_numbers")


def plain(mail: EmailMessage) -> str:
    """What a mail says in plain text."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def papers(house: House) -> list[tuple[Any, ...]]:
    """Kind, buyer, rate, net, VAT of each document, in the order of issue."""
    found = house.fetch(
        """SELECT kind, snapshot -> 'buyer' ->> 'name' AS name, snapshot -> 'vat' ->> 'rate' AS rate,
                  net_minor, vat_minor FROM invoices ORDER BY id"""
    )
    return [tuple(row.values()) for row in found]


def test_R16_a_wrong_name_is_corrected_and_nothing_is_owed(registered: House) -> None:
    house = registered
    number = bought(house)
    (wrong,) = papers(house)
    house.wait(days=2)
    details(house)
    done = correct(house, number)
    assert (done.result["to_credit_minor"], done.result["to_refund_minor"]) == (0, 0)
    assert papers(house) == [wrong, ("invoice", SHOP.company, "23", 5700, 1311), ("credit_note", *wrong[1:])]
    first, new, note = house.fetch("SELECT number, paid_on, issued_on, snapshot FROM invoices ORDER BY id")
    assert note["snapshot"]["corrects"]["number"] == first["number"]
    assert note["snapshot"]["replaced_by"] == {"number": new["number"], "issued_on": new["issued_on"].isoformat()}
    assert (note["snapshot"]["reason"], note["snapshot"]["totals"]["to_invoice_minor"]) == ("correction", 7011)
    assert new["paid_on"] == first["paid_on"]
    assert new["issued_on"] == first["issued_on"] + timedelta(days=2)
    assert new["snapshot"]["payment"] == first["snapshot"]["payment"]
    assert new["snapshot"]["exchange"] == first["snapshot"]["exchange"], "the tax date is the same, and so is the rate"
    said = [" ".join(plain(mail).split()) for mail in house.sink.mails]
    assert sum(f"it stands in place of invoice {number}" in one for one in said) == 1
    mails = house.fetch("SELECT kind, data, state FROM mails WHERE invoice_id IS NOT NULL ORDER BY invoice_id")
    assert [(mail["kind"], mail["state"]) for mail in mails] == [
        ("invoice_issued", "sent"),
        ("invoice_issued", "sent"),
        ("credit_note_issued", "sent"),
    ]
    assert [mail["data"].get("replaces") for mail in mails] == [None, number, None]
    assert audited(house)[-1]["act"] == "desk.invoice_correct"
    assert credit_of(house, "shop") == 0
    hold(house)


def test_R16_a_number_confirmed_late_turns_VAT_into_credit(registered: House) -> None:
    house = registered
    number = bought(house)
    confirmed(house)
    done = correct(house, number)
    assert (done.result["treatment"], done.result["to_credit_minor"]) == ("reverse_charge", 1311)
    assert [row[2:] for row in papers(house)] == [("23", 5700, 1311), ("0", 5700, 0), ("23", 5700, 1311)]
    (kept,) = house.fetch("SELECT frozen FROM corrections")
    assert kept["frozen"]["vat_evidence"]["number"] == NUMBER
    assert credit_of(house, "shop") == 1311
    hold(house)


def test_R16_the_difference_goes_back_the_way_it_was_paid(registered: House) -> None:
    house = registered
    number = bought(house)
    confirmed(house)
    assert correct(house, number, refund=True).result["to_refund_minor"] == 1311
    assert went_back(house) == [1311]
    assert credit_of(house, "shop") == 0
    (note,) = house.fetch("SELECT snapshot FROM invoices WHERE kind = 'credit_note'")
    assert note["snapshot"]["payment"]["method"] == "card"
    assert house.books().equal, house.books().differences
    hold(house)


def test_R16_where_VAT_rises_the_sum_that_was_paid_stands(registered: House) -> None:
    """More cannot be asked for afterwards: the VAT is taken out of what was paid."""
    house = registered
    number = bought(house, country="DE")
    details(house, country="HU", postcode="1011")
    done = correct(house, number)
    # 57.00 + 19 % = 67.83; 27 % within it are 14.42
    assert (done.result["net_minor"], done.result["vat_minor"]) == (5341, 1442)
    assert done.result["to_credit_minor"] == 0
    (new,) = house.fetch("SELECT snapshot FROM invoices WHERE correction_id IS NOT NULL")
    assert sum(line["net_minor"] for line in new["snapshot"]["lines"]) == 5341
    hold(house)
    house.wait(days=3)
    publish(house, house.clock.today(), EUR="25")
    buy(house, "shop", wish(agents=1))
    hold(house)


def test_R15b_a_change_after_it_reverses_the_invoice_in_force(registered: House) -> None:
    house = registered
    number = bought(house)
    confirmed(house)
    correct(house, number)
    publish(house, house.clock.today(), EUR="25")
    buy(house, "shop", wish(agents=5))
    note = house.fetch("SELECT * FROM invoices ORDER BY id")[-1]
    new = house.fetch("SELECT * FROM invoices WHERE correction_id IS NOT NULL")[0]
    assert (note["kind"], note["snapshot"]["corrects"]["number"]) == ("credit_note", new["number"])
    assert note["vat_minor"] == 0, "as the invoice in force was taxed, not as the first one was"
    hold(house)


def test_R16_after_a_change_what_is_left_is_corrected(registered: House) -> None:
    house = registered
    number = bought(house)
    house.wait(days=3)
    publish(house, house.clock.today(), EUR="25")
    buy(house, "shop", wish(agents=5))
    (unused,) = house.fetch("SELECT net_minor, vat_minor FROM reversals")
    confirmed(house)
    assert correct(house, number).result["net_minor"] == 5700 - unused["net_minor"]
    assert credit_of(house, "shop") == 1311 - unused["vat_minor"]
    hold(house)


def test_R14_a_full_refund_after_it_gives_all_back_and_takes_the_credit(registered: House) -> None:
    house = registered
    number = bought(house)
    confirmed(house)
    correct(house, number)
    assert credit_of(house, "shop") == 1311
    refund(house.runtime, caller("shop"), request_id="back")
    house.drain()
    assert went_back(house) == [7011]
    assert credit_of(house, "shop") == 0
    taken = house.fetch(
        "SELECT sum(CASE kind WHEN 'invoice' THEN gross_minor ELSE -gross_minor END) AS n FROM invoices"
    )
    assert taken[0]["n"] == 0
    hold(house)


def test_R16_a_correction_is_corrected_in_its_turn(registered: House) -> None:
    house = registered
    first = bought(house)
    details(house)
    correct(house, first)
    (second,) = house.fetch("SELECT number FROM invoices WHERE correction_id IS NOT NULL")
    details(house, company="Sklep S.A.", request_id="d-2")
    refused("not_in_force", lambda: correct(house, first, "c-2"))
    correct(house, second["number"], "c-2")
    names = [(row[0], row[1]) for row in papers(house)]
    assert names[1:] == [
        ("invoice", SHOP.company),
        ("credit_note", names[0][1]),
        ("invoice", "Sklep S.A."),
        ("credit_note", SHOP.company),
    ]
    hold(house)


def test_R16_only_name_and_address_with_keep_vat(registered: House) -> None:
    house = registered
    number = bought(house)
    confirmed(house)
    done = correct(house, number, keep_vat=True)
    assert (done.result["vat_minor"], done.result["to_credit_minor"]) == (1311, 0)
    (new,) = house.fetch("SELECT snapshot FROM invoices WHERE correction_id IS NOT NULL")
    assert (new["snapshot"]["buyer"]["name"], new["snapshot"]["buyer"]["vat_number"]) == (SHOP.company, None)


def test_R16_a_number_that_is_not_valid_any_more_stays_good_for_what_was_sold(
    registered: House, register: Register
) -> None:
    house = registered
    publish(house, house.clock.today(), EUR="25")
    newcomer(house, "shop", country="PL", vat_number=NUMBER)
    house.run("check_vat_numbers")
    buy(house, "shop", STANDARD)
    register.tell("numbers", {NUMBER: "INVALID"})
    house.wait(days=40)
    house.run("check_vat_numbers")
    (row,) = house.fetch("SELECT number FROM invoices")
    details(house, vat_number=NUMBER)
    assert correct(house, row["number"]).result["treatment"] == "reverse_charge"


def test_R16_the_same_request_corrects_once(registered: House) -> None:
    house = registered
    number = bought(house)
    details(house)
    first = correct(house, number)
    before = counts(house.engine)
    again = correct(house, number)
    assert (again.repeated, again.result) == (True, first.result)
    assert counts(house.engine) == before


def test_R16_a_preview_says_it_and_does_nothing(registered: House) -> None:
    house = registered
    number = bought(house)
    confirmed(house)
    before = counts(house.engine)
    told = preview_correction(house.runtime, EVA, number=number)
    assert counts(house.engine) == before
    done = correct(house, number)
    assert {name: value for name, value in done.result.items() if name != "correction"} == told


def test_R16_what_is_refused(registered: House) -> None:
    house = registered
    number = bought(house)
    refused("nothing_changes", lambda: correct(house, number))
    details(house)
    refused("no_invoice", lambda: correct(house, "FV-none"))
    refused("no_invoice", lambda: correct(house, "\x00"))
    refused("support_only", lambda: correct_invoice(house.runtime, caller("shop"), number=number, request_id="x"))
    refused("reason_missing", lambda: correct_invoice(house.runtime, EVA, number=number, request_id="x", reason=" "))


def test_R16_an_open_order_is_in_the_way(registered: House) -> None:
    house = registered
    number = bought(house)
    details(house)
    shown = quoted(house, "shop", wish(agents=5))
    order(house.runtime, caller("shop"), str(shown["quote"]), payer=Payer.PAGE, request_id="o")
    refused("payment_under_way", lambda: correct(house, number))


def test_R16_what_was_given_back_whole_is_not_corrected(registered: House) -> None:
    house = registered
    number = bought(house)
    refund(house.runtime, caller("shop"), request_id="back")
    house.drain()
    details(house)
    refused("nothing_left", lambda: correct(house, number))


def test_R16_the_database_refuses_a_second_replacement_and_a_change(registered: House) -> None:
    house = registered
    number = bought(house)
    details(house)
    correct(house, number)
    columns = """account_id, charge_id, currency, net_minor, vat_minor, gross_minor, to_credit_minor, to_refund_minor,
                 frozen, corrected_on, made_at"""
    copy = f"INSERT INTO corrections ({columns}) SELECT {columns} FROM corrections"  # noqa: S608 - constants only
    for statement, said in [(copy, "corrections_first_key"), ("DELETE FROM corrections", "never changes")]:
        with pytest.raises(DBAPIError, match=said), house.engine.begin() as connection:
            connection.execute(text(statement))


def test_R16_a_year_later_the_rates_of_the_sale_hold(registered: House) -> None:
    house = registered
    house.go_to(date(2025, 6, 20))
    number = bought(house, country="EE")
    house.go_to(date(2025, 7, 20))
    details(house, country="EE", postcode="10111")
    assert correct(house, number).result["vat_minor"] == 1254, "22 %, as until 30 June 2025"
