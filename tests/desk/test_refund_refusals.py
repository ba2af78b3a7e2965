"""When money does not go back, and what an open payment has to do with it (R14, R14b, R14c)."""

from datetime import date
from typing import Any

import pytest

from tests.support.builders import credit, insert
from tests.support.counter import customer_of, support_for
from tests.support.house import API_KEY, House
from tests.support.money_back import STANDARD, ask, bought, override, refused
from tests.support.shopping import buy, caller, entitled, intent_of, newcomer, ordered, quoted, wish
from tests.support.stories import charges_of, customer, dying_at, kinds_of, provider_says
from worker.billing.states import Payer
from worker.desk.refund import refund
from worker.desk.request import Role
from worker.gateways.answers import AnswerKind


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
