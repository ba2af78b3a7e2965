"""Buying and changing: a quote, an order, and what stands afterwards (R1, R4, R6, R7, R12, R13, R15)."""

from datetime import date, timedelta

import pytest

from tests.support.house import API_KEY, House
from tests.support.shopping import buy, credit_of, entitled, intent_of, newcomer, ordered, pay_on_page, quoted, wish
from tests.support.stories import charge_of, customer, minute, status_of
from worker.billing.states import Payer
from worker.errors import ActRefusedError

STANDARD = wish("standard", "month", 3)
DAY = timedelta(days=1)


def test_R4_R7_a_purchase_with_the_saved_card_is_active_at_once(house: House) -> None:
    newcomer(house, "shop")
    shown = quoted(house, "shop", STANDARD)
    assert (shown["to_pay_minor"], shown["takes_effect"], shown["renewal_on"]) == (5700, "on_payment", True)
    assert shown["period"] == {"starts_on": "2026-03-15", "ends_on": "2026-04-15"}
    result = ordered(house, "shop", shown["quote"])
    assert result["outcome"] == "paid"
    assert "client_secret" not in result
    house.drain()
    has = entitled(house, "shop")
    assert (has["package"], has["agents"], has["status"], has["support"]) == ("standard", 3, "active", True)
    assert has["valid_until"] == date(2026, 4, 15)
    (sub,) = house.fetch("SELECT * FROM subscriptions")
    assert (sub["auto_renew"], sub["anchor_on"], sub["term_number"]) == (True, date(2026, 3, 15), 1)
    assert sub["first_paid_on"] == date(2026, 3, 15)
    (invoice,) = house.fetch("SELECT * FROM invoices")
    assert (invoice["gross_minor"], invoice["kind"]) == (5700, "invoice")
    assert [entry["amount"] for entry in house.emulator.journal()] == [5700]


def test_R6_a_purchase_on_the_page_is_active_when_the_events_tell_and_its_card_is_kept(house: House) -> None:
    newcomer(house, "shop", saved=False)
    shown = quoted(house, "shop", STANDARD)
    result = ordered(house, "shop", shown["quote"], payer=Payer.PAGE)
    assert result["outcome"] == "waiting"
    assert result["client_secret"]
    assert entitled(house, "shop")["status"] == "free"
    assert minute(house) == ["follow_payments"]
    pay_on_page(house, "shop")
    minute(house)
    assert entitled(house, "shop")["status"] == "active"
    (kept,) = house.fetch("SELECT * FROM payment_methods")
    assert (kept["brand"], kept["state"]) == ("visa", "in_use")
    assert house.fetch("SELECT last_method_id FROM charges")[0]["last_method_id"] == kept["id"]
    kept_of_it = str(house.fetch("SELECT * FROM desk_requests")) + str(house.fetch("SELECT * FROM audit_log"))
    assert result["client_secret"] not in kept_of_it, "the secret is for the page alone"


def test_R6_a_payment_that_no_event_tells_of_is_active_within_two_minutes(house: House) -> None:
    newcomer(house, "shop", saved=False)
    house.emulator.withhold_events(withheld=True)
    shown = quoted(house, "shop", STANDARD)
    ordered(house, "shop", shown["quote"], payer=Payer.PAGE)
    for _ in range(9):
        minute(house)
    pay_on_page(house, "shop")
    minute(house, minutes=2)
    assert entitled(house, "shop")["status"] == "active"


def test_R6_a_lost_answer_to_a_purchase_is_settled_within_two_minutes(house: House) -> None:
    newcomer(house, "shop")
    house.emulator.withhold_events(withheld=True)
    house.emulator.fault("drop_after_execution", "payment_intents.confirm")
    shown = quoted(house, "shop", STANDARD)
    result = ordered(house, "shop", shown["quote"])
    assert result["outcome"] == "pending"
    minute(house, minutes=2)
    assert entitled(house, "shop")["status"] == "active"
    assert len(house.emulator.journal()) == 1


