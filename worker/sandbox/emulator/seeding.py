"""Seeds: customers and payment methods in bulk, with ids of the caller's choosing."""

from typing import Any

from worker.sandbox.emulator import refunds
from worker.sandbox.emulator.methods import agree, checked_script
from worker.sandbox.emulator.objects import Customer, PaymentMethod
from worker.sandbox.emulator.outcomes import Script, parse, parse_refund
from worker.sandbox.emulator.world import World

Json = dict[str, Any]

_CUSTOMER = frozenset({"id", "email", "name", "description", "metadata"})
_METHOD = frozenset({"id", "customer", "type", "brand", "last4", "exp_month", "exp_year", "payer_email"}) | {
    "script",
    "refund_script",
}


def seed(world: World, given: Json) -> Json:
    """Set up customers and payment methods, replacing those of the same id; all or nothing, without events.

    A PayPal method gets an active mandate. Raises ValueError for what does not fit.
    """
    if unknown := set(given) - {"customers", "payment_methods"}:
        raise ValueError(f"unknown members of a seed: {', '.join(sorted(unknown))}")
    people: list[Json] = given.get("customers", [])
    means: list[Json] = given.get("payment_methods", [])
    known = {each["id"] for each in people} | world.customers.keys()
    for person in people:
        if unknown := set(person) - _CUSTOMER:
            raise ValueError(f"unknown members of a customer: {', '.join(sorted(unknown))}")
    for method in means:
        _check(method, known)
    for person in people:
        world.customers[person["id"]] = Customer(
            number=world.number(),
            created=world.now(),
            **{name: each for name, each in person.items() if each is not None},
        )
    for method in means:
        _put(world, method)
    return {"customers": len(people), "payment_methods": len(means)}


def _check(method: Json, customers: set[str]) -> None:
    if unknown := set(method) - _METHOD:
        raise ValueError(f"unknown members of a payment method: {', '.join(sorted(unknown))}")
    if not isinstance(method["id"], str) or method.get("type", "card") not in {"card", "paypal"}:
        raise ValueError(f"a payment method needs an id and the type card or paypal: {method}")
    if method.get("customer") not in customers:
        raise ValueError(f"{method['id']} belongs to no known customer")
    if "script" in method:
        checked_script(method["script"])
    if "refund_script" in method:
        refunds.checked_script(method["refund_script"])


def _put(world: World, given: Json) -> None:
    plain = {name: value for name, value in given.items() if name not in {"script", "refund_script"}}
    plain.setdefault("type", "card")
    before = world.methods.get(given["id"])
    if before is not None and before.customer is not None:
        world.methods_of[before.customer].pop(before.id, None)
    method = PaymentMethod(number=world.number(), created=world.now(), **plain)
    world.methods[method.id] = method
    world.methods_of.setdefault(given["customer"], {})[method.id] = None
    world.scripts.pop(method.id, None)
    world.refund_scripts.pop(method.id, None)
    if "script" in given:
        world.scripts[method.id] = Script(given["script"], parse)
    if "refund_script" in given:
        world.refund_scripts[method.id] = Script(given["refund_script"], parse_refund)
    if method.type == "paypal":
        agree(world, method)
