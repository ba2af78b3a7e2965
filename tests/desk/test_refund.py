"""Money back at the desk: who may have what back, until when, and what a refund takes with it (R14, R14b)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from tests.support.builders import counts, credit
from tests.support.counter import audited, customer_of, support_for
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.money_back import STANDARD, ask, bought, override, refused, reversed_sums, went_back
from tests.support.shopping import buy, credit_of, entitled, newcomer, wish
from tests.support.stories import customer, dying_at
from worker.billing.money import Currency
from worker.desk.refund import refund
from worker.desk.request import Done
from worker.errors import ActRefusedError

SIDES = ("before", "after")
FIRST_DAY, LAST_DAY = date(2026, 3, 15), date(2026, 3, 30)


def test_R14_on_the_fifteenth_day_the_customer_gets_it_all_back_and_is_free(house: House) -> None:
    bought(house)
    house.go_to(LAST_DAY)
    done = ask(house)
    assert done.result.items() >= {"amount_minor": 5700, "currency": "EUR", "ends_service": True}.items()
    assert entitled(house, "shop")["package"] == "free"
    house.drain()
    assert went_back(house) == [5700]
    assert reversed_sums(house) == [5700]
    (mail,) = house.fetch("SELECT data, state FROM mails WHERE kind = 'refund_made'")
    assert (mail["data"]["amount"]["amount_minor"], mail["state"]) == (5700, "sent")
    (row,) = house.fetch("SELECT * FROM refunds")
    assert (row["kind"], row["overridden"], row["requested_on"]) == ("full", False, LAST_DAY)
    assert house.books().equal, house.books().differences
    for job in ("renew", "suspend", "remind"):
        house.run(job, day=LAST_DAY)
    assert entitled(house, "shop")["status"] == "free"


def test_R14_on_the_sixteenth_day_it_is_too_late(house: House) -> None:
    bought(house)
    house.go_to(LAST_DAY + timedelta(days=1))
    before = counts(house.engine, but=("audit_log",))
    refused("refund_too_late", lambda: ask(house))
    assert counts(house.engine, but=("audit_log",)) == before
    assert audited(house)[-1]["details"]["refused"] == "refund_too_late"
    assert override(house).result["amount_minor"] == 5700, "support may"


def test_R14_the_days_are_a_setting(house: House) -> None:
    house.with_policy(refund_days=0)
    bought(house)
    assert ask(house).result["amount_minor"] == 5700
    bought(house, "late")
    house.go_to(FIRST_DAY + timedelta(days=1))
    refused("refund_too_late", lambda: ask(house, "late"))


def test_R14b_the_changes_since_go_back_with_the_purchase(house: House) -> None:
    bought(house)
    house.go_to(date(2026, 3, 20))
    # 26 of 31 days are left: 5 * 1900 * 26 / 31 = 7968, less 5700 * 26 / 31 = 4781
    assert buy(house, "shop", wish(agents=5))["outcome"] == "paid"
    assert ask(house).result["amount_minor"] == 5700 + 3187
    house.drain()
    assert sorted(went_back(house)) == [3187, 5700]
    assert reversed_sums(house) == [5700 - 4781, 7968], "the unused part was reversed by the change already"
    assert credit_of(house, "shop") == 0
    assert house.books().equal, house.books().differences


def test_R14b_credit_that_came_from_the_purchase_is_cancelled(house: House) -> None:
    bought(house)
    house.go_to(date(2026, 3, 20))
    buy(house, "shop", wish(agents=1))
    assert credit_of(house, "shop") == 4781 - 1594
    assert ask(house).result["amount_minor"] == 5700
    house.drain()
    assert (went_back(house), credit_of(house, "shop")) == ([5700], 0)
    assert reversed_sums(house) == [919, 1594]
    (entry,) = house.fetch("SELECT amount_minor FROM credit_entries WHERE kind = 'refund'")
    assert entry["amount_minor"] == -3187
    assert house.books().equal, house.books().differences


def test_R14b_it_is_lowered_by_what_of_that_credit_was_spent(house: House) -> None:
    house.with_policy(refund_days=60)
    bought(house)
    house.go_to(date(2026, 3, 20))
    buy(house, "shop", wish(agents=1))
    house.go_to(date(2026, 4, 15))
    house.run("renew")
    assert credit_of(house, "shop") == 3187 - 1900, "the renewal was paid by credit"
    assert ask(house).result["amount_minor"] == 5700 - 1900
    house.drain()
    assert (went_back(house), credit_of(house, "shop")) == ([3800], 0)
    assert house.books().equal, house.books().differences


def test_R14b_other_credit_that_paid_the_purchase_comes_back_as_credit(house: House) -> None:
    number = newcomer(house, "shop")
    credit(house.engine, number, 500)
    buy(house, "shop", STANDARD)
    assert credit_of(house, "shop") == 0
    assert ask(house).result["amount_minor"] == 5200
    house.drain()
    assert (went_back(house), credit_of(house, "shop")) == ([5200], 500)
    (row,) = house.fetch("SELECT frozen FROM reversals")
    assert (row["frozen"]["to_refund_minor"], row["frozen"]["to_credit_minor"]) == (5200, 500)
    assert house.books().equal, house.books().differences


def test_R7b_a_sum_that_was_carried_and_waits_is_cancelled(house: House) -> None:
    bought(house)
    house.with_policy(minimum_minor={**house.runtime.policy.minimum_minor, Currency.EUR: 7000})
    house.go_to(date(2026, 3, 20))
    buy(house, "shop", wish(agents=4))
    (carried,) = house.fetch("SELECT amount_minor, refund_id FROM carried_sums")
    assert (carried["amount_minor"] > 0, carried["refund_id"]) == (True, None)
    assert ask(house).result["amount_minor"] == 5700
    (carried,) = house.fetch("SELECT refund_id FROM carried_sums")
    assert carried["refund_id"] is not None


def test_R7b_what_was_carried_into_a_later_change_is_taken_back_with_its_invoice_and_once(house: House) -> None:
    bought(house)
    usual = house.runtime.policy.minimum_minor
    house.with_policy(minimum_minor={**usual, Currency.EUR: 7000})
    house.go_to(date(2026, 3, 20))
    buy(house, "shop", wish(agents=4))
    house.with_policy(minimum_minor=usual)
    house.go_to(date(2026, 3, 22))
    assert buy(house, "shop", wish(agents=6))["outcome"] == "paid"
    paid = sum(entry["amount"] for entry in house.emulator.journal())
    assert ask(house).result["amount_minor"] == paid
    house.drain()
    assert sum(went_back(house)) == paid
    assert house.fetch("SELECT parked_reason FROM charges WHERE parked_at IS NOT NULL") == []
    assert house.books().equal, house.books().differences


def test_R14b_the_same_request_twice_has_one_effect(house: House) -> None:
    bought(house)
    first = ask(house)
    before = counts(house.engine)
    again = ask(house)
    assert again.repeated
    assert dict(again.result) == dict(first.result)
    assert counts(house.engine) == before
    house.drain()
    assert went_back(house) == [5700]


@pytest.mark.parametrize("same", [True, False])
def test_R14b_eight_at_once_have_one_effect(house: House, same: bool) -> None:  # noqa: FBT001 - a parameter of the test
    bought(house)

    def one(n: int) -> Done | ActRefusedError:
        try:
            return ask(house, request_id="r-1" if same else f"r-{n}")
        except ActRefusedError as refusal:
            return refusal

    with ThreadPoolExecutor(8) as pool:
        done = [each for each in pool.map(one, range(8)) if isinstance(each, Done)]
    assert [each.repeated for each in done].count(False) == 1
    assert len(done) == (8 if same else 1)
    house.drain()
    assert went_back(house) == [5700]
    assert house.books().equal, house.books().differences


def test_R14b_a_request_whose_process_died_is_sent_again_and_has_one_effect(house: House) -> None:
    for door in (f"{side}:commit:{name}" for name in ("desk.refund.cancel", "desk.refund") for side in SIDES):
        name = door.replace(":", "-").replace(".", "-")
        bought(house, name)
        with dying_at(door) as passes:
            ask(house, name)
        assert passes, f"nobody came to {door}"
        assert ask(house, name).result["amount_minor"] == 5700
        house.drain()
        assert went_back(house)[-1] == 5700
    assert went_back(house) == [5700] * 4
    assert house.books().equal, house.books().differences


def test_R14b_a_second_refund_of_the_same_money_is_refused(house: House) -> None:
    bought(house)
    ask(house)
    refused("refunded_before", lambda: ask(house, request_id="r-2"))
    refused("refunded_before", lambda: override(house, request_id="r-3"))


def test_R14_a_second_purchase_is_no_first_payment(house: House) -> None:
    bought(house)
    ask(house)
    house.drain()
    assert buy(house, "shop", STANDARD)["outcome"] == "paid"
    refused("not_first_payment", lambda: ask(house, request_id="r-2"))
    assert override(house, request_id="r-3").result["amount_minor"] == 5700


def test_R14_what_was_imported_is_no_first_payment(house: House) -> None:
    of = customer(house)
    house.run("renew")
    refused("not_first_payment", lambda: refund(house.runtime, customer_of(of), request_id="r-1"))
    done = refund(house.runtime, support_for(of), request_id="r-2", override=True, reason="the shop burnt down")
    assert done.result["amount_minor"] == of.list_minor, "the newest term, a renewal too"
    house.drain()
    assert went_back(house) == [of.list_minor]
    assert house.books().equal, house.books().differences


def test_R14b_outside_the_first_payment_support_gives_back_the_newest_term_and_its_changes(house: House) -> None:
    bought(house)
    house.go_to(date(2026, 4, 15))
    house.run("renew")
    house.go_to(date(2026, 4, 25))
    # 20 of 30 days are left: 5 * 1900 * 20 / 30 = 6333, less 5700 * 20 / 30 = 3800
    buy(house, "shop", wish(agents=5))
    assert override(house).result["amount_minor"] == 5700 + 2533
    house.drain()
    assert sorted(went_back(house)) == [2533, 5700]
    assert house.books().equal, house.books().differences


def test_R14b_in_part_the_subscription_stays_and_never_more_goes_back_than_was_paid(house: House) -> None:
    bought(house)
    assert override(house, 1000).result.items() >= {"amount_minor": 1000, "ends_service": False}.items()
    refused("refund_too_high", lambda: override(house, 4701, request_id="r-2"))
    assert override(house, 700, request_id="r-3").result["amount_minor"] == 700
    assert entitled(house, "shop")["status"] == "active"
    assert override(house, request_id="r-4").result["amount_minor"] == 4000, "all that is left"
    house.drain()
    assert went_back(house) == [1000, 700, 4000]
    assert reversed_sums(house) == [1000, 700, 4000]
    assert kinds_of_shop(house).count("refund_made") == 3
    assert house.books().equal, house.books().differences


def kinds_of_shop(house: House) -> list[str]:
    """The kinds of all mails."""
    return [kind for kind, _ in house.mails()]


def test_R14b_in_part_after_a_change_neither_payment_nor_invoice_is_overdrawn(house: House) -> None:
    bought(house)
    house.go_to(date(2026, 3, 20))
    buy(house, "shop", wish(agents=5))
    override(house, 8000)
    paid = house.fetch("SELECT amount_minor FROM payouts ORDER BY charge_id")
    assert [row["amount_minor"] for row in paid] == [8000 - 3187, 3187]
    assert reversed_sums(house) == [8000 - 7968, 7968]
    refused("refund_too_high", lambda: override(house, 888, request_id="r-2"))
    assert override(house, 887, request_id="r-3").result["amount_minor"] == 887
    house.drain()
    assert house.books().equal, house.books().differences


def test_R14b_what_support_gave_back_in_part_a_change_does_not_give_a_second_time(house: House) -> None:
    bought(house)
    override(house, 5000)
    house.drain()
    assert buy(house, "shop", wish(agents=2))["to_pay_minor"] == 3800 - 700, "700 of the invoice are left to reverse"
    assert house.fetch("SELECT gross_minor FROM reversals ORDER BY id") == [{"gross_minor": 5000}, {"gross_minor": 700}]
    hold(house)


def test_R14b_the_lines_of_a_reversal_are_its_net_sum(house: House) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3, 200))
    override(house, 1001)
    override(house, request_id="r-2")
    for row in house.fetch("SELECT net_minor, frozen FROM reversals"):
        assert sum(line["net_minor"] for line in row["frozen"]["lines"]) == row["net_minor"]
        assert row["frozen"]["vat"]["treatment"] == "not_registered"
