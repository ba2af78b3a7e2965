"""SetupIntents, as far as saving a card or a PayPal account needs them."""

from typing import Any

from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.errors import DECLINED, VALIDATION, ApiError, missing, refused
from worker.sandbox.emulator.events import Cause
from worker.sandbox.emulator.intent import ALL_TYPES
from worker.sandbox.emulator.intents import checked_types
from worker.sandbox.emulator.methods import agree, bind, has_agreement, resolve, usable_by
from worker.sandbox.emulator.objects import PaymentMethod, SetupIntent, changed
from worker.sandbox.emulator.outcomes import Challenge, Decline
from worker.sandbox.emulator.world import World

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/setup_intents."""
    given = call.params
    if "customer" in given:
        world.customer(given["customer"], param="customer")
    allowed = checked_types(given)
    name = world.name("seti")
    setup = SetupIntent(
        name,
        world.number(),
        world.now(),
        world.secret(name),
        "requires_payment_method",
        allowed or ALL_TYPES,
        restricted=allowed is not None,
        consented="mandate_data" in given,
        **{key: given[key] for key in ("customer", "description", "metadata", "usage", "return_url") if key in given},
    )
    if "payment_method" in given:
        method = resolve(world, given["payment_method"])
        usable_by(method, setup.customer)
        setup = changed(setup, payment_method=method.id, status="requires_confirmation")
    world.setups[setup.id] = setup
    world.tell("setup_intent.created", setup, call.cause)
    return (_confirm(world, setup, call.cause) if given.get("confirm") else setup).shown()


def confirm(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/setup_intents/:id/confirm."""
    setup = find(world, call.target)
    if setup.status not in CONFIRMABLE:
        raise _unexpected(setup, f"You cannot confirm this SetupIntent because it has a status of {setup.status}.")
    given = call.params
    allowed = checked_types(given)
    if allowed is not None:
        setup = changed(setup, payment_method_types=allowed, restricted=True)
    if "payment_method" in given:
        setup = changed(setup, payment_method=resolve(world, given["payment_method"]).id)
    if "return_url" in given:
        setup = changed(setup, return_url=given["return_url"])
    setup = changed(setup, consented=setup.consented or "mandate_data" in given)
    return _confirm(world, setup, call.cause).shown()


def retrieve(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/setup_intents/:id."""
    return find(world, call.target).shown()


def find(world: World, name: str) -> SetupIntent:
    """A SetupIntent, or ApiError."""
    setup = world.setups.get(name)
    if setup is None:
        raise missing("setupintent", name)
    return setup


def save(world: World, setup: SetupIntent, method: PaymentMethod) -> SetupIntent:
    """The customer gives a method on a page, and consents there to what PayPal wants a consent for.

    Raises:
        ApiError: it is refused, or belongs to somebody else.
    """
    return _confirm(world, changed(setup, payment_method=method.id, consented=True), Cause())


def approve(world: World, setup: SetupIntent) -> SetupIntent:
    """The customer consents at the bank or at PayPal: the method is saved."""
    return _save(world, setup, Cause())


def give_up(world: World, setup: SetupIntent) -> SetupIntent:
    """The customer refuses at the bank or at PayPal."""
    error = {
        "code": "setup_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
        "type": "card_error",
    }
    setup = world.setups[setup.id] = changed(
        setup, status="requires_payment_method", payment_method=None, next_action=None, last_setup_error=error
    )
    world.tell("setup_intent.setup_failed", setup)
    return setup


def _confirm(world: World, setup: SetupIntent, cause: Cause) -> SetupIntent:
    if setup.payment_method is None:
        raise _unexpected(setup, "You cannot confirm this SetupIntent because it's missing a payment method.")
    method = world.method(setup.payment_method, param="payment_method")
    usable_by(method, setup.customer)
    if method.type not in setup.payment_method_types:
        raise refused(f"The PaymentMethod provided ({method.type}) is not allowed for this SetupIntent.")
    if not setup.restricted and setup.return_url is None:
        raise refused(
            "This SetupIntent accepts every payment method of the account. You must provide a "
            "`return_url`, or restrict the types it allows.",
            param="return_url",
        )
    if method.type == "paypal":
        if not setup.consented:
            raise refused("PayPal needs `mandate_data` to be saved.", code="parameter_missing", param="mandate_data")
        return _challenge(world, setup, cause)
    script = world.scripts.get(method.id)
    coming = None if script is None else script.coming()  # a script is for payments; saving takes nothing of it
    if method.refuses_saving and isinstance(coming, Decline):
        raise _declined(world, setup, method, coming, cause)
    if method.wants_setup or isinstance(coming, Challenge):
        return _challenge(world, setup, cause)
    return _save(world, setup, cause)


def _challenge(world: World, setup: SetupIntent, cause: Cause) -> SetupIntent:
    url = f"{world.base_url}/bank/{setup.id}?client_secret={setup.client_secret}"
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": setup.return_url}}
    setup = world.setups[setup.id] = changed(setup, status="requires_action", next_action=action)
    world.tell("setup_intent.requires_action", setup, cause)
    return setup


def _save(world: World, setup: SetupIntent, cause: Cause) -> SetupIntent:
    method = world.method(setup.payment_method or "")
    if method.type == "paypal" and not has_agreement(world, method):
        method = agree(world, method)
    method = world.methods[method.id] = changed(method, wants_setup=False)
    if setup.customer is not None and method.customer is None:
        method = bind(world, method, setup.customer, cause)
    setup = world.setups[setup.id] = changed(
        setup, status="succeeded", mandate=method.mandate, next_action=None, last_setup_error=None
    )
    world.tell("setup_intent.succeeded", setup, cause)
    return setup


def _declined(world: World, setup: SetupIntent, method: PaymentMethod, decline: Decline, cause: Cause) -> ApiError:
    error = {
        "advice_code": decline.advice,
        "code": decline.code,
        "decline_code": decline.decline_code,
        "message": "Your card was declined.",
        "network_decline_code": decline.network_decline,
        "payment_method": method.shown(),
        "type": "card_error",
    }
    error = {name: value for name, value in error.items() if value is not None}
    setup = world.setups[setup.id] = changed(
        setup, status="requires_payment_method", payment_method=None, last_setup_error=error
    )
    world.tell("setup_intent.setup_failed", setup, cause)
    more = {name: value for name, value in error.items() if name not in {"message", "type"}}
    return ApiError(
        DECLINED, "Your card was declined.", kind="card_error", more={**more, "setup_intent": setup.shown()}
    )


def _unexpected(setup: SetupIntent, message: str) -> ApiError:
    return ApiError(VALIDATION, message, code="setup_intent_unexpected_state", more={"setup_intent": setup.shown()})
