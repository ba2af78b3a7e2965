"""R15b, R20: the worked examples of docs/vat-examples.md, as the papers say them."""

from datetime import date
from typing import Any

from tests.support.bank import publish
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.register import Register
from tests.support.shopping import buy, caller, credit_of, newcomer, wish
from worker.desk.correct_invoice import correct_invoice
from worker.desk.refund import refund
from worker.desk.request import Role

NUMBER = "PL5260001246"


def papers(house: House) -> list[tuple[str, str, int, int, int]]:
    """Kind, rate, net, VAT and gross of each document, in the order of issue."""
    found = house.fetch(
        """SELECT kind, snapshot -> 'vat' ->> 'rate' AS rate, net_minor, vat_minor, gross_minor
           FROM invoices ORDER BY id"""
    )
    return [tuple(row.values()) for row in found]


def charged(house: House) -> list[int]:
    found: list[dict[str, Any]] = house.fetch("SELECT amount_minor FROM charges WHERE state = 'succeeded' ORDER BY id")
    return [row["amount_minor"] for row in found]


def test_R15b_a_change_after_the_VAT_number_was_confirmed(registered: House, register: Register) -> None:
    house = registered
    publish(house, house.clock.today(), EUR="25")
    register.tell("outages", {"country": "PL", "error": "MS_UNAVAILABLE"})
    newcomer(house, "shop", country="PL", vat_number=NUMBER)
    house.run("check_vat_numbers")
    buy(house, "shop", wish("standard", "month", 3))
    # 3 x 19.00 = 57.00, 23 % of it 13.11
    register.tell("outages", {"country": "PL", "error": None})
    house.go_to(date(2026, 3, 20))
    house.run("check_vat_numbers")
    publish(house, house.clock.today(), EUR="25")
    buy(house, "shop", wish(agents=5))
    # 26 of 31 days are left. Unused, as it was sold: 57.00 x 26/31 = 47.81, 23 % of it 11.00, together 58.81.
    # New, under reverse charge: 95.00 x 26/31 = 79.68. To pay: 79.68 - 58.81 = 20.87
    assert papers(house) == [
        ("invoice", "23", 5700, 1311, 7011),
        ("invoice", "0", 7968, 0, 7968),
        ("credit_note", "23", 4781, 1100, 5881),
    ]
    assert charged(house) == [7011, 2087]
    hold(house)


def test_R15b_a_downgrade_across_two_rates(registered: House) -> None:
    house = registered
    house.go_to(date(2025, 6, 20))
    publish(house, date(2025, 6, 20), EUR="25")
    newcomer(house, "shop", country="EE")
    buy(house, "shop", wish("standard", "month", 3))
    # Estonia, 22 % until 30 June 2025: 57.00 + 12.54
    house.go_to(date(2025, 7, 5))
    publish(house, date(2025, 7, 5), EUR="25")
    buy(house, "shop", wish(agents=1))
    # 15 of 30 days are left. Unused, at the rate of its sale: 28.50 + 6.27 = 34.77
    # New, at today's 24 %: 19.00 x 15/30 = 9.50, 24 % of it 2.28, together 11.78. Credit: 34.77 - 11.78 = 22.99
    assert papers(house) == [
        ("invoice", "22", 5700, 1254, 6954),
        ("invoice", "24", 950, 228, 1178),
        ("credit_note", "22", 2850, 627, 3477),
    ]
    assert credit_of(house, "shop") == 2299
    hold(house)


def test_R14b_a_refund_after_credit_was_spent(registered: House) -> None:
    house = registered
    publish(house, house.clock.today(), EUR="25")
    newcomer(house, "shop", country="CZ")
    buy(house, "shop", wish("standard", "month", 5))
    # 95.00 + 21 % = 114.95
    house.go_to(date(2026, 3, 20))
    publish(house, house.clock.today(), EUR="25")
    buy(house, "shop", wish(agents=4))
    # Unused 95.00 x 26/31 = 79.68 + 16.73 = 96.41. New 76.00 x 26/31 = 63.74 + 13.39 = 77.13. Credit 19.28
    assert credit_of(house, "shop") == 1928
    house.go_to(date(2026, 4, 15))
    publish(house, house.clock.today(), EUR="25")
    house.run("renew")
    # 76.00 + 15.96 = 91.96, of which credit pays 19.28 and the card 72.68
    refund(house.runtime, caller("shop", Role.SUPPORT), request_id="back", override=True, reason="as agreed")
    house.drain()
    assert papers(house) == [
        ("invoice", "21", 9500, 1995, 11495),
        ("invoice", "21", 6374, 1339, 7713),
        ("credit_note", "21", 7968, 1673, 9641),
        ("invoice", "21", 7600, 1596, 9196),
        ("credit_note", "21", 7600, 1596, 9196),
    ]
    assert charged(house) == [11495, 0, 7268]
    assert credit_of(house, "shop") == 1928, "what credit had paid is credit again"
    assert [row["amount_minor"] for row in house.fetch("SELECT amount_minor FROM payouts")] == [7268]
    hold(house)


def test_R16_a_VAT_number_that_was_confirmed_late(registered: House, register: Register) -> None:
    house = registered
    publish(house, house.clock.today(), EUR="25")
    register.tell("outages", {"country": "PL", "error": "MS_UNAVAILABLE"})
    newcomer(house, "shop", country="PL", vat_number=NUMBER)
    house.run("check_vat_numbers")
    buy(house, "shop", wish("standard", "month", 3))
    register.tell("outages", {"country": "PL", "error": None})
    house.go_to(date(2026, 3, 20))
    house.run("check_vat_numbers")
    publish(house, house.clock.today(), EUR="24")
    (first,) = house.fetch("SELECT number, snapshot FROM invoices")
    support = caller("shop", Role.SUPPORT)
    correct_invoice(house.runtime, support, number=first["number"], request_id="late", reason="confirmed late")
    house.drain()
    assert credit_of(house, "shop") == 1311
    buy(house, "shop", wish(agents=5))
    # Unused, as the invoice in force says: 57.00 x 26/31 = 47.81. New: 79.68. To pay: 79.68 - 47.81 - 13.11 = 18.76
    assert papers(house) == [
        ("invoice", "23", 5700, 1311, 7011),
        ("invoice", "0", 5700, 0, 5700),
        ("credit_note", "23", 5700, 1311, 7011),
        ("invoice", "0", 7968, 0, 7968),
        ("credit_note", "0", 4781, 0, 4781),
    ]
    assert charged(house) == [7011, 1876]
    _, new, note = house.fetch("SELECT snapshot, paid_on FROM invoices ORDER BY id LIMIT 3")
    assert new["paid_on"] == date(2026, 3, 15)
    assert new["snapshot"]["exchange"]["rate"] == first["snapshot"]["exchange"]["rate"]
    assert note["snapshot"]["exchange"]["gross_minor"] == first["snapshot"]["exchange"]["gross_minor"]
    hold(house)
