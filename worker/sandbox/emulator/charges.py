"""The charge endpoints: retrieve and list. A charge is made by the confirmation of its PaymentIntent, never here."""

from typing import Any

from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.shelf import Shelf, listing, page
from worker.sandbox.emulator.world import World


def retrieve(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/charges/:id."""
    return world.charge(call.target).shown()


def list_charges(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/charges, newest first, by PaymentIntent and time of creation; refused ones too, never by metadata."""
    shelf = world.all_charges
    if "payment_intent" in call.params:
        intent = world.intent(call.params["payment_intent"], param="payment_intent")
        shelf = world.charges_of.get(intent.id, Shelf())

    def number_of(name: str) -> int | None:
        return world.charges[name].number if name in world.charges else None

    ids, more = page([shelf], call.params, number_of, what="charge")
    return listing("/v1/charges", [world.charges[name].shown() for name in ids], more=more)
