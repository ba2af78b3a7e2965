"""The PaymentIntent endpoints: create, confirm, cancel, retrieve, list, and the rules they check."""

import re
from typing import Any

from worker.sandbox.emulator import intent as states
from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.confirming import Attempt, execute
from worker.sandbox.emulator.errors import VALIDATION, ApiError, invalid, refused
from worker.sandbox.emulator.intent import ALL_TYPES, PaymentIntent
from worker.sandbox.emulator.methods import resolve, usable_by
from worker.sandbox.emulator.objects import PaymentMethod, changed
from worker.sandbox.emulator.shelf import Shelf, listing, page
from worker.sandbox.emulator.world import World

# the account settles in each of its currencies; Stripe demands these at least
MINIMUM = {"czk": 1500, "eur": 50, "pln": 200, "usd": 50}
MAXIMUM = 99_999_999

_KEPT = (
    "customer",
    "description",
    "metadata",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
_ONLY_WITH_CONFIRM = ("off_session", "return_url", "error_on_requires_action")
_DESCRIPTOR = re.compile(r"(?=.*[A-Za-z])[^<>\\'\"*]{1,22}\Z", re.ASCII)


def create(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/payment_intents, and with `confirm=true` the first attempt in the same breath."""
    given = call.params
    confirm = given.get("confirm", False)
    if not confirm:
        for name in _ONLY_WITH_CONFIRM:
            if name in given:
                raise invalid(f"The parameter `{name}` can only be used when `confirm` is true.", param=name)
    _check_money(given["amount"], given["currency"])
    _check_descriptors(given)
    allowed = checked_types(given)
    if "customer" in given:
        world.customer(given["customer"], param="customer")
    number = world.number()
    name = world.name("pi")
    intent = PaymentIntent(
        name,
        number,
        world.now(),
        given["amount"],
        given["currency"],
        world.secret(name),
        allowed_types=allowed,
        automatic=None if allowed else _automatic(given),
        **{key: given[key] for key in _KEPT if key in given},
    )
    if "payment_method" in given:
        method = resolve(world, given["payment_method"])
        check_method(intent, method)
        intent = changed(intent, payment_method=method.id, status=states.REQUIRES_CONFIRMATION)
    if confirm:
        attempt = _attempt(world, intent, call, intent.payment_method)
    world.keep_intent(intent)
    world.tell("payment_intent.created", intent, call.cause)
    return execute(world, intent, attempt).shown() if confirm else intent.shown()


def confirm(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/payment_intents/:id/confirm."""
    intent = world.intent(call.target)
    if intent.status not in states.CONFIRMABLE:
        raise _unexpected(intent, "confirm", states.CONFIRMABLE)
    allowed = checked_types(call.params)
    if allowed is not None:
        intent = changed(intent, allowed_types=allowed, automatic=None)
    for name in ("return_url", "receipt_email", "setup_future_usage"):
        if name in call.params:
            intent = changed(intent, **{name: call.params[name]})
    method = call.params.get("payment_method") or intent.payment_method
    return execute(world, intent, _attempt(world, intent, call, method)).shown()


def cancel(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/payment_intents/:id/cancel."""
    intent = world.intent(call.target)
    if intent.status not in states.CANCELABLE:
        raise _unexpected(intent, "cancel", states.CANCELABLE)
    intent = world.intents[intent.id] = changed(
        intent,
        status=states.CANCELED,
        canceled_at=world.now(),
        cancellation_reason=call.params.get("cancellation_reason"),
        next_action=None,
    )
    world.tell("payment_intent.canceled", intent, call.cause)
    return intent.shown()


def retrieve(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/payment_intents/:id."""
    return world.intent(call.target).shown()


def list_intents(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/payment_intents, newest first, by customer and time of creation; never by metadata."""
    shelf = world.all_intents
    if "customer" in call.params:
        shelf = world.intents_of.get(call.params["customer"], Shelf())

    def number_of(name: str) -> int | None:
        return world.intents[name].number if name in world.intents else None

    ids, more = page([shelf], call.params, number_of, what="payment_intent")
    return listing("/v1/payment_intents", [world.intents[name].shown() for name in ids], more=more)


def checked_types(given: dict[str, Any]) -> list[str] | None:
    """The payment method types that a request allows; None when it leaves them open."""
    allowed: list[str] | None = given.get("allowed_payment_method_types")
    if allowed is None:
        return None
    if "automatic_payment_methods" in given:
        raise invalid(
            "You may only specify one of these parameters: allowed_payment_method_types, automatic_payment_methods.",
            param="allowed_payment_method_types",
        )
    if not allowed or not set(allowed) <= set(ALL_TYPES):
        raise invalid(
            f"The account accepts these payment method types: {', '.join(ALL_TYPES)}.",
            param="allowed_payment_method_types",
        )
    return allowed


def _attempt(world: World, intent: PaymentIntent, call: Call, name: str | None) -> Attempt:
    given = call.params
    if name is None:
        raise _state_error(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either "
            "update the PaymentIntent with a payment method and then confirm it again, or confirm it again "
            "directly with a payment method.",
        )
    method = resolve(world, name)
    check_method(intent, method)
    may_redirect = intent.allowed_types is None and (intent.automatic or {}).get("allow_redirects") != "never"
    if may_redirect and intent.return_url is None:
        raise refused(
            "This PaymentIntent accepts every payment method of the account. Because some of them might "
            "redirect your customer off of your page, you must provide a `return_url`, or restrict them.",
            param="return_url",
        )
    return Attempt(
        method,
        off_session=given.get("off_session", False),
        cause=call.cause,
        no_action=given.get("error_on_requires_action", False),
    )


def _automatic(given: dict[str, Any]) -> dict[str, Any]:
    wish = given.get("automatic_payment_methods", {})
    return {
        "allow_redirects": wish.get("allow_redirects", "always"),
        "enabled": wish.get("enabled") != "false",
    }


def check_method(intent: PaymentIntent, method: PaymentMethod) -> None:
    """Raise ApiError unless the method may pay the intent."""
    usable_by(method, intent.customer)
    if method.type not in intent.types():
        raise refused(
            f"The PaymentMethod provided ({method.type}) is not allowed for this PaymentIntent.",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )
    if method.type == "card" and intent.statement_descriptor is not None:
        raise refused(
            "`statement_descriptor` is not supported for cards. Use `statement_descriptor_suffix`.",
            param="statement_descriptor",
        )


def _check_money(amount: int, currency: str) -> None:
    if currency not in MINIMUM:
        raise invalid(
            f"Invalid currency: {currency}. The emulated account has these: {', '.join(sorted(MINIMUM))}.",
            param="currency",
        )
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    if amount < MINIMUM[currency]:
        raise refused(
            f"Amount must be at least {MINIMUM[currency] / 100:.2f} {currency}",
            code="amount_too_small",
            param="amount",
        )
    if amount > MAXIMUM:
        raise refused(
            f"Amount must be no more than {MAXIMUM / 100:.2f} {currency}",
            code="amount_too_large",
            param="amount",
        )


def _check_descriptors(given: dict[str, Any]) -> None:
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        value = given.get(name)
        if value is not None and not (value.isascii() and _DESCRIPTOR.match(value)):
            raise invalid(
                f"The {name} must hold a Latin letter, at most 22 characters, and none of < > \\ ' \" *.",
                param=name,
            )


def _unexpected(intent: PaymentIntent, verb: str, allowed: tuple[str, ...]) -> ApiError:
    if intent.status == states.SUCCEEDED and verb == "confirm":
        why = "because it has already succeeded after being previously confirmed."
    else:
        why = (
            f"because it has a status of {intent.status}. Only a PaymentIntent with one of the following "
            f"statuses may be {verb}ed: {', '.join(allowed)}."
        )
    return _state_error(intent, f"You cannot {verb} this PaymentIntent {why}")


def _state_error(intent: PaymentIntent, message: str) -> ApiError:
    return ApiError(
        VALIDATION,
        message,
        code="payment_intent_unexpected_state",
        more={"payment_intent": intent.shown()},
    )
