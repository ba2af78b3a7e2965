"""Disputes: opened and closed on demand, retrieved and listed by the API."""

from typing import Any

from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.dispute import LOST, NEEDS_RESPONSE, REASONS, WON, Dispute
from worker.sandbox.emulator.objects import Charge, changed
from worker.sandbox.emulator.shelf import listing, page
from worker.sandbox.emulator.world import NOBODY, World

ENDS = (WON, LOST)


def retrieve(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/disputes/:id."""
    return world.dispute(call.target).shown()


def list_disputes(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/disputes, newest first, by charge, PaymentIntent and time of creation."""
    shelf = world.shelf_of_charge(call.params, world.all_disputes, world.disputes_of)

    def number_of(name: str) -> int | None:
        return world.disputes[name].number if name in world.disputes else None

    ids, more = page([shelf], call.params, number_of, what="dispute")
    return listing("/v1/disputes", [world.disputes[name].shown() for name in ids], more=more)


def open_one(world: World, *, intent: str, reason: str) -> Dispute:
    """The payer's bank takes back what is left of a PaymentIntent's charge.

    Raises:
        ApiError: there is no such PaymentIntent.
        ValueError: nothing of it can be disputed, or the reason is none of Stripe's.
    """
    if reason not in REASONS:
        raise ValueError(f"unknown reason of a dispute; there are {', '.join(REASONS)}")
    charge = _paid(world, intent)
    standing = world.dispute_of(charge.id)
    if standing is not None and standing.status != WON:
        raise ValueError(f"{intent} is in dispute already: {standing.id} is {standing.status}")
    left = charge.amount - charge.amount_refunded
    if left == 0:
        raise ValueError(f"all of {intent} has been refunded; nothing is left to dispute")
    dispute = Dispute(
        world.name("du"),
        world.number(),
        world.now(),
        left,
        charge.currency,
        charge.id,
        charge.payment_intent,
        charge.payment_method,
        reason,
    )
    world.charges[charge.id] = changed(charge, disputed=True)
    world.keep_dispute(dispute)
    _note(world, dispute)
    world.tell("charge.dispute.created", dispute, NOBODY)
    world.tell("charge.dispute.funds_withdrawn", dispute, NOBODY)
    return dispute


def close(world: World, name: str, *, status: str) -> Dispute:
    """The bank decides. Raises ApiError for an unknown dispute, ValueError for one that is closed or no such end."""
    if status not in ENDS:
        raise ValueError(f"a dispute ends as {' or '.join(ENDS)}")
    before = world.dispute(name)
    if before.status != NEEDS_RESPONSE:
        raise ValueError(f"{name} is closed already: it is {before.status}")
    dispute = world.disputes[name] = changed(before, status=status)
    _note(world, dispute)
    world.tell("charge.dispute.updated", dispute, NOBODY, previous={"status": before.status})
    world.tell("charge.dispute.closed", dispute, NOBODY)
    if status == WON:
        world.tell("charge.dispute.funds_reinstated", dispute, NOBODY)
    return dispute


def _paid(world: World, intent: str) -> Charge:
    latest = world.intent(intent).latest_charge
    charge = None if latest is None else world.charges[latest]
    if charge is None or charge.status != "succeeded":
        raise ValueError(f"{intent} has no successful charge to dispute")
    return charge


def _note(world: World, dispute: Dispute) -> None:
    world.journal.dispute(
        dispute=dispute.id,
        status=dispute.status,
        charge=dispute.charge,
        payment_intent=dispute.payment_intent,
        amount=dispute.amount,
        currency=dispute.currency,
        customer=world.charges[dispute.charge].customer,
        payment_method=dispute.payment_method.id,
        reason=dispute.reason,
        created=dispute.created,
        changed=world.now(),
    )
