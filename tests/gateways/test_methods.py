"""Customers, the saving of methods, and payments with the customer there, over the emulator's wire."""

import traceback

import pytest
from sqlalchemy import Engine

from tests.gateways.scripted_provider import Said, error, saying
from tests.gateways.till import API_KEY, Till, open_till
from worker.boundary import CallInsideTransactionError, transaction
from worker.errors import OdnowaError, ProviderRefusedError, UnreachableError
from worker.gateways.answers import ProviderSetup
from worker.gateways.stripe import AnswerKind, ConfirmRequest, IntentRequest

PAGE = "https://shop.example/paid"
MAIL = "anna.kowalska@shop.example"


def bought(till: Till, *, save_method: bool = True) -> tuple[str, str]:
    """A new customer without a method, and a PaymentIntent of theirs."""
    customer = till.gateway.create_customer(key=till.name("customer"), email=MAIL, name="Anna", metadata={"a": "7"})
    request = IntentRequest(till.name("create"), 5700, "EUR", customer, {"order": "7"}, save_method=save_method)
    (answer,) = till.gateway.create([request])
    assert answer.kind == AnswerKind.WAITING
    return customer, str(answer.intent)


def on_session(till: Till, intent: str, method: str, *, type_: str = "card") -> ConfirmRequest:
    """A confirmation with the customer there."""
    parameters = {"payment_method": method, "allowed_payment_method_types": [type_], "return_url": PAGE}
    return ConfirmRequest(till.name("confirm"), intent, parameters)


def renewed(till: Till, customer: str, method: str) -> AnswerKind:
    """What a payment without the customer comes to."""
    (answer,) = till.gateway.confirm([till.attempt(till.created(customer), method)])
    return answer.kind


@pytest.mark.parametrize("facts", [("a@shop.example", "Anna"), ("a@shop.example", None), (None, None)])
def test_a_customer_is_made_once_per_key(till: Till, facts: tuple[str | None, str | None]) -> None:
    email, name = facts
    key = till.name("customer")
    made = till.gateway.create_customer(key=key, email=email, name=name, metadata={"account": "7"})
    assert made.startswith("cus_")
    assert till.gateway.create_customer(key=key, email=email, name=name, metadata={"account": "7"}) == made
    (told,) = [one for one in till.events_of("customer.created") if one["data"]["object"]["id"] == made]
    shown = told["data"]["object"]
    assert (shown["email"], shown["name"], shown["metadata"]) == (email, name, {"account": "7"})
    assert told["request"]["idempotency_key"] == key


def test_a_setup_is_made_once_per_key_and_its_customer_saves_a_card(till: Till) -> None:
    customer, _ = till.payer()
    key = till.name("setup")
    setup = till.gateway.set_up(key=key, customer=customer)
    assert setup.client_secret.startswith(f"{setup.setup}_secret_")
    assert till.gateway.set_up(key=key, customer=customer) == setup
    method = till.emulator.finish_setup(setup.setup, card="pm_card_mastercard", api_key=API_KEY)
    saved = till.gateway.payment_method(method)
    assert saved is not None
    assert (saved.customer, saved.type, saved.brand) == (customer, "card", "mastercard")
    assert renewed(till, customer, method) == AnswerKind.SUCCEEDED


def test_paypal_is_saved_by_a_setup_and_pays_without_the_customer(till: Till) -> None:
    customer, _ = till.payer()
    setup = till.gateway.set_up(key=till.name("setup"), customer=customer)
    method = till.emulator.finish_setup(setup.setup, card="paypal", api_key=API_KEY)
    saved = till.gateway.payment_method(method)
    assert saved is not None
    assert (saved.customer, saved.type) == (customer, "paypal")
    assert renewed(till, customer, method) == AnswerKind.SUCCEEDED


def test_a_customer_is_deleted_once_and_stays_deleted(till: Till) -> None:
    customer, method = till.payer()
    assert till.gateway.delete_customer(customer)
    assert till.gateway.delete_customer(customer), "asked again it is looked up, for an answer that was lost"
    assert till.gateway.attach(method, customer=customer) is None
    assert [one["data"]["object"]["id"] for one in till.events_of("customer.deleted")][-1] == customer


def test_a_customer_whom_nobody_knows_cannot_be_deleted(till: Till) -> None:
    assert not till.gateway.delete_customer("cus_nobody")


