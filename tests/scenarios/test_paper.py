"""Stories of one customer whose documents always come to what was paid, less what went back and the credit."""

from datetime import date

from tests.support.house import House
from tests.support.shopping import buy, caller, credit_of, newcomer, wish
from worker.desk.refund import refund
from worker.desk.request import Role


def documents_come_to(house: House) -> int:
    """Invoices less credit notes, gross, in minor units, which is exactly what the books say. Fails when it is not."""
    (sums,) = house.fetch(
        """SELECT coalesce(sum(gross_minor) FILTER (WHERE kind = 'invoice'), 0)
                  - coalesce(sum(gross_minor) FILTER (WHERE kind = 'credit_note'), 0) AS documents,
                  (SELECT sum(amount_minor) FROM charges WHERE state = 'succeeded') AS paid,
                  (SELECT coalesce(sum(amount_minor), 0) FROM payouts) AS back,
                  coalesce(sum(gross_minor) FILTER (WHERE snapshot ->> 'reason' = 'refund'), 0) AS refunded,
                  (SELECT coalesce(sum(amount_minor), 0) FROM credit_entries WHERE kind = 'refund') AS credit
           FROM invoices"""
    )
    # credit that a change gave has its credit note already; the refund cancels it and pays it out
    assert sums["refunded"] == sums["back"] + sums["credit"]
    assert sums["documents"] == sums["paid"] - sums["back"] - credit_of(house, "shop")
    assert [said for said in house.books().differences if "credit note" in said or "invoice" in said] == []
    return int(sums["documents"])


def given_back(house: House) -> list[tuple[str, str]]:
    """(reason, number of the corrected invoice) of each credit note."""
    found = house.fetch("SELECT snapshot AS s FROM invoices WHERE kind = 'credit_note' ORDER BY sequence")
    return [(row["s"]["reason"], row["s"]["corrects"]["number"]) for row in found]


def bought_raised_and_lowered(house: House) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3))
    assert documents_come_to(house) == 5700
    house.go_to(date(2026, 3, 20))
    buy(house, "shop", wish(agents=5))
    assert documents_come_to(house) == 5700 + 3187
    house.go_to(date(2026, 3, 25))
    buy(house, "shop", wish(agents=2))
    assert credit_of(house, "shop") == 3861
    documents_come_to(house)


def test_R15b_bought_raised_lowered_and_renewed(house: House) -> None:
    bought_raised_and_lowered(house)
    assert given_back(house) == [("change", "2026000001"), ("change", "2026000002")]
    house.go_to(date(2026, 4, 15))
    house.run("renew")
    assert credit_of(house, "shop") == 61
    documents_come_to(house)
    kinds = [row["kind"] for row in house.fetch("SELECT kind FROM invoices ORDER BY id")]
    assert kinds == ["invoice", "invoice", "credit_note", "invoice", "credit_note", "invoice"]
    (covered,) = house.fetch("SELECT snapshot AS s FROM invoices WHERE number = '2026000003'")
    assert covered["s"]["payment"]["method"] == "credit", "R15: also where credit covered all of it"


def test_R14b_bought_raised_lowered_and_refunded(house: House) -> None:
    bought_raised_and_lowered(house)
    refund(house.runtime, caller("shop"), request_id="back")
    house.drain()
    assert documents_come_to(house) == 0
    assert credit_of(house, "shop") == 0
    assert sorted(given_back(house)[2:]) == [("refund", f"202600000{n}") for n in (1, 2, 3)]


def test_R14b_a_refund_in_part_and_then_the_rest(house: House) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3))
    for sum_minor in (1000, 700):
        support = caller("shop", Role.SUPPORT)
        refund(
            house.runtime,
            support,
            request_id=f"part-{sum_minor}",
            override=True,
            amount_minor=sum_minor,
            reason="promised",
        )
        house.drain()
        documents_come_to(house)
    refund(house.runtime, caller("shop"), request_id="back")
    house.drain()
    assert documents_come_to(house) == 0
    assert len(given_back(house)) == 3
