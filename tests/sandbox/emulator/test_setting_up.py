"""The page on which a customer saves a method, and events that never arrive."""

from collections.abc import Iterator

import pytest
import stripe

from tests.sandbox.emulator.desk import KEY, Desk
from worker.sandbox.emulated import Emulated


@pytest.fixture
def emulated(desk: Desk) -> Iterator[Emulated]:
    """The control plane; events are told again afterwards."""
    yield (found := Emulated(desk.url))
    found.withhold_events(withheld=False)


def _setup(desk: Desk, *kinds: str) -> stripe.SetupIntent:
    setup = desk.stripe.v1.setup_intents.create(
        {
            "customer": desk.stripe.v1.customers.create({"email": "d@example.com"}).id,
            "usage": "off_session",
            "allowed_payment_method_types": list(kinds or ("card", "paypal")),
        }
    )
    assert (setup.status, setup.payment_method) == ("requires_payment_method", None)
    return setup


def _pick(desk: Desk, setup: stripe.SetupIntent, card: str) -> str:
    secret = str(setup.client_secret)
    answer = desk.bank("POST", setup.id, client_secret=secret, decision="pay", payment_method=card)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("card", "kind"),
    [
        ("pm_card_visa", "card"),
        ("pm_card_authenticationRequired", "card"),
        ("pm_card_authenticationRequiredOnSetup", "card"),
        ("pm_card_chargeCustomerFail", "card"),
        ("paypal", "paypal"),
    ],
)
def test_a_customer_saves_a_method_on_the_page(desk: Desk, emulated: Emulated, card: str, kind: str) -> None:
    setup = _setup(desk)
    method = emulated.finish_setup(setup.id, card=card, api_key=KEY)
    done = desk.stripe.v1.setup_intents.retrieve(setup.id)
    assert (done.status, done.payment_method) == ("succeeded", method)
    saved = desk.stripe.v1.payment_methods.list({"customer": str(setup.customer)}).data
    assert [(one.id, one.type) for one in saved] == [(method, kind)]
    assert (done.mandate is not None) == (kind == "paypal")
    assert desk.kinds(setup.id)[-1] == "setup_intent.succeeded"


def test_a_method_that_is_refused_leaves_the_page_open_for_another(desk: Desk, emulated: Emulated) -> None:
    setup = _setup(desk)
    page = desk.bank("GET", setup.id, client_secret=str(setup.client_secret)).text
    assert "<option>pm_card_visa</option>" in page
    assert "<option>paypal</option>" in page
    assert "Approve" not in page
    assert "declined" in _pick(desk, setup, "pm_card_visa_chargeDeclined")
    with pytest.raises(RuntimeError, match=r"requires_payment_method: Your card was declined"):
        emulated.finish_setup(setup.id, card="pm_card_visa_chargeDeclined", api_key=KEY)
    assert "Approve" in _pick(desk, setup, "paypal")
    emulated.refuse_at_bank(setup.id, api_key=KEY)
    refused = desk.stripe.v1.setup_intents.retrieve(setup.id)
    assert (refused.status, refused.mandate) == ("requires_payment_method", None)
    emulated.finish_setup(setup.id, card="pm_card_visa", api_key=KEY)
    assert len(desk.stripe.v1.payment_methods.list({"customer": str(setup.customer)}).data) == 1
    late = desk.bank(
        "POST", setup.id, client_secret=str(setup.client_secret), decision="pay", payment_method="pm_card_visa"
    )
    assert late.status_code == 409


def test_the_page_saves_only_what_the_setup_allows(desk: Desk) -> None:
    setup = _setup(desk, "card")
    secret = str(setup.client_secret)
    assert "paypal" not in desk.bank("GET", setup.id, client_secret=secret).text
    refused = desk.bank("POST", setup.id, client_secret=secret, decision="pay", payment_method="paypal")
    early = desk.bank("POST", setup.id, client_secret=secret, decision="approve")
    assert (refused.status_code, early.status_code) == (400, 400)


def test_a_payment_with_the_customer_there_is_refused_at_the_bank(desk: Desk, emulated: Emulated) -> None:
    intent = desk.create(desk.payer("authentication_required"))
    assert desk.confirm(intent.id, off_session=False).status == "requires_action"
    emulated.refuse_at_bank(intent.id, api_key=KEY)
    after = desk.stripe.v1.payment_intents.retrieve(intent.id)
    assert (after.status, after.next_action) == ("requires_payment_method", None)
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == "payment_intent_authentication_failure"
    assert desk.kinds(intent.id)[-2:] == ["payment_intent.requires_action", "payment_intent.payment_failed"]
    assert desk.charges(intent.id) == []


def test_withheld_events_are_never_shown(desk: Desk, emulated: Emulated) -> None:
    before = desk.create(desk.payer())
    emulated.withhold_events(withheld=True)
    payer = desk.payer("processing:succeeded:30", "ok")
    slow, quick = desk.create(payer), desk.create(payer)
    for intent in (slow, quick):
        desk.confirm(intent.id)
    assert desk.stripe.v1.payment_intents.retrieve(quick.id).status == "succeeded"
    assert len(desk.charges(quick.id)) == 1, "the truth goes on"
    assert desk.kinds(quick.id) == desk.kinds(slow.id) == []
    told = desk.control("GET", "events")
    assert (told["withheld"], told["count"] >= 6) == (True, True)
    emulated.withhold_events(withheld=False)
    desk.control("PUT", "clock", {"advance_s": 31})
    assert desk.kinds(quick.id) == []
    assert desk.kinds(slow.id) == ["payment_intent.succeeded"], "what happens later is told"
    assert desk.kinds(before.id) == ["payment_intent.created"]
    assert desk.control("GET", "events") == {"withheld": False, "count": told["count"]}


@pytest.mark.parametrize("given", [{}, {"withheld": "yes"}, {"withheld": 1}, {"withheld": True, "for": 5}])
def test_a_senseless_switch_is_refused(desk: Desk, given: dict[str, object]) -> None:
    assert desk.raw_control("PUT", "events", given).status_code == 400
    assert desk.control("GET", "events")["withheld"] is False
