"""The page on which a customer pays an open PaymentIntent with a card of their choosing."""

from typing import Literal

import pytest
import stripe

from tests.sandbox.emulator.desk import KEY, Desk
from worker.sandbox.emulated import Emulated


def _open(
    desk: Desk, *, kinds: tuple[str, ...] = ("card",), save: Literal["off_session"] | None = "off_session"
) -> stripe.PaymentIntent:
    """A PaymentIntent for a customer who has no method."""
    params: stripe.params.PaymentIntentCreateParams = {
        "amount": 4999,
        "currency": "pln",
        "customer": desk.stripe.v1.customers.create({"email": "c@example.com"}).id,
        "allowed_payment_method_types": list(kinds),
    }
    if save is not None:
        params["setup_future_usage"] = save
    intent = desk.stripe.v1.payment_intents.create(params)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    return intent


def _pay(desk: Desk, intent: stripe.PaymentIntent, card: str) -> str:
    secret = str(intent.client_secret)
    answer = desk.bank("POST", intent.id, client_secret=secret, decision="pay", payment_method=card)
    assert answer.status_code == 200
    return answer.text


def _renew(desk: Desk, paid: stripe.PaymentIntent, kind: str) -> stripe.PaymentIntent:
    """A later payment without the customer, with the method that the page saved."""
    return desk.stripe.v1.payment_intents.create(
        {
            "amount": 4999,
            "currency": "pln",
            "customer": str(paid.customer),
            "payment_method": str(paid.payment_method),
            "allowed_payment_method_types": [kind],
            "confirm": True,
            "off_session": True,
        }
    )


def test_a_customer_without_a_method_pays_on_the_page_and_the_card_is_saved(desk: Desk) -> None:
    intent = _open(desk)
    page = desk.bank("GET", intent.id, client_secret=str(intent.client_secret)).text
    assert "49.99 PLN" in page
    assert "<option>pm_card_mastercard</option>" in page
    assert "paypal" not in page
    assert "Approve" not in page
    assert "succeeded" in _pay(desk, intent, "pm_card_mastercard")
    paid = desk.stripe.v1.payment_intents.retrieve(intent.id)
    assert paid.status == "succeeded"
    assert len(desk.charges(intent.id)) == 1
    (saved,) = desk.stripe.v1.payment_methods.list({"customer": str(intent.customer)}).data
    assert saved.id == paid.payment_method
    assert _renew(desk, paid, "card").status == "succeeded"


def test_a_card_that_nobody_asked_to_save_is_spent(desk: Desk) -> None:
    intent = _open(desk, save=None)
    _pay(desk, intent, "pm_card_visa")
    paid = desk.stripe.v1.payment_intents.retrieve(intent.id)
    assert paid.status == "succeeded"
    assert desk.stripe.v1.payment_methods.list({"customer": str(intent.customer)}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        _renew(desk, paid, "card")


def test_a_declined_card_leaves_the_page_open_for_another(desk: Desk) -> None:
    intent = _open(desk)
    page = _pay(desk, intent, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert "insufficient funds" in page
    assert 'value="pay"' in page
    failed = desk.stripe.v1.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.decline_code == "insufficient_funds"
    assert desk.charges(intent.id) == []
    _pay(desk, intent, "pm_card_visa")
    assert len(desk.charges(intent.id)) == 1
    again = desk.bank(
        "POST", intent.id, client_secret=str(intent.client_secret), decision="pay", payment_method="pm_card_visa"
    )
    assert again.status_code == 409
    assert len(desk.charges(intent.id)) == 1


@pytest.mark.parametrize(("choice", "kind"), [("pm_card_authenticationRequiredOnSetup", "card"), ("paypal", "paypal")])
def test_what_is_approved_on_the_page_pays_without_the_customer_later(desk: Desk, choice: str, kind: str) -> None:
    intent = _open(desk, kinds=("card", "paypal"))
    assert 'value="approve"' in _pay(desk, intent, choice)
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).status == "requires_action"
    assert desk.charges(intent.id) == []
    Emulated(desk.url).approve_at_bank(intent.id, api_key=KEY)
    paid = desk.stripe.v1.payment_intents.retrieve(intent.id)
    assert paid.status == "succeeded"
    assert _renew(desk, paid, kind).status == "succeeded"


def test_the_page_takes_only_what_the_intent_allows_and_only_with_the_secret(desk: Desk) -> None:
    intent = _open(desk)
    secret = str(intent.client_secret)
    refused = desk.bank("POST", intent.id, client_secret=secret, decision="pay", payment_method="paypal")
    wrong = desk.bank("POST", intent.id, client_secret=secret[:-1], decision="pay", payment_method="pm_card_visa")
    assert (refused.status_code, wrong.status_code) == (400, 404)
    desk.stripe.v1.payment_intents.cancel(intent.id)
    late = desk.bank("POST", intent.id, client_secret=secret, decision="pay", payment_method="pm_card_visa")
    assert late.status_code == 409
    assert desk.charges(intent.id) == []


def test_the_sandbox_pays_on_the_page(desk: Desk) -> None:
    intent = _open(desk)
    Emulated(desk.url).pay_on_page(intent.id, card="pm_card_visa", api_key=KEY)
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).status == "succeeded"
