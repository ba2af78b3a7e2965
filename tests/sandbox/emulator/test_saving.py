"""Saving cards and PayPal accounts, mandates, and what the network and the payer change later."""

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk


def _customer(desk: Desk) -> str:
    customer = desk.stripe.v1.customers.create({"email": "b@example.com", "metadata": {"account": "7"}})
    again = desk.stripe.v1.customers.retrieve(customer.id)
    assert (again.email, again.metadata) == ("b@example.com", customer.metadata)
    return customer.id


def _approve(desk: Desk, setup: stripe.SetupIntent, decision: str = "approve") -> stripe.SetupIntent:
    page = desk.bank("POST", setup.id, client_secret=str(setup.client_secret), decision=decision)
    assert page.status_code == 200
    return desk.stripe.v1.setup_intents.retrieve(setup.id)


def test_a_card_is_attached_listed_and_detached_for_good(desk: Desk) -> None:
    customer = _customer(desk)
    old = desk.stripe.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    new = desk.stripe.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer})
    listed = desk.stripe.v1.payment_methods.list({"customer": customer, "type": "card"}).data
    assert [method.id for method in listed] == [new.id, old.id]
    assert desk.stripe.v1.payment_methods.detach(old.id).customer is None
    assert [m.id for m in desk.stripe.v1.payment_methods.list({"customer": customer}).data] == [new.id]
    assert desk.kinds(old.id) == ["payment_method.attached", "payment_method.detached"]
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        desk.stripe.v1.payment_intents.create({"amount": 900, "currency": "eur", "payment_method": old.id})


def test_a_deleted_customer_is_told_of_and_is_nobody(desk: Desk) -> None:
    customer = _customer(desk)
    card = desk.stripe.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    assert desk.stripe.v1.customers.delete(customer).to_dict() == {
        "id": customer,
        "object": "customer",
        "deleted": True,
    }
    assert desk.stripe.v1.customers.retrieve(customer).to_dict()["deleted"]
    assert desk.stripe.v1.payment_methods.retrieve(card.id).customer is None
    assert desk.kinds(customer) == ["customer.created", "customer.deleted"]
    for ask in (
        lambda: desk.stripe.v1.customers.delete(customer),
        lambda: desk.stripe.v1.payment_methods.attach("pm_card_visa", {"customer": customer}),
        lambda: desk.stripe.v1.setup_intents.create({"customer": customer}),
        lambda: desk.stripe.v1.payment_intents.create({"amount": 900, "currency": "eur", "customer": customer}),
    ):
        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            ask()


def test_a_declining_card_is_not_saved_but_one_is(desk: Desk) -> None:
    customer = _customer(desk)
    with pytest.raises(stripe.CardError):
        desk.stripe.v1.payment_methods.attach("pm_card_visa_chargeDeclined", {"customer": customer})
    saved = desk.stripe.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    assert saved.customer == customer


def test_a_card_comes_from_a_token_and_never_from_a_number(desk: Desk) -> None:
    made = desk.stripe.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    assert made.card is not None
    assert made.card.last4 == "4242"
    refused = desk.wire("POST", "/v1/payment_methods", "type=card&card[number]=1")
    assert (refused.status_code, refused.json()["error"]["type"]) == (402, "card_error")


def test_a_setup_intent_saves_a_card(desk: Desk) -> None:
    customer = _customer(desk)
    setup = desk.stripe.v1.setup_intents.create(
        {"customer": customer, "allowed_payment_method_types": ["card"], "payment_method": "pm_card_visa"}
    )
    assert setup.status == "requires_confirmation"
    done = desk.stripe.v1.setup_intents.confirm(setup.id, {"expand": ["payment_method"]})
    assert done.status == "succeeded"
    assert isinstance(done.payment_method, stripe.PaymentMethod)
    assert done.payment_method.customer == customer
    assert desk.kinds(setup.id) == ["setup_intent.created", "setup_intent.succeeded"]