@pytest.mark.parametrize(
    "answers",
    [
        [error(401, "invalid_request_error")],
        [error(400, "invalid_request_error", "parameter_unknown")],
        [error(500, "api_error")],
        [error(404, "invalid_request_error", "resource_missing"), error(503, "api_error")],
        [Said(200, "<html>")],
        [Said(200, {"id": "cus_1", "object": "customer", "deleted": True}, cut=5)],
    ],
)
def test_a_deletion_without_a_definite_answer_may_be_asked_again(answers: list[Said]) -> None:
    with saying(*answers) as provider:
        till = open_till(provider.url)
        with pytest.raises(UnreachableError, match="try again in a few minutes"):
            till.gateway.delete_customer("cus_1")
        till.gateway.close()
        assert [one.method for one in provider.asked] == ["DELETE", "GET"][: len(answers)]


def test_an_unknown_customer_is_refused(till: Till) -> None:
    with pytest.raises(ProviderRefusedError, match="resource_missing"):
        till.gateway.set_up(key=till.name("setup"), customer="cus_nobody")


def test_a_key_with_other_parameters_is_refused(till: Till) -> None:
    key = till.name("customer")
    till.gateway.create_customer(key=key, email=MAIL, name=None, metadata={})
    with pytest.raises(ProviderRefusedError, match="IdempotencyError") as raised:
        till.gateway.create_customer(key=key, email=f"other.{MAIL}", name=None, metadata={})
    assert MAIL not in str(raised.value)


def test_an_empty_key_never_leaves(till: Till) -> None:
    with pytest.raises(AssertionError, match="key"):
        till.gateway.create_customer(key="", email=None, name=None, metadata={})
    with pytest.raises(AssertionError, match="key"):
        till.gateway.set_up(key="", customer="cus_1")
    assert till.asked("customers.create") == till.asked("setup_intents.create") == 0


@pytest.mark.parametrize("kind", ["stall", "drop_after_execution"])
def test_a_lost_answer_is_found_again_by_its_key(till: Till, kind: str) -> None:
    hasty = till.with_gateway(timeout_s=0.3).gateway
    key = till.name("customer")
    till.emulator.fault(kind, "customers.create", seconds=1)
    with pytest.raises(UnreachableError):
        hasty.create_customer(key=key, email=MAIL, name=None, metadata={})
    customer = till.gateway.create_customer(key=key, email=MAIL, name=None, metadata={})
    assert [one["request"]["idempotency_key"] for one in till.events_of("customer.created")].count(key) == 1
    till.emulator.fault(kind, "setup_intents.create", seconds=1)
    with pytest.raises(UnreachableError):
        hasty.set_up(key=key + "s", customer=customer)
    setup = till.gateway.set_up(key=key + "s", customer=customer)
    assert [one["data"]["object"]["id"] for one in till.events_of("setup_intent.created")].count(setup.setup) == 1


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        (error(500, "api_error"), UnreachableError),
        (error(409, "invalid_request_error", "idempotency_key_in_use"), UnreachableError),
        (error(429, "invalid_request_error", "rate_limit"), UnreachableError),
        (error(401, "invalid_request_error"), UnreachableError),
        (error(403, "invalid_request_error"), UnreachableError),
        (Said(200, "<html>Welcome</html>"), UnreachableError),
        (Said(200, {}), UnreachableError),
        (Said(200, {"id": "x_1", "client_secret": "x_1_s"}, cut=5), UnreachableError),
        (Said(silent=True), UnreachableError),
        (error(400, "invalid_request_error", "email_invalid"), ProviderRefusedError),
        (error(404, "invalid_request_error", "resource_missing"), ProviderRefusedError),
        (error(402, "card_error", "card_declined"), ProviderRefusedError),
    ],
)
def test_an_odd_answer_is_a_refusal_or_none(said: Said, raised: type[OdnowaError]) -> None:
    with saying(said) as provider:
        till = open_till(provider.url, timeout_s=0.3 if said.silent else 5)
        with pytest.raises(raised):
            till.gateway.create_customer(key="k1", email=None, name=None, metadata={})
        with pytest.raises(raised):
            till.gateway.set_up(key="k2", customer="cus_1")
        till.gateway.close()
    assert [(one.path, one.key) for one in provider.asked] == [("/v1/customers", "k1"), ("/v1/setup_intents", "k2")]
    assert provider.asked[1].given == {
        "customer": "cus_1",
        "usage": "off_session",
        "allowed_payment_method_types[0]": "card",
        "allowed_payment_method_types[1]": "paypal",
    }


def test_what_a_refusal_repeats_of_the_customer_is_told_to_nobody() -> None:
    said = error(400, "invalid_request_error", "email_invalid", f"Invalid email address: {MAIL}")
    with saying(said) as provider:
        till = open_till(provider.url)
        with pytest.raises(ProviderRefusedError, match="email_invalid req_scripted") as raised:
            till.gateway.create_customer(key="k1", email=MAIL, name="Anna", metadata={})
        till.gateway.close()
    assert MAIL in provider.asked[0].given["email"]
    assert MAIL not in "".join(traceback.format_exception(raised.value))