def test_R12_raising_agents_buys_the_days_left(house: House) -> None:
    of = customer(house, external_id="shop", ends_on=date(2026, 4, 1))
    house.go_to(date(2026, 3, 17))
    shown = quoted(house, "shop", wish(agents=5))
    # March has 31 days, 15 are left: 5 * 1900 * 15 / 31 less 3 * 1900 * 15 / 31
    assert (shown["gross_minor"], shown["unused"]["gross_minor"], shown["to_pay_minor"]) == (4597, 2758, 1839)
    assert ordered(house, "shop", shown["quote"])["outcome"] == "paid"
    house.drain()
    assert entitled(house, "shop")["agents"] == 5
    assert credit_of(house, "shop") == 0
    charge = charge_of(house, of)
    assert (charge["amount_minor"], charge["credit_used_minor"], charge["buys_term"]) == (1839, 2758, False)
    (reversal,) = house.fetch("SELECT * FROM reversals")
    assert (reversal["gross_minor"], reversal["charge_id"]) == (2758, None)
    house.go_to(date(2026, 4, 1))
    house.run("renew")
    assert [entry["amount"] for entry in house.emulator.journal()] == [1839, 9500]


def test_R12b_lowering_costs_nothing_and_its_credit_pays_the_renewal(house: House) -> None:
    customer(house, external_id="shop", ends_on=date(2026, 4, 1))
    house.go_to(date(2026, 3, 17))
    shown = quoted(house, "shop", wish(agents=1))
    assert (shown["to_pay_minor"], shown["takes_effect"], shown["credit_left_minor"]) == (0, "at_once", 2758 - 919)
    assert ordered(house, "shop", shown["quote"])["outcome"] == "paid"
    house.drain()
    assert entitled(house, "shop")["agents"] == 1
    assert credit_of(house, "shop") == 1839
    assert house.emulator.journal() == []
    house.go_to(date(2026, 4, 1))
    house.run("renew")
    assert [entry["amount"] for entry in house.emulator.journal()] == [1900 - 1839]
    assert credit_of(house, "shop") == 0


def test_R13_monthly_to_yearly_starts_that_day_with_the_unused_days_as_discount(house: House) -> None:
    of = customer(house, external_id="shop", ends_on=date(2026, 4, 1), auto_renew=False)
    house.go_to(date(2026, 3, 17))
    result = buy(house, "shop", wish(interval="year"))
    assert result["outcome"] == "paid"
    (sub,) = house.fetch("SELECT * FROM subscriptions")
    assert (sub["interval"], sub["anchor_on"], sub["paid_until"]) == ("year", date(2026, 3, 17), date(2027, 3, 17))
    assert sub["auto_renew"], "R7"
    terms = house.fetch("SELECT number, starts_on, ends_on FROM terms ORDER BY number")
    assert [tuple(term.values()) for term in terms] == [
        (of.term_number, date(2026, 3, 1), date(2026, 3, 17)),
        (of.term_number + 1, date(2026, 3, 17), date(2027, 3, 17)),
    ]
    assert [entry["amount"] for entry in house.emulator.journal()] == [57000 - 2758]


def test_R4_a_quote_is_stale_after_a_quarter_of_an_hour_and_when_something_changed(house: House) -> None:
    newcomer(house, "shop")
    shown = quoted(house, "shop", STANDARD)
    house.wait(minutes=15)
    with pytest.raises(ActRefusedError, match="no longer holds") as refused:
        ordered(house, "shop", shown["quote"])
    assert refused.value.code == "stale"
    first, second = quoted(house, "shop", STANDARD), quoted(house, "shop", wish("pro", "month", 1))
    assert ordered(house, "shop", first["quote"])["outcome"] == "paid"
    with pytest.raises(ActRefusedError) as refused:
        ordered(house, "shop", second["quote"])
    assert refused.value.code == "stale"
    assert len(house.emulator.journal()) == 1


def test_R4_an_order_that_is_not_paid_for_a_day_is_cancelled_at_the_provider(house: House) -> None:
    newcomer(house, "shop", saved=False)
    shown = quoted(house, "shop", STANDARD)
    ordered(house, "shop", shown["quote"], payer=Payer.PAGE)
    house.wait(hours=24)
    minute(house)
    (charge,) = house.fetch("SELECT state, provider_intent FROM charges")
    assert charge["state"] == "cancelled"
    assert house.fetch("SELECT status FROM subscriptions") == [{"status": "ended"}]
    assert entitled(house, "shop")["status"] == "free"


def test_R4_money_that_comes_after_midnight_is_honoured_from_that_day(house: House) -> None:
    newcomer(house, "shop", saved=False)
    shown = quoted(house, "shop", STANDARD)
    ordered(house, "shop", shown["quote"], payer=Payer.PAGE)
    house.wait(hours=20)
    pay_on_page(house, "shop")
    minute(house, minutes=2)
    assert entitled(house, "shop")["valid_until"] == date(2026, 4, 16), "R10: a term starts on the day of payment"


