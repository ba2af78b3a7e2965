"""Payment methods: cards from Stripe's test ids, PayPal accounts, their mandates and their customers."""

from typing import Any

from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.errors import DECLINED, ApiError, invalid, missing, refused
from worker.sandbox.emulator.events import Cause
from worker.sandbox.emulator.objects import Mandate, PaymentMethod, changed
from worker.sandbox.emulator.outcomes import (
    ATTACHES_THOUGH_DECLINING,
    TEST_METHODS,
    TEST_REFUNDS,
    WANTS_SETUP,
    Accepted,
    Decline,
    Outcome,
    Script,
    parse,
    parse_refund,
)
from worker.sandbox.emulator.shelf import Shelf, listing, page
from worker.sandbox.emulator.world import NOBODY, World


def resolve(world: World, name: str) -> PaymentMethod:
    """The payment method of that id; a test id makes a new one, as at Stripe."""
    known = TEST_METHODS.get(name)
    if known is None:
        return world.method(name, param="payment_method")
    brand, last4, script = known
    method = PaymentMethod(
        world.name("pm"),
        world.number(),
        world.now(),
        "card",
        brand=brand,
        last4=last4,
        refuses_saving=isinstance(parse(script), Decline) and name != ATTACHES_THOUGH_DECLINING,
        wants_setup=name == WANTS_SETUP,
    )
    world.methods[method.id] = method
    if script != "ok":
        world.scripts[method.id] = Script([script], parse)
    if name in TEST_REFUNDS:
        world.refund_scripts[method.id] = Script([TEST_REFUNDS[name]], parse_refund)
    return method


def new_paypal(world: World) -> PaymentMethod:
    """A PayPal account that has agreed to nothing yet."""
    method = PaymentMethod(world.name("pm"), world.number(), world.now(), "paypal", payer_email="payer@example.com")
    world.methods[method.id] = method
    return method


def outcome_of(world: World, method: PaymentMethod) -> Outcome:
    """What the issuer says to the next confirmation; takes one entry of the method's script."""
    script = world.scripts.get(method.id)
    return Accepted() if script is None else script.take()


def create(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/payment_methods: a card from a test token or a test id, or a PayPal account."""
    given = call.params
    if "payment_method" in given:
        return resolve(world, given["payment_method"]).shown()
    if given.get("type") == "paypal":
        return new_paypal(world).shown()
    if given.get("type") != "card":
        raise invalid("Missing required param: type.", code="parameter_missing", param="type")
    card = given.get("card", {})
    if "number" in card:
        raise ApiError(
            DECLINED, "Card numbers never reach this API. Use a test token.", kind="card_error", started=False
        )
    token = str(card.get("token", ""))
    if (name := token.replace("tok_", "pm_card_", 1)) not in TEST_METHODS:
        raise missing("token", token, param="card[token]")
    return resolve(world, name).shown()


def retrieve(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/payment_methods/:id."""
    return world.method(call.target).shown()


def attach(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/payment_methods/:id/attach. A declining card refuses, PayPal needs a SetupIntent."""
    world.customer(call.params["customer"], param="customer")
    method = resolve(world, call.target)
    if method.refuses_saving:
        raise ApiError(
            DECLINED,
            "Your card was declined.",
            kind="card_error",
            code="card_declined",
            more={"decline_code": world.scripts[method.id].entries[0]},
        )
    if method.type == "paypal" and method.customer is None:
        raise refused("A PayPal payment method is saved by a SetupIntent; it cannot be attached.")
    if method.customer not in {None, call.params["customer"]}:
        raise refused("The payment method you provided has already been attached to a customer.")
    if method.customer is None:
        method = bind(world, method, call.params["customer"], call.cause)
    return method.shown()


def detach(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/payment_methods/:id/detach. Ends a PayPal billing agreement too; there is no way back."""
    method = world.method(call.target)
    if method.customer is None:
        raise refused("The payment method you provided is not attached to a customer so detachment is impossible.")
    end_agreement(world, method)
    world.methods_of[method.customer].pop(method.id)
    previous = {"customer": method.customer}
    method = world.methods[method.id] = changed(method, customer=None, spent=True)
    world.tell("payment_method.detached", method, call.cause, previous=previous)
    return method.shown()


def list_methods(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/payment_methods?customer=…: the methods attached to a customer, newest first."""
    world.customer(call.params["customer"], param="customer")
    attached = [world.methods[name] for name in world.methods_of.get(call.params["customer"], ())]
    shelf = Shelf()
    for method in sorted(attached, key=lambda each: each.number):
        if call.params.get("type", method.type) == method.type:
            shelf.add(method.id, number=method.number, created=method.created)

    def number_of(name: str) -> int | None:
        return world.methods[name].number if name in world.methods else None

    ids, more = page([shelf], call.params, number_of, what="PaymentMethod")
    return listing("/v1/payment_methods", [world.methods[name].shown() for name in ids], more=more)


def retrieve_mandate(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/mandates/:id."""
    mandate = world.mandates.get(call.target)
    if mandate is None:
        raise missing("mandate", call.target)
    return mandate.shown()


def usable_by(method: PaymentMethod, customer: str | None) -> None:
    """Raise ApiError unless an intent of `customer` may use the method."""
    if method.spent:
        raise refused(
            f"The provided PaymentMethod was previously used without being attached to a Customer, "
            f"or was detached from a Customer. It may not be used again: {method.id}.",
            param="payment_method",
        )
    if method.customer == customer:
        return
    if method.customer is None:
        return
    owner = "another Customer" if customer else "a Customer that the PaymentIntent does not name"
    raise refused(f"The PaymentMethod {method.id} belongs to {owner}.", param="payment_method")


def bind(world: World, method: PaymentMethod, customer: str, cause: Cause) -> PaymentMethod:
    """Attach a method to a customer, and tell."""
    method = world.methods[method.id] = changed(method, customer=customer)
    world.methods_of.setdefault(customer, {})[method.id] = None
    world.tell("payment_method.attached", method, cause)
    return method


def agree(world: World, method: PaymentMethod) -> PaymentMethod:
    """The payer consents at PayPal: the method gets an active mandate."""
    mandate = Mandate(world.name("mandate"), method.id, world.now())
    world.mandates[mandate.id] = mandate
    method = world.methods[method.id] = changed(method, mandate=mandate.id)
    return method


def has_agreement(world: World, method: PaymentMethod) -> bool:
    """Whether the method's billing agreement stands."""
    return method.mandate is not None and world.mandates[method.mandate].status == "active"


def end_agreement(world: World, method: PaymentMethod) -> bool:
    """The payer cancels the billing agreement. False when there is none that stands."""
    if method.mandate is None or not has_agreement(world, method):
        return False
    mandate = world.mandates[method.mandate] = changed(world.mandates[method.mandate], status="inactive")
    world.tell("mandate.updated", mandate, NOBODY, previous={"status": "active"})
    return True


def update_card(world: World, method: PaymentMethod, **members: int | str) -> PaymentMethod:
    """The network sends new card data: expiry and last four digits may change, the id stays."""
    before = {name: getattr(method, name) for name in members}
    method = world.methods[method.id] = changed(method, **members)
    world.tell("payment_method.automatically_updated", method, NOBODY, previous={"card": before})
    return method


def checked_script(entries: object) -> list[str]:
    """A script as given in JSON. Raises ValueError when it is not a list of known outcomes."""
    if not isinstance(entries, list) or not entries or not all(isinstance(each, str) for each in entries):
        raise ValueError("a script is a list of outcomes, not empty")
    for entry in entries:
        parse(entry)
    return entries