def test_no_call_leaves_from_inside_a_transaction(till: Till, engine: Engine) -> None:
    with transaction(engine, "desk.buy"):
        with pytest.raises(CallInsideTransactionError, match=r"stripe\.customer"):
            till.gateway.create_customer(key="k", email=None, name=None, metadata={})
        with pytest.raises(CallInsideTransactionError, match=r"stripe\.set_up"):
            till.gateway.set_up(key="k", customer="cus_1")


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_authenticationRequiredOnSetup", "paypal"])
def test_what_pays_on_the_page_is_saved_and_pays_without_the_customer(till: Till, card: str) -> None:
    customer, intent = bought(till)
    till.emulator.pay_on_page(intent, card=card, api_key=API_KEY)
    if card != "pm_card_visa":
        assert till.gateway.read([intent])[0].kind == AnswerKind.WAITING
        till.emulator.approve_at_bank(intent, api_key=API_KEY)
    (paid,) = till.gateway.read([intent])
    assert (paid.kind, len(till.charges(intent))) == (AnswerKind.SUCCEEDED, 1)
    saved = till.gateway.payment_method(str(paid.method))
    assert saved is not None
    assert saved.customer == customer
    assert renewed(till, customer, str(paid.method)) == AnswerKind.SUCCEEDED


def test_what_nobody_wants_to_save_is_not_saved(till: Till) -> None:
    _, intent = bought(till, save_method=False)
    till.emulator.pay_on_page(intent, card="pm_card_visa", api_key=API_KEY)
    (paid,) = till.gateway.read([intent])
    saved = till.gateway.payment_method(str(paid.method))
    assert saved is not None
    assert saved.customer is None


def test_an_answer_names_its_method_and_its_secret_and_prints_only_the_one(till: Till) -> None:
    customer, method = till.payer()
    (made,) = till.gateway.create([till.wish(customer)])
    assert made.method is None
    assert str(made.client_secret).startswith(f"{made.intent}_secret_")
    (paid,) = till.gateway.confirm([till.attempt(str(made.intent), method)])
    (read,) = till.gateway.read([str(made.intent)])
    assert (paid.method, read.method) == (method, method)
    assert made.client_secret == paid.client_secret == read.client_secret
    assert str(made.client_secret) not in f"{made!r} {paid} {read}"
    assert "seti_1_secret" not in repr(ProviderSetup("seti_1", "seti_1_secret"))


def test_a_payment_on_session_that_nobody_asks_about_succeeds_at_once(till: Till) -> None:
    customer, method = till.payer()
    intent = till.created(customer)
    (paid,) = till.gateway.confirm([on_session(till, intent, method)])
    assert (paid.kind, paid.method) == (AnswerKind.SUCCEEDED, method)
    assert [one["off_session"] for one in till.attempts(intent)] == [False]


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_a_payment_on_session_waits_for_the_bank(till: Till, decision: str) -> None:
    customer, method = till.payer("authentication_required")
    intent = till.created(customer)
    (waiting,) = till.gateway.confirm([on_session(till, intent, method)])
    assert (waiting.kind, waiting.method) == (AnswerKind.WAITING, method)
    assert waiting.client_secret
    assert till.charges(intent) == []
    if decision == "approve":
        till.emulator.approve_at_bank(intent, api_key=API_KEY)
    else:
        till.emulator.refuse_at_bank(intent, api_key=API_KEY)
    (after,) = till.gateway.read([intent])
    told = {"approve": "payment_intent.succeeded", "refuse": "payment_intent.payment_failed"}[decision]
    assert intent in [one["data"]["object"]["id"] for one in till.events_of(told)]
    if decision == "approve":
        assert (after.kind, len(till.charges(intent))) == (AnswerKind.SUCCEEDED, 1)
    else:
        assert (after.kind, after.code) == (AnswerKind.WAITING, "payment_intent_authentication_failure")
        assert till.charges(intent) == []


@pytest.mark.parametrize("kind", ["stall", "drop_after_execution"])
def test_a_lost_answer_to_a_payment_on_session_is_settled_by_reading(till: Till, kind: str) -> None:
    customer, method = till.payer("authentication_required")
    intent = till.created(customer)
    attempt = on_session(till, intent, method)
    till.emulator.fault(kind, "payment_intents.confirm", seconds=1)
    assert till.with_gateway(timeout_s=0.3).gateway.confirm([attempt])[0].kind == AnswerKind.UNKNOWN
    (read,) = till.gateway.read([intent])
    assert (read.kind, read.method) == (AnswerKind.WAITING, method)
    assert till.gateway.confirm([attempt])[0].kind == AnswerKind.WAITING
    assert len(till.attempts(intent)) == 1
