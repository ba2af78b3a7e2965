"""One table from the client's error classes to our words: whole, and true over the emulator's wire."""

from collections.abc import Iterator

import pytest
import stripe

from tests.gateways.till import Till
from worker.gateways import answers
from worker.gateways.answers import ERROR_KINDS, Answer, AnswerKind


def error_classes(of: type[stripe.StripeError] = stripe.StripeError) -> Iterator[type[stripe.StripeError]]:
    """Every exception class of the installed client, and their common root."""
    yield of
    for below in of.__subclasses__():
        yield from error_classes(below)


CLASSES = sorted(set(error_classes()), key=lambda one: one.__name__)


def test_every_class_that_the_calls_can_raise_is_in_the_table() -> None:
    assert len(CLASSES) > 10
    assert set(ERROR_KINDS) <= set(CLASSES)
    # what the client's own transport raises by HTTP status
    assert {one.__name__ for one in ERROR_KINDS} == {
        "CardError",
        "InvalidRequestError",
        "IdempotencyError",
        "AuthenticationError",
        "PermissionError",
        "RateLimitError",
        "APIError",
        "APIConnectionError",
    }


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.__name__)
def test_every_error_class_of_the_client_has_a_meaning(one: type[stripe.StripeError]) -> None:
    """A definite meaning only where the table names the class itself; anything else is unknown."""
    error = one.__new__(one)
    stripe.StripeError.__init__(error, "no such thing")
    expected = ERROR_KINDS.get(one, AnswerKind.UNKNOWN)
    assert answers.kind_of(error) == expected
    answer = answers.of_error(error)
    assert (answer.kind, answer.intent, answer.amount_minor) == (expected, None, None)
    assert one.__name__ in str(answer.message)


@pytest.mark.parametrize(
    "error", [OSError("reset"), TimeoutError(), ValueError("?"), KeyboardInterrupt(), RuntimeError()]
)
def test_whatever_is_not_the_clients_own_is_unknown(error: BaseException) -> None:
    assert answers.of_error(error).kind == AnswerKind.UNKNOWN


def test_a_class_that_does_not_exist_yet_is_what_its_nearest_known_one_is() -> None:
    class NewDeclineError(stripe.CardError):
        pass

    class NewError(stripe.StripeError):
        pass

    assert answers.kind_of(NewDeclineError("m", None, None)) == AnswerKind.DECLINED  # type: ignore[no-untyped-call]  # the client's own
    assert answers.kind_of(NewError("m")) == AnswerKind.UNKNOWN


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("succeeded", AnswerKind.SUCCEEDED),
        ("processing", AnswerKind.PROCESSING),
        ("canceled", AnswerKind.CANCELLED),
        ("requires_payment_method", AnswerKind.WAITING),
        ("requires_confirmation", AnswerKind.WAITING),
        ("requires_action", AnswerKind.WAITING),
        ("requires_capture", AnswerKind.UNKNOWN),
        ("something_of_next_year", AnswerKind.UNKNOWN),
    ],
)
def test_a_status_says_only_what_it_surely_means(status: str, kind: AnswerKind) -> None:
    intent = stripe.PaymentIntent.construct_from(
        {"id": "pi_1", "status": status, "amount": 4999, "currency": "pln"}, "sk_test_emulator"
    )
    assert answers.of_intent(intent) == Answer(kind, intent="pi_1", amount_minor=4999, currency="PLN")


@pytest.mark.parametrize(
    ("script", "code", "decline_code", "advice"),
    [
        ("insufficient_funds", "card_declined", "insufficient_funds", "try_again_later"),
        ("stolen_card", "card_declined", "stolen_card", "do_not_try_again"),
        ("expired_card", "expired_card", "expired_card", "confirm_card_data"),
        ("decline:generic_decline:do_not_try_again", "card_declined", "generic_decline", "do_not_try_again"),
        ("authentication_required", "authentication_required", "authentication_required", None),
    ],
)
def test_a_decline_brings_its_codes_and_its_intent(
    till: Till, script: str, code: str, decline_code: str, advice: str | None
) -> None:
    intent, answer = till.confirmed(script)
    assert (answer.kind, answer.intent) == (AnswerKind.DECLINED, intent)
    assert (answer.code, answer.decline_code, answer.advice_code) == (code, decline_code, advice)
    assert str(answer.request_id).startswith("req_")
    assert str(answer.message).startswith("CardError: ")


def test_an_intent_that_has_moved_on_is_no_refusal(till: Till) -> None:
    customer, method = till.payer()
    intent = till.created(customer)
    till.gateway.confirm([till.attempt(intent, method)])
    again = till.gateway.confirm([till.attempt(intent, method)])[0]
    assert (again.kind, again.code) == (AnswerKind.UNEXPECTED_STATE, "payment_intent_unexpected_state")
    assert till.gateway.cancel([intent])[0].kind == AnswerKind.UNEXPECTED_STATE


def test_what_does_not_exist_is_refused(till: Till) -> None:
    read = till.gateway.read(["pi_nothing"])[0]
    assert (read.kind, read.code) == (AnswerKind.REFUSED, "resource_missing")
    made = till.gateway.create([till.wish("cus_nobody")])[0]
    assert (made.kind, made.code) == (AnswerKind.REFUSED, "resource_missing")


def test_a_key_with_other_parameters_is_refused(till: Till) -> None:
    customer, _ = till.payer()
    key = till.name("create")
    first = till.gateway.create([till.wish(customer, key=key)])[0]
    other = till.gateway.create([till.wish(customer, key=key, amount_minor=1)])[0]
    assert (first.kind, other.kind) == (AnswerKind.WAITING, AnswerKind.REFUSED)
    assert str(other.message).startswith("IdempotencyError: ")


def test_a_key_that_is_still_in_flight_is_unknown(till: Till) -> None:
    customer, _ = till.payer()
    key = till.name("create")
    till.emulator.latency(300)
    both = till.gateway.create([till.wish(customer, key=key)] * 2)
    assert sorted(answer.kind for answer in both) == [AnswerKind.UNKNOWN, AnswerKind.WAITING]
    unknown = next(answer for answer in both if answer.kind == AnswerKind.UNKNOWN)
    assert unknown.code == "idempotency_key_in_use"


def test_a_wrong_key_of_ours_executes_nothing(till: Till) -> None:
    stranger = till.with_gateway(api_key="pk_test_emulator")
    customer, _ = till.payer()
    answer = stranger.gateway.create([till.wish(customer)])[0]
    assert answer.kind == AnswerKind.NOT_EXECUTED
    assert str(answer.message).startswith("AuthenticationError: ")
    assert "pk_test_emulator" not in str(answer)


def test_a_call_beyond_the_limit_executes_nothing(till: Till) -> None:
    customer, _ = till.payer()
    till.emulator.limits(per_endpoint=1)
    kinds = [answer.kind for answer in till.gateway.create([till.wish(customer) for _ in range(4)])]
    assert kinds.count(AnswerKind.WAITING) >= 1
    assert kinds.count(AnswerKind.NOT_EXECUTED) >= 2
    assert set(kinds) == {AnswerKind.WAITING, AnswerKind.NOT_EXECUTED}
    assert till.asked("payment_intents.create") == 4
