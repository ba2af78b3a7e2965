"""The confirmation of a PaymentIntent: the one place where money moves, or is refused."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from worker.sandbox.emulator import intent as states
from worker.sandbox.emulator.errors import DECLINED, ApiError
from worker.sandbox.emulator.events import Cause
from worker.sandbox.emulator.intent import PaymentIntent
from worker.sandbox.emulator.methods import agree, bind, has_agreement, outcome_of
from worker.sandbox.emulator.objects import Charge, PaymentMethod, changed
from worker.sandbox.emulator.outcomes import (
    AUTHENTICATION_REQUIRED,
    MANDATE_INACTIVE,
    Accepted,
    Challenge,
    Decline,
    Outcome,
    Pending,
)
from worker.sandbox.emulator.world import NOBODY, World

_MESSAGES = {
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "insufficient_funds": "Your card has insufficient funds.",
    "payment_intent_mandate_invalid": "The mandate of this payment method is inactive.",
    "payment_method_provider_decline": "The payment was declined by the payment method's provider.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One confirmation.

    Args:
        method: what is to pay.
        off_session: the customer is not there, so a challenge is a refusal.
        cause: the request.
        authenticated: the customer has just approved at the bank.
        no_action: the caller wants a refusal instead of `requires_action`.
    """

    method: PaymentMethod
    off_session: bool
    cause: Cause
    authenticated: bool = False
    no_action: bool = False


def execute(world: World, intent: PaymentIntent, attempt: Attempt) -> PaymentIntent:
    """Run one attempt and give the intent as it then is.

    Raises:
        ApiError: 402 when it is refused; the intent is back at `requires_payment_method` by then.
    """
    method = attempt.method
    intent = changed(
        intent,
        payment_method=method.id,
        last_payment_method=method.id,
        last_payment_error=None,
        next_action=None,
        key=attempt.cause.key,
    )
    outcome = _outcome(world, attempt)
    if isinstance(outcome, Challenge):
        return _challenge(world, intent, attempt)
    if isinstance(outcome, Decline):
        charge = _charge(world, intent, method, outcome=outcome)
        intent = _refuse(world, intent, outcome, charge, attempt.cause)
        _note(world, intent, attempt, "declined")
        raise refusal(intent)
    charge = _charge(world, intent, method, outcome=outcome)
    if isinstance(outcome, Pending):
        intent = changed(intent, status=states.PROCESSING, latest_charge=charge.id)
        world.intents[intent.id] = intent
        world.later(outcome.seconds, partial(_end, world, intent.id, outcome.final))
        world.tell("charge.pending", charge, attempt.cause)
        world.tell("payment_intent.processing", intent, attempt.cause)
        _note(world, intent, attempt, "processing")
        return intent
    intent = _pay(world, intent, charge, attempt.cause)
    _note(world, intent, attempt, "succeeded")
    return intent


def give_up(world: World, intent: PaymentIntent) -> PaymentIntent:
    """The customer refuses at the bank."""
    error: dict[str, object] = {
        "code": "payment_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
        "type": "card_error",
    }
    if intent.last_payment_method is not None:
        error["payment_method"] = world.methods[intent.last_payment_method].shown()
    intent = changed(
        intent, status=states.REQUIRES_METHOD, payment_method=None, next_action=None, last_payment_error=error
    )
    world.intents[intent.id] = intent
    world.tell("payment_intent.payment_failed", intent)
    return intent


def finish_action(world: World, intent: PaymentIntent) -> PaymentIntent:
    """The customer approves an intent that waits for just that: it is paid."""
    attempt = Attempt(world.methods[intent.payment_method or ""], off_session=False, cause=Cause(None, intent.key))
    charge = _charge(world, intent, attempt.method, outcome=Accepted())
    intent = _pay(world, changed(intent, next_action=None), charge, attempt.cause)
    _note(world, intent, attempt, "succeeded")
    return intent


def refusal(intent: PaymentIntent) -> ApiError:
    """The 402 answer that tells an intent's last payment error."""
    members = dict(intent.last_payment_error or {})
    message, kind = members.pop("message"), members.pop("type")
    return ApiError(DECLINED, message, kind=kind, more={**members, "payment_intent": intent.shown()})


def _end(world: World, name: str, final: Accepted | Decline, at: int) -> None:
    """The answer to a pending payment comes."""
    intent = world.intents[name]
    charge = world.charges[intent.latest_charge or ""]
    if isinstance(final, Accepted):
        _pay(world, intent, charge, NOBODY, at=at)
    else:
        _refuse(world, intent, _told_by(charge.payment_method, final), charge, NOBODY, at=at)


def _outcome(world: World, attempt: Attempt) -> Outcome:
    method = attempt.method
    if method.type == "paypal" and not has_agreement(world, method):
        if attempt.off_session:
            return MANDATE_INACTIVE
        if not attempt.authenticated:
            return Challenge()
    outcome = outcome_of(world, method)
    if isinstance(outcome, Accepted) and method.wants_setup:
        outcome = Challenge()
    if isinstance(outcome, Challenge):
        if attempt.authenticated:
            return Accepted()
        return AUTHENTICATION_REQUIRED if attempt.off_session or attempt.no_action else outcome
    return _told_by(method, outcome) if isinstance(outcome, Decline) else outcome


def _told_by(method: PaymentMethod, decline: Decline) -> Decline:
    if method.type == "paypal":  # PayPal speaks neither of networks nor of advice
        return Decline(decline.decline_code, code="payment_method_provider_decline", blocked=decline.blocked)
    if method.brand != "mastercard":
        return _without_mac(decline)
    return decline


