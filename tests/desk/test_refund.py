"""Money back at the desk: who may have what back, until when, and what a refund takes with it (R14, R14b)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.builders import counts, credit, insert
from tests.support.counter import audited, customer_of, support_for
from tests.support.house import API_KEY, House
from tests.support.shopping import buy, caller, credit_of, entitled, intent_of, newcomer, ordered, quoted, wish
from tests.support.stories import charges_of, customer, dying_at, kinds_of, provider_says
from worker.billing.money import Currency
from worker.billing.states import Payer
from worker.desk.refund import refund
from worker.desk.request import Done, Role
from worker.errors import ActRefusedError
from worker.gateways.answers import AnswerKind

STANDARD = wish("standard", "month", 3)
FIRST_DAY, LAST_DAY = date(2026, 3, 15), date(2026, 3, 30)


def ask(house: House, name: str = "shop", request_id: str = "r-1", **how: Any) -> Done:
    """The customer asks for the money back."""
    return refund(house.runtime, caller(name), request_id=request_id, **how)


def override(house: House, amount_minor: int | None = None, *, name: str = "shop", request_id: str = "r-1") -> Done:
    """Support gives it outside the rule."""
    return refund(
        house.runtime,
        caller(name, Role.SUPPORT),
        request_id=request_id,
        override=True,
        amount_minor=amount_minor,
        reason="a promise by phone",
    )


def refused(code: str, do: Callable[[], Done]) -> None:
    """What is asked for is refused with that code."""
    with pytest.raises(ActRefusedError) as refusal:
        do()
    assert refusal.value.code == code, str(refusal.value)


def went_back(house: House) -> list[int]:
    """What the provider gave back, in minor units, in the order in which it was asked."""
    return [each["amount"] for each in house.emulator.journal_refunds() if each["status"] == "succeeded"]


def reversed_sums(house: House) -> list[int]:
    """What refunds took back of invoices, by charge."""
    found = house.fetch("SELECT gross_minor FROM reversals WHERE refund_id IS NOT NULL ORDER BY charge_id, id")
    return [row["gross_minor"] for row in found]


def bought(house: House, name: str = "shop", **facts: Any) -> None:
    """A first purchase of three agents for a month, 57.00."""
    newcomer(house, name, **facts)
    assert buy(house, name, STANDARD)["outcome"] == "paid"


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


def test_R14b_the_lines_of_a_reversal_are_its_net_sum(house: House) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3, 200))
    override(house, 1001)
    override(house, request_id="r-2")
    for row in house.fetch("SELECT net_minor, frozen FROM reversals"):
        assert sum(line["net_minor"] for line in row["frozen"]["lines"]) == row["net_minor"]
        assert row["frozen"]["vat"]["treatment"] == "not_registered"


def test_R14b_what_credit_paid_alone_is_not_paid_out(house: House) -> None:
    number = newcomer(house, "shop")
    credit(house.engine, number, 10_000)
    buy(house, "shop", STANDARD)
    refused("nothing_to_refund", lambda: ask(house))


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("support_only", {"override": True, "reason": "I want it"}),
        ("override_needed", {"amount_minor": 100}),
    ],
)
def test_R14b_customers_override_nothing(house: House, code: str, how: dict[str, Any]) -> None:
    bought(house)
    refused(code, lambda: ask(house, **how))


def test_R14b_support_says_why(house: House) -> None:
    bought(house)
    refused(
        "reason_missing",
        lambda: refund(house.runtime, caller("shop", Role.SUPPORT), request_id="r-1", override=True),
    )


def test_R14_the_free_have_nothing_to_be_given_back(house: House) -> None:
    newcomer(house, "shop")
    refused("free", lambda: ask(house))


def test_R14c_no_refund_while_a_dispute_stands(house: House) -> None:
    bought(house)
    (charge,) = house.fetch("SELECT id, account_id FROM charges")
    insert(
        house.engine,
        "disputes",
        account_id=charge["account_id"],
        charge_id=charge["id"],
        provider_dispute="du_1",
        currency="EUR",
        amount_minor=5700,
        reason="fraudulent",
        status="open",
        opened_at=house.clock.now(),
    )
    refused("disputed", lambda: ask(house))
    refused("disputed", lambda: override(house, request_id="r-2"))


def test_R14b_an_open_payment_is_cancelled_first(house: House) -> None:
    bought(house)
    shown = quoted(house, "shop", wish(agents=5))
    assert ordered(house, "shop", shown["quote"], payer=Payer.PAGE)["outcome"] == "waiting"
    intent = intent_of(house, "shop")
    assert ask(house).result["amount_minor"] == 5700
    assert provider_says(house, intent) is AnswerKind.CANCELLED
    house.drain()
    assert house.books().equal, house.books().differences


def test_R14b_money_of_the_open_payment_that_came_after_all_is_looked_at_first(house: House) -> None:
    bought(house)
    shown = quoted(house, "shop", wish(agents=5))
    ordered(house, "shop", shown["quote"], payer=Payer.PAGE)
    house.emulator.pay_on_page(intent_of(house, "shop"), card="pm_card_visa", api_key=API_KEY)
    refused("paid_meanwhile", lambda: ask(house))
    assert entitled(house, "shop")["agents"] == 5
    assert ask(house, request_id="r-2").result["amount_minor"] == 5 * 1900


def test_R14b_a_refusal_leaves_the_open_payment_alone(house: House) -> None:
    of = customer(house, "insufficient_funds")
    house.run("renew")
    refused("not_first_payment", lambda: refund(house.runtime, customer_of(of), request_id="r-1"))
    assert [charge["state"] for charge in charges_of(house, of)] == ["declined"]


def test_R14b_not_while_a_payment_has_no_answer(house: House) -> None:
    bought(house)
    house.go_to(date(2026, 4, 15))
    with dying_at("after:commit:charging.begin"):
        house.run("renew")
    refused("payment_under_way", lambda: override(house))


def test_R14b_in_part_leaves_what_is_past_due_past_due(house: House) -> None:
    of = customer(house, "ok", "insufficient_funds")
    house.run("renew")
    house.go_to(of.term(of.term_number + 1).ends_on)
    house.run("renew")
    done = refund(
        house.runtime, support_for(of), request_id="r-1", override=True, amount_minor=100, reason="it was slow"
    )
    assert done.result["ends_service"] is False
    assert [charge["state"] for charge in charges_of(house, of)] == ["succeeded", "declined"]
    assert "refund_made" in kinds_of(house, of)


def test_R13_what_was_scheduled_is_void(house: House) -> None:
    bought(house)
    (sub,) = house.fetch("SELECT id, account_id FROM subscriptions")
    insert(
        house.engine,
        "scheduled_changes",
        account_id=sub["account_id"],
        subscription_id=sub["id"],
        kind="prices",
        not_before=house.clock.today(),
        priced_on=house.clock.today(),
    )
    ask(house)
    assert house.fetch("SELECT state FROM scheduled_changes") == [{"state": "void"}]