def test_a_card_that_authenticates_on_setup_pays_off_session_afterwards(desk: Desk) -> None:
    customer = _customer(desk)
    setup = desk.stripe.v1.setup_intents.create(
        {
            "customer": customer,
            "allowed_payment_method_types": ["card"],
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
        }
    )
    assert setup.status == "requires_action"
    done = _approve(desk, setup)
    assert done.status == "succeeded"
    paid = desk.stripe.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "eur",
            "customer": customer,
            "payment_method": str(done.payment_method),
            "allowed_payment_method_types": ["card"],
            "confirm": True,
            "off_session": True,
        }
    )
    assert paid.status == "succeeded"


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_paypal_is_saved_with_a_mandate_when_the_payer_consents(desk: Desk, decision: str) -> None:
    customer = _customer(desk)
    method = desk.stripe.v1.payment_methods.create({"type": "paypal"})
    with pytest.raises(stripe.InvalidRequestError):
        desk.stripe.v1.payment_methods.attach(method.id, {"customer": customer})
    setup = desk.stripe.v1.setup_intents.create(
        {"customer": customer, "allowed_payment_method_types": ["paypal"], "payment_method": method.id}
    )
    with pytest.raises(stripe.InvalidRequestError, match="mandate_data"):
        desk.stripe.v1.setup_intents.confirm(setup.id)
    setup = desk.stripe.v1.setup_intents.confirm(
        setup.id, {"mandate_data": {"customer_acceptance": {"type": "offline", "offline": {}}}}
    )
    assert setup.status == "requires_action"
    done = _approve(desk, setup, decision)
    if decision == "refuse":
        assert (done.status, done.mandate) == ("requires_payment_method", None)
        return
    assert done.status == "succeeded"
    mandate = desk.stripe.v1.mandates.retrieve(str(done.mandate))
    assert (mandate.status, mandate.payment_method) == ("active", method.id)
    assert desk.stripe.v1.payment_methods.retrieve(method.id).customer == customer


def test_a_cancelled_paypal_agreement_ends_the_payments(desk: Desk) -> None:
    payer = desk.payer(kind="paypal")
    assert desk.confirm(desk.create(payer).id).status == "succeeded"
    mandate = desk.control("POST", f"agreements/{payer.method}/cancel")["mandate"]
    assert desk.stripe.v1.mandates.retrieve(mandate).status == "inactive"
    assert desk.kinds(mandate) == ["mandate.updated"]
    intent = desk.create(payer)
    raised = desk.declined(intent.id)
    assert raised.error is not None
    assert (raised.http_status, raised.code) == (402, "payment_intent_mandate_invalid")
    assert desk.charges(intent.id) == []
    assert desk.raw_control("POST", f"agreements/{payer.method}/cancel").status_code == 400


def test_paypal_speaks_of_no_network(desk: Desk) -> None:
    raised = desk.declined(desk.create(desk.payer("insufficient_funds", kind="paypal")).id)
    assert raised.error is not None
    told = raised.error.to_dict()
    assert told["code"] == "payment_method_provider_decline"
    assert [told.get(name) for name in ("advice_code", "network_decline_code", "network_advice_code")] == [None] * 3


def test_the_network_renews_a_card_under_the_same_id(desk: Desk) -> None:
    payer = desk.payer()
    desk.control("POST", f"cards/{payer.method}/update", {"exp_year": 2040, "last4": "1881"})
    method = desk.stripe.v1.payment_methods.retrieve(payer.method)
    assert method.card is not None
    assert (method.card.exp_year, method.card.last4) == (2040, "1881")
    assert desk.kinds(payer.method) == ["payment_method.automatically_updated"]


def test_detaching_paypal_cancels_its_agreement(desk: Desk) -> None:
    payer = desk.payer(kind="paypal")
    intent = desk.create(payer)
    desk.stripe.v1.payment_methods.detach(payer.method)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        desk.confirm(intent.id)