def _without_mac(decline: Decline) -> Decline:
    """The same refusal without Mastercard's advice code."""
    return Decline(
        decline.decline_code,
        code=decline.code,
        advice=decline.advice,
        network_decline=decline.network_decline,
        blocked=decline.blocked,
    )


def _challenge(world: World, intent: PaymentIntent, attempt: Attempt) -> PaymentIntent:
    url = f"{world.base_url}/bank/{intent.id}?client_secret={intent.client_secret}"
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": intent.return_url}}
    intent = changed(intent, status=states.REQUIRES_ACTION, next_action=action)
    world.intents[intent.id] = intent
    world.tell("payment_intent.requires_action", intent, attempt.cause)
    _note(world, intent, attempt, "requires_action")
    return intent


def _pay(world: World, intent: PaymentIntent, charge: Charge, cause: Cause, *, at: int | None = None) -> PaymentIntent:
    if world.intents[intent.id].status == states.SUCCEEDED:
        raise AssertionError(f"{intent.id} would be paid twice")
    charge = world.charges[charge.id] = changed(charge, status="succeeded")
    intent = changed(intent, status=states.SUCCEEDED, latest_charge=charge.id, last_payment_error=None)
    world.intents[intent.id] = intent
    method = world.methods[charge.payment_method.id]
    if intent.customer is not None and intent.setup_future_usage is not None:
        if intent.setup_future_usage == "off_session":
            method = _ready(world, method)
        if method.customer is None and not method.spent:  # it may have been detached while the payment was pending
            method = bind(world, method, intent.customer, cause)
    elif method.customer is None:
        world.methods[method.id] = changed(method, spent=True)
    world.journal.charge(
        charge=charge.id,
        payment_intent=intent.id,
        amount=intent.amount,
        currency=intent.currency,
        customer=intent.customer,
        payment_method=method.id,
        metadata=intent.metadata,
        idempotency_key=intent.key,
        created=world.now() if at is None else at,
    )
    world.tell("charge.succeeded", charge, cause, at=at)
    world.tell("payment_intent.succeeded", intent, cause, at=at)
    return intent


def _ready(world: World, method: PaymentMethod) -> PaymentMethod:
    """A payment that was to set the method up leaves it able to pay without the customer."""
    if method.type == "paypal" and not has_agreement(world, method):
        method = agree(world, method)
    method = world.methods[method.id] = changed(method, wants_setup=False)
    return method


def _refuse(
    world: World,
    intent: PaymentIntent,
    decline: Decline,
    charge: Charge,
    cause: Cause,
    *,
    at: int | None = None,
) -> PaymentIntent:
    message = _message(decline)
    charge = world.charges[charge.id] = changed(
        charge,
        status="failed",
        outcome=_verdict(decline),
        failure_code=decline.code,
        failure_message=message,
    )
    error: dict[str, Any] = {
        "advice_code": decline.advice,
        "charge": charge.id,
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": f"https://docs.stripe.com/error-codes#{decline.code.replace('_', '-')}",
        "message": message,
        "network_advice_code": decline.network_advice,
        "network_decline_code": decline.network_decline,
        "payment_method": charge.payment_method.shown(),
        "type": "card_error",
    }
    intent = changed(
        intent,
        status=states.REQUIRES_METHOD,
        payment_method=None,
        latest_charge=charge.id,
        last_payment_error={name: value for name, value in error.items() if value is not None},
    )
    world.intents[intent.id] = intent
    world.tell("charge.failed", charge, cause, at=at)
    world.tell("payment_intent.payment_failed", intent, cause, at=at)
    return intent


def _charge(world: World, intent: PaymentIntent, method: PaymentMethod, *, outcome: Outcome) -> Charge:
    charge = Charge(
        world.name("ch"),
        world.number(),
        world.now(),
        intent.amount,
        intent.currency,
        intent.customer,
        intent.id,
        method,
        "pending",
        _verdict(outcome if isinstance(outcome, Decline) else None),
        intent.description,
        intent.metadata,
        intent.statement_descriptor_suffix,
        intent.receipt_email,
    )
    world.keep_charge(charge)
    return charge


def _verdict(decline: Decline | None) -> dict[str, Any]:
    verdict = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if decline is None:
        return verdict
    verdict |= {
        "advice_code": decline.advice,
        "network_advice_code": decline.network_advice,
        "network_decline_code": decline.network_decline,
        "network_status": "not_sent_to_network" if decline.blocked else "declined_by_network",
        "reason": "previously_declined_do_not_retry" if decline.blocked else decline.decline_code,
        "seller_message": "The payment was blocked." if decline.blocked else "The issuer declined the payment.",
        "type": "blocked" if decline.blocked else "issuer_declined",
    }
    return verdict


def _message(decline: Decline) -> str:
    return _MESSAGES.get(decline.code) or _MESSAGES.get(decline.decline_code or "") or "Your card was declined."


def _note(world: World, intent: PaymentIntent, attempt: Attempt, outcome: str) -> None:
    error = intent.last_payment_error or {}
    world.journal.attempt(
        payment_intent=intent.id,
        charge=intent.latest_charge if outcome != "requires_action" else None,
        outcome=outcome,
        code=error.get("code"),
        decline_code=error.get("decline_code"),
        amount=intent.amount,
        currency=intent.currency,
        customer=intent.customer,
        payment_method=attempt.method.id,
        metadata=intent.metadata,
        idempotency_key=attempt.cause.key,
        off_session=attempt.off_session,
        created=world.now(),
    )