def test_a_declined_order_is_told_at_once_and_can_be_paid_on_the_page(house: House) -> None:
    newcomer(house, "shop", "insufficient_funds")
    shown = quoted(house, "shop", STANDARD)
    result = ordered(house, "shop", shown["quote"])
    assert (result["outcome"], result["because"]) == ("declined", "funds")
    assert result["client_secret"]
    assert house.mails() == []
    pay_on_page(house, "shop")
    minute(house, minutes=2)
    assert entitled(house, "shop")["status"] == "active"
    methods = house.fetch("SELECT provider_method, state FROM payment_methods ORDER BY id")
    assert [row["state"] for row in methods] == ["saved", "in_use"]


def test_R12d_an_order_while_past_due_replaces_the_renewal(house: House) -> None:
    customer(house, "insufficient_funds", "ok", external_id="shop")
    house.run("renew")
    assert entitled(house, "shop")["status"] == "past_due"
    house.go_to(house.clock.today() + DAY)
    shown = quoted(house, "shop", wish(agents=1))
    assert shown["to_pay_minor"] == 1900
    assert shown["period"]["starts_on"] == "2026-03-15", "the whole next term, from where the old one ended"
    assert ordered(house, "shop", shown["quote"])["outcome"] == "paid"
    house.drain()
    states = [row["state"] for row in house.fetch("SELECT state FROM charges ORDER BY id")]
    assert states == ["cancelled", "succeeded"]
    assert entitled(house, "shop")["status"] == "active"
    house.run("renew")
    assert [entry["amount"] for entry in house.emulator.journal()] == [1900]


def test_R10_a_suspended_account_buys_a_new_term_from_that_day(house: House) -> None:
    customer(house, external_id="shop", auto_renew=False)
    house.run("renew")
    house.run("suspend")
    assert entitled(house, "shop")["status"] == "suspended"
    house.go_to(date(2026, 3, 20))
    assert buy(house, "shop", wish("standard", "month", 2))["outcome"] == "paid"
    (sub,) = house.fetch("SELECT * FROM subscriptions")
    assert (sub["status"], sub["paid_until"], sub["auto_renew"]) == ("active", date(2026, 4, 20), True)


def test_R4_late_money_for_a_change_of_an_ended_term_goes_back_by_itself(house: House) -> None:
    customer(house, external_id="shop", ends_on=date(2026, 3, 16))
    shown = quoted(house, "shop", wish(agents=100))
    ordered(house, "shop", shown["quote"], payer=Payer.PAGE)
    house.go_to(date(2026, 3, 16))
    house.run("renew")
    assert entitled(house, "shop")["valid_until"] == date(2026, 4, 16)
    pay_on_page(house, "shop")
    minute(house, minutes=2)
    (refund,) = house.fetch("SELECT kind, total_minor FROM refunds")
    assert refund["kind"] == "order"
    assert refund["total_minor"] == shown["to_pay_minor"]
    assert entitled(house, "shop")["agents"] == 3
    assert ("order_returned", "charge:1:returned") in house.mails()


def test_R6_a_payment_that_processes_is_followed_until_it_ends(house: House) -> None:
    newcomer(house, "shop", "processing:succeeded:600")
    shown = quoted(house, "shop", STANDARD)
    assert ordered(house, "shop", shown["quote"])["outcome"] == "pending"
    minute(house, minutes=2)
    assert house.fetch("SELECT state FROM charges") == [{"state": "processing"}]
    assert entitled(house, "shop")["status"] == "free"
    house.wait(minutes=10)
    minute(house, minutes=2)
    assert entitled(house, "shop")["status"] == "active"


def test_R8c_a_purchase_that_the_bank_wants_confirmed_waits_for_its_customer(house: House) -> None:
    newcomer(house, "shop", "authentication_required")
    shown = quoted(house, "shop", STANDARD)
    result = ordered(house, "shop", shown["quote"])
    assert result["outcome"] == "waiting"
    house.emulator.approve_at_bank(intent_of(house, "shop"), api_key=API_KEY)
    minute(house, minutes=2)
    assert entitled(house, "shop")["status"] == "active"
    assert house.mails()[0][0] == "invoice_issued"


def test_R12d_an_order_that_is_not_paid_buys_no_time(house: House) -> None:
    of = customer(house, "insufficient_funds", external_id="shop")
    house.run("renew")
    first_day = house.clock.today()
    for day in range(1, 8):
        house.go_to(first_day + day * DAY)
        shown = quoted(house, "shop", wish(agents=1))
        assert ordered(house, "shop", shown["quote"])["outcome"] == "declined"
        house.run("renew")
        house.run("suspend")
    assert status_of(house, of) == "suspended"
    assert house.emulator.journal() == []
