"""R20: where the price list contains VAT, a buyer pays the list price at every turn, and the papers say its parts."""

from dataclasses import replace
from datetime import date
from typing import Any

from tests.scenarios.test_paper import documents_come_to
from tests.support.bank import publish
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.shopping import buy, caller, newcomer, quoted, wish
from worker.billing.money import Currency
from worker.desk.refund import refund
from worker.desk.request import Role
from worker.documents.invoice_snapshot import read_snapshot


def papers(house: House) -> list[dict[str, Any]]:
    found = house.fetch("SELECT snapshot FROM invoices ORDER BY id")
    return [row["snapshot"] for row in found]


def test_R20_the_list_price_is_quoted_paid_renewed_changed_and_given_back(registered: House) -> None:
    house = registered
    house.runtime = replace(house.runtime, gross_currencies=frozenset({Currency.EUR}))
    publish(house, house.clock.today(), EUR="25")
    newcomer(house, "shop", country="HU", vat_number=None)
    shown = quoted(house, "shop", wish("standard", "month", 3))
    # three agents at 19.00 with 27 % in them: 57.00 · 27/127 = 12.118
    assert (shown["net_minor"], shown["vat_minor"], shown["to_pay_minor"]) == (4488, 1212, 5700)
    assert shown["vat"]["gross_prices"]
    buy(house, "shop", wish("standard", "month", 3))
    house.go_to(date(2026, 3, 20))
    buy(house, "shop", wish(agents=5))
    # two more for 26 of 31 days: 38.00 · 26/31 = 31.87, as with net prices, and the VAT is in it
    house.go_to(date(2026, 4, 15))
    publish(house, house.clock.today(), EUR="25")
    house.run("renew")
    told = [(paper["kind"], paper["totals"]["gross_minor"]) for paper in papers(house)]
    assert told == [("invoice", 5700), ("invoice", 7968), ("credit_note", 4781), ("invoice", 9500)]
    for paper in papers(house):
        read_snapshot(paper)
        assert paper["vat"]["gross_prices"]
        assert [line["unit_price_minor"] for line in paper["lines"]] == [1900] * len(paper["lines"])
    hold(house)


def test_R14_a_refund_gives_back_the_list_price(registered: House) -> None:
    house = registered
    house.runtime = replace(house.runtime, gross_currencies=frozenset({Currency.EUR}))
    publish(house, house.clock.today(), EUR="25")
    newcomer(house, "shop", country="HU", vat_number=None)
    buy(house, "shop", wish("standard", "month", 3))
    refund(house.runtime, caller("shop", Role.CUSTOMER), request_id="back")
    house.drain()
    assert documents_come_to(house) == 0
    credit_note = papers(house)[-1]
    assert (credit_note["totals"]["net_minor"], credit_note["totals"]["vat_minor"]) == (4488, 1212)
    hold(house)
