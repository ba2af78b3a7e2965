"""The page that stands in for the customer's bank."""

from typing import Any

import pytest

from tests.sandbox.emulator.desk import Desk


def test_a_payment_on_session_waits_for_the_bank_and_is_paid_on_approval(desk: Desk) -> None:
    intent = desk.create(desk.payer("authentication_required"))
    waiting = desk.confirm(intent.id, off_session=False)
    assert waiting.status == "requires_action"
    action: Any = waiting.next_action
    assert action.type == "redirect_to_url"
    url = action.redirect_to_url.url
    assert url == f"{desk.url}/bank/{intent.id}?client_secret={intent.client_secret}"
    page = desk.bank("GET", intent.id, client_secret=str(intent.client_secret))
    assert "49.99 PLN" in page.text
    assert "emulator" in page.text
    assert desk.charges(intent.id) == []
    assert desk.bank("POST", intent.id, client_secret=str(intent.client_secret), decision="approve").ok
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    assert len(desk.charges(intent.id)) == 1
    assert desk.kinds(intent.id)[-2:] == ["payment_intent.requires_action", "payment_intent.succeeded"]
    again = desk.bank("POST", intent.id, client_secret=str(intent.client_secret), decision="approve")
    assert again.status_code == 409
    assert len(desk.charges(intent.id)) == 1


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_a_renewal_that_wanted_authentication_is_decided_by_its_link(desk: Desk, decision: str) -> None:
    intent = desk.create(desk.payer("authentication_required"))
    desk.declined(intent.id)
    assert desk.bank("POST", intent.id, client_secret=str(intent.client_secret), decision=decision).ok
    after = desk.stripe.v1.payment_intents.retrieve(intent.id)
    if decision == "approve":
        assert after.status == "succeeded"
        assert len(desk.charges(intent.id)) == 1
    else:
        assert after.status == "requires_payment_method"
        assert after.last_payment_error is not None
        assert after.last_payment_error.code == "payment_intent_authentication_failure"
        assert desk.charges(intent.id) == []
        assert desk.kinds(intent.id)[-1] == "payment_intent.payment_failed"


def test_an_approval_may_still_be_declined(desk: Desk) -> None:
    intent = desk.create(desk.payer("authentication_required", "insufficient_funds"))
    desk.declined(intent.id)
    page = desk.bank("POST", intent.id, client_secret=str(intent.client_secret), decision="approve")
    assert "insufficient funds" in page.text
    assert desk.charges(intent.id) == []


def test_the_bank_wants_the_right_link_and_a_decision(desk: Desk) -> None:
    intent = desk.create(desk.payer("authentication_required"))
    secret = str(intent.client_secret)
    assert desk.bank("POST", intent.id, client_secret=secret, decision="approve").status_code == 400
    desk.declined(intent.id)
    assert desk.bank("GET", intent.id, client_secret=secret[:-1]).status_code == 404
    assert desk.bank("GET", "pi_nothing", client_secret=secret).status_code == 404
    assert desk.bank("POST", intent.id, client_secret=secret).status_code == 400
    unknown = desk.bank("POST", intent.id, client_secret=secret, decision="pay", payment_method="pm_card_nothing")
    assert unknown.status_code == 400
    assert desk.charges(intent.id) == []
