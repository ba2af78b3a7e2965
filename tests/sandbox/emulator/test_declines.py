"""Refusals: what the body of a 402 says, per decline code, per script, per Stripe's own test ids."""

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk


@pytest.mark.parametrize(
    ("script", "code", "decline_code", "advice", "network"),
    [
        ("insufficient_funds", "card_declined", "insufficient_funds", "try_again_later", "51"),
        ("generic_decline", "card_declined", "generic_decline", "try_again_later", "05"),
        ("do_not_honor", "card_declined", "do_not_honor", "try_again_later", "05"),
        ("stolen_card", "card_declined", "stolen_card", "do_not_try_again", "43"),
        ("lost_card", "card_declined", "lost_card", "do_not_try_again", "41"),
        ("expired_card", "expired_card", "expired_card", "confirm_card_data", "54"),
        ("processing_error", "processing_error", "processing_error", "try_again_later", "96"),
        ("decline:do_not_honor:do_not_try_again", "card_declined", "do_not_honor", "do_not_try_again", "05"),
        ("decline:something_new", "card_declined", "something_new", None, None),
        ("blocked", "card_declined", "generic_decline", "do_not_try_again", None),
    ],
)
def test_a_refusal_says_why(
    desk: Desk, script: str, code: str, decline_code: str, advice: str | None, network: str | None
) -> None:
    intent = desk.create(desk.payer(script))
    raised = desk.declined(intent.id)
    error = raised.error
    assert error is not None
    assert (raised.http_status, raised.code, error.type) == (402, code, "card_error")
    told = error.to_dict()
    assert told["decline_code"] == decline_code
    assert told.get("advice_code") == advice
    assert told.get("network_decline_code") == network
    assert told["message"]
    assert told["payment_intent"]["id"] == intent.id
    assert told["payment_intent"]["status"] == "requires_payment_method"
    charge = desk.stripe.v1.charges.retrieve(told["charge"])
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
    assert charge.outcome is not None
    sent = "not_sent_to_network" if script == "blocked" else "declined_by_network"
    assert charge.outcome.network_status == sent
    assert (charge.outcome.reason == "previously_declined_do_not_retry") == (script == "blocked")
    assert desk.charges(intent.id) == []
    assert desk.kinds(intent.id)[-1] == "payment_intent.payment_failed"
    assert desk.kinds(charge.id) == ["charge.failed"]


def test_only_mastercard_gives_its_own_advice(desk: Desk) -> None:
    for brand, advice in (("mastercard", "24"), ("visa", None)):
        raised = desk.declined(desk.create(desk.payer("insufficient_funds", brand=brand)).id)
        assert raised.error is not None
        assert raised.error.to_dict().get("network_advice_code") == advice


def test_a_script_is_used_up_one_by_one_and_its_last_entry_repeats(desk: Desk) -> None:
    payer = desk.payer("insufficient_funds", "do_not_honor", "ok")
    intent = desk.create(payer)
    codes = [desk.declined(intent.id, method=payer.method).error for _ in range(2)]
    assert [error.to_dict()["decline_code"] for error in codes if error] == [
        "insufficient_funds",
        "do_not_honor",
    ]
    assert desk.confirm(intent.id, method=payer.method).status == "succeeded"
    assert desk.confirm(desk.create(payer).id).status == "succeeded"
    desk.control("PUT", f"scripts/{payer.method}", {"script": ["lost_card"]})
    desk.declined(desk.create(payer).id)
    attempts = [a for a in desk.control("GET", "attempts")["attempts"] if a["customer"] == payer.customer]
    assert [a["outcome"] for a in attempts] == ["declined", "declined", "succeeded", "succeeded", "declined"]
    assert attempts[-1]["decline_code"] == "lost_card"


@pytest.mark.parametrize("script", [[], ["no_such_word"], ["processing:succeeded:soon"], "ok", [1]])
def test_a_script_with_a_typo_is_refused(desk: Desk, script: object) -> None:
    payer = desk.payer()
    assert desk.raw_control("PUT", f"scripts/{payer.method}", {"script": script}).status_code == 400


def test_authentication_off_session_is_a_refusal(desk: Desk) -> None:
    intent = desk.create(desk.payer("authentication_required"))
    raised = desk.declined(intent.id)
    assert raised.code == "authentication_required"
    after = desk.stripe.v1.payment_intents.retrieve(intent.id)
    assert (after.status, after.next_action) == ("requires_payment_method", None)


@pytest.mark.parametrize(
    ("test_id", "brand", "decline_code"),
    [
        ("pm_card_visa", "visa", None),
        ("pm_card_mastercard", "mastercard", None),
        ("pm_card_chargeCustomerFail", "visa", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "visa", "insufficient_funds"),
        ("pm_card_authenticationRequired", "visa", "authentication_required"),
        ("pm_card_authenticationRequiredOnSetup", "visa", "authentication_required"),
    ],
)
def test_stripes_test_ids_do_what_their_names_say(
    desk: Desk, test_id: str, brand: str, decline_code: str | None
) -> None:
    intent = desk.stripe.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "allowed_payment_method_types": ["card"],
            "payment_method": test_id,
        }
    )
    assert isinstance(intent.payment_method, str)
    method = desk.stripe.v1.payment_methods.retrieve(intent.payment_method)
    assert method.card is not None
    assert method.card.brand == brand
    if decline_code is None:
        assert desk.confirm(intent.id).status == "succeeded"
    else:
        error = desk.declined(intent.id).error
        assert error is not None
        assert error.to_dict()["decline_code"] == decline_code


def test_a_card_used_without_a_customer_is_spent(desk: Desk) -> None:
    first = desk.stripe.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "allowed_payment_method_types": ["card"],
            "payment_method": "pm_card_visa",
        }
    )
    desk.confirm(first.id)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        desk.stripe.v1.payment_intents.create(
            {"amount": 1000, "currency": "eur", "payment_method": str(first.payment_method)}
        )
