"""The refund endpoints: create, retrieve, list, and what becomes of a refund later."""

from functools import partial
from typing import Any

from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.dispute import WON
from worker.sandbox.emulator.errors import ApiError, invalid, refused
from worker.sandbox.emulator.objects import Charge, changed
from worker.sandbox.emulator.outcomes import MoneyBack, parse_refund
from worker.sandbox.emulator.refund import FAILED, SUCCEEDED, Refund
from worker.sandbox.emulator.shelf import listing, page
from worker.sandbox.emulator.world import NOBODY, World

PAYPAL_DAYS = 180
FAILURE_REASON = "expired_or_canceled_card"

_DAY_S = 86_400
_PAID_OUT = MoneyBack(SUCCEEDED)


def create(world: World, call: Call) -> dict[str, Any]:
    """POST /v1/refunds: gives back all that is left of a charge, or a part of it."""
    given = call.params
    charge = _charge(world, given)
    amount = _amount(world, charge, given.get("amount"))
    script = world.refund_scripts.get(charge.payment_method.id)
    outcome = _PAID_OUT if script is None else script.take()
    refund = Refund(
        world.name("re"),
        world.number(),
        world.now(),
        amount,
        charge.currency,
        charge.id,
        charge.payment_intent,
        charge.payment_method,
        outcome.status,
        charge.customer,
        given.get("reason"),
        given.get("metadata", {}),
        key=call.cause.key,
    )
    charge = world.charges[charge.id] = changed(charge, amount_refunded=charge.amount_refunded + amount)
    world.keep_refund(refund)
    _note(world, refund, at=refund.created)
    world.tell("refund.created", refund, call.cause)
    world.tell("charge.refunded", charge, call.cause)
    if outcome.later is not None:
        world.later(outcome.seconds, partial(_turn, world, refund.id, outcome.later))
    return refund.shown()


def retrieve(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/refunds/:id."""
    return world.refund(call.target).shown()


def list_refunds(world: World, call: Call) -> dict[str, Any]:
    """GET /v1/refunds, newest first, by charge, PaymentIntent and time of creation; never by metadata."""
    shelf = world.shelf_of_charge(call.params, world.all_refunds, world.refunds_of)

    def number_of(name: str) -> int | None:
        return world.refunds[name].number if name in world.refunds else None

    ids, more = page([shelf], call.params, number_of, what="refund")
    return listing("/v1/refunds", [world.refunds[name].shown() for name in ids], more=more)


def checked_script(entries: object) -> list[str]:
    """A refund script as given in JSON. Raises ValueError when it is not a list of known outcomes."""
    if not isinstance(entries, list) or not entries or not all(isinstance(each, str) for each in entries):
        raise ValueError("a refund script is a list of outcomes, not empty")
    for entry in entries:
        parse_refund(entry)
    return entries


def _charge(world: World, given: dict[str, Any]) -> Charge:
    if ("charge" in given) == ("payment_intent" in given):
        raise invalid("Exactly one of these parameters must be given: charge, payment_intent.", param="charge")
    if "charge" in given:
        charge = world.charge(given["charge"], param="charge")
    else:
        intent = world.intent(given["payment_intent"], param="payment_intent")
        if intent.latest_charge is None:
            raise _never_paid(intent.id)
        charge = world.charges[intent.latest_charge]
    if charge.status != SUCCEEDED:
        raise _never_paid(given.get("payment_intent", charge.id))
    return charge


def _amount(world: World, charge: Charge, wanted: int | None) -> int:
    """What this refund gives back, in minor units. Raises ApiError when it cannot."""
    if wanted is not None and wanted < 1:
        raise invalid(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    left = charge.amount - charge.amount_refunded
    if left == 0:
        raise refused(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    dispute = world.dispute_of(charge.id)
    if dispute is not None and dispute.status != WON:
        raise refused(f"Charge {charge.id} has been charged back; it cannot be refunded.", code="charge_disputed")
    if charge.payment_method.type == "paypal" and world.now() > charge.created + PAYPAL_DAYS * _DAY_S:
        raise refused(
            f"Charge {charge.id} cannot be refunded: PayPal takes refunds up to {PAYPAL_DAYS} days after the payment.",
            code="charge_not_refundable",
        )
    if wanted is not None and wanted > left:
        raise refused(
            f"Refund amount ({wanted} {charge.currency}) is greater than unrefunded amount on charge "
            f"({left} {charge.currency}), both in minor units.",
            param="amount",
        )
    return left if wanted is None else wanted


def _turn(world: World, name: str, status: str, at: int) -> None:
    """The refund's later state comes; a failure gives its sum back to what can be refunded."""
    before = world.refunds[name]
    refund = world.refunds[name] = changed(
        before, status=status, failure_reason=FAILURE_REASON if status == FAILED else None
    )
    if status == FAILED:
        charge = world.charges[refund.charge]
        world.charges[charge.id] = changed(charge, amount_refunded=charge.amount_refunded - refund.amount)
    _note(world, refund, at=at)
    previous = {"status": before.status}
    world.tell("refund.updated", refund, NOBODY, at=at, previous=previous)
    if status == FAILED:
        world.tell("refund.failed", refund, NOBODY, at=at, previous=previous)


def _note(world: World, refund: Refund, *, at: int) -> None:
    world.journal.refund(
        refund=refund.id,
        status=refund.status,
        charge=refund.charge,
        payment_intent=refund.payment_intent,
        amount=refund.amount,
        currency=refund.currency,
        customer=refund.customer,
        payment_method=refund.payment_method.id,
        reason=refund.reason,
        metadata=refund.metadata,
        idempotency_key=refund.key,
        created=refund.created,
        changed=at,
    )


def _never_paid(name: str) -> ApiError:
    return refused(f"{name} has no successful charge to refund.")
