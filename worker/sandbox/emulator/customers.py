"""Customers and the account's balance: the plain objects."""

from typing import Any

from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.methods import end_agreement
from worker.sandbox.emulator.objects import Customer, changed
from worker.sandbox.emulator.world import World


def create(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/customers."""
    wanted = {name: value for name, value in call.params.items() if name != "expand"}
    customer = Customer(world.name("cus"), world.number(), world.now(), **wanted)
    world.customers[customer.id] = customer
    world.tell("customer.created", customer, call.cause)
    return customer.shown()


def retrieve(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/customers/:id; one that was deleted is still told of."""
    gone = world.customers.get(call.target)
    return (gone if gone is not None and gone.deleted else world.customer(call.target)).shown()


def delete(world: World, call: Call) -> dict[str, Any]:
    """DELETE /v1/customers/:id: for good, with what they paid with; a second time there is nobody."""
    customer = world.customer(call.target)
    for name in world.methods_of.pop(customer.id, {}):
        method = world.methods[name]
        end_agreement(world, method)
        method = world.methods[name] = changed(method, customer=None, spent=True)
        world.tell("payment_method.detached", method, call.cause, previous={"customer": customer.id})
    world.tell("customer.deleted", customer, call.cause)
    gone = world.customers[customer.id] = Customer(customer.id, customer.number, customer.created, deleted=True)
    return gone.shown()


def balance(world: World, _call: Call) -> dict[str, Any]:
    """GET /v1/balance: the sums of all charges less refunds; the emulator pays nothing out."""
    sums = world.journal.totals() or {"eur": 0}
    available = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(sums.items())
    ]
    pending = [{**line, "amount": 0, "source_types": {"card": 0}} for line in available]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}
