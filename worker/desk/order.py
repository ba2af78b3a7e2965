"""Orders: a quote that the customer confirms by paying, with the saved method or on the payment page (R4, R6, R12).

First what the order replaces is cancelled at the provider: a renewal that is due, an older order that nobody paid.
Then, in one transaction under the account's lock, the quote is held against the account as it stands, and the charge
is written. Only then is the provider asked to charge, by the same pipeline as every renewal; a worker goes on where
this process ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing.money import Currency
from worker.billing.states import UNDER_WAY, ChargeState, Payer, Purpose
from worker.charging.fulfil import Moment, carry_out
from worker.charging.letters import Rung
from worker.charging.pipeline import charge
from worker.charging.price import frozen, frozen_lines, frozen_vat
from worker.desk.customers_at_provider import ensure_customer
from worker.desk.offer import Offer
from worker.desk.open_payments import LATER, begin_withdrawing, carry_out_withdrawing
from worker.desk.order_state import order_shown
from worker.desk.quote import offer_now, wish_of
from worker.desk.request import Ask, Caller, Done, account_of, done_before, noted, perform
from worker.errors import ActRefusedError, UnreachableError
from worker.queue import items
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import lock_planning, ring
from worker.runtime import Runtime
from worker.store import configurations, orders, settlement
from worker.store.mails import insert_mails

STALE = "this quote no longer holds: ask for a new one"


def order(
    runtime: Runtime,
    caller: Caller,
    quote: str,
    *,
    payer: Payer = Payer.SAVED_METHOD,
    request_id: str,
    reason: str | None = None,
) -> Done:
    """Confirm a quote and pay it.

    The result names the order and says how it stands now: `paid`, `waiting` for the customer (with the provider's
    client secret), `declined` (the same, and why), `pending` while the answer is to come, `cancelled` or `returned`.
    The same request again says how it stands then.

    Raises:
        ActRefusedError: the quote is none, stale or used, or the account has no method to pay with.
    """
    ask = Ask(caller, "order", request_id, {"quote": quote, "payer": payer.value}, reason)
    with noted(runtime, ask):
        uid = _uid(quote)
        ready = _prepare(runtime, ask, uid, payer)
        before = ready.before
        if before is None:
            carry_out_withdrawing(runtime, ready.withdrawing)
            if ready.costs:
                ensure_customer(runtime, ready.account)
            begun: list[int] = []
            before = perform(runtime, ask, partial(_confirm, runtime, uid, payer, begun))
            _charge_now(runtime, begun)
        return Done({**before.result, **order_shown(runtime, ask, before.result)}, repeated=before.repeated)


def _uid(quote: str) -> UUID:
    try:
        return UUID(quote)
    except ValueError:
        raise ActRefusedError("no_quote", "that is no quote: ask for one first") from None


@dataclass(frozen=True, slots=True)
class _Ready:
    """What stands before an order: the items that cancel what it replaces, or the kept result of an equal request."""

    account: int
    withdrawing: Sequence[int] = ()
    costs: bool = False
    before: Done | None = None


def _prepare(runtime: Runtime, ask: Ask, uid: UUID, payer: Payer) -> _Ready:
    """Hold the quote against the account, and begin to cancel what the order replaces."""
    with boundary.transaction(runtime.engine, "desk.order.prepare") as connection:
        account = account_of(connection, ask, lock=True)
        before = done_before(connection, ask, account)
        if before is not None:
            return _Ready(account, before=before)
        quoted = _valid_quote(runtime, connection, account, uid)
        offer, row = _offer_as_quoted(runtime, connection, account, quoted)
        _demand_method(row, offer, payer)
        replaced = _replaced(orders.lock_open_charges(connection, account), quoted, offer)
        made = begin_withdrawing(runtime, connection, replaced)
        return _Ready(account, made, costs=offer.sale.to_charge_minor > 0)


def _valid_quote(runtime: Runtime, connection: Connection, account: int, uid: UUID) -> Row[Any]:
    quoted = orders.quote(connection, account, uid)
    if quoted is None:
        raise ActRefusedError("no_quote", "the account has no such quote: ask for one first")
    if quoted.order_uid is not None:
        raise ActRefusedError("quote_used", "this quote was ordered already: ask for a new one for another order")
    if runtime.clock.now() >= quoted.valid_until:
        raise ActRefusedError("stale", f"{STALE}, it was valid for {runtime.policy.quote_minutes} minutes")
    return quoted


def _offer_as_quoted(
    runtime: Runtime, connection: Connection, account: int, quoted: Row[Any]
) -> tuple[Offer, Row[Any]]:
    try:
        offer, row = offer_now(runtime, connection, account, wish_of(quoted.wish), Currency(quoted.currency))
    except ActRefusedError as refusal:
        raise ActRefusedError("stale", f"{STALE} ({refusal})") from refusal
    if offer.fingerprint() != quoted.offer_sha256:
        raise ActRefusedError("stale", f"{STALE}, since price, term or credit have changed")
    return offer, row


def _demand_method(row: Row[Any], offer: Offer, payer: Payer) -> None:
    """Pass if the order can be paid as was chosen; asked before anything open is cancelled for it, and again after."""
    if offer.sale.to_charge_minor > 0 and payer is Payer.SAVED_METHOD and row.method_id is None:
        raise ActRefusedError("no_method", "no payment method is saved: pay on the payment page, or save one first")


def _replaced(open_charges: Sequence[Row[Any]], quoted: Row[Any], offer: Offer) -> list[Row[Any]]:
    """The open charges that the order takes the place of.

    Raises:
        ActRefusedError: one is being paid right now (R12d), or was ordered after this quote was made.
    """
    for one in open_charges:
        if one.state in UNDER_WAY:
            raise ActRefusedError("payment_under_way", "a payment is being made right now: try again in a few minutes")
        if one.purpose != Purpose.RENEWAL and one.quoted_at >= quoted.made_at:
            raise ActRefusedError("stale", f"{STALE}, since another order was made meanwhile")
        if one.purpose == Purpose.RENEWAL and not offer.buys_term:
            raise ActRefusedError("payment_under_way", LATER)
    return list(open_charges)


def _confirm(
    runtime: Runtime, uid: UUID, payer: Payer, begun: list[int], connection: Connection, account: int, rung: Rung
) -> Mapping[str, object]:
    quoted = _valid_quote(runtime, connection, account, uid)
    open_charges = orders.lock_open_charges(connection, account)
    if any(one.state == ChargeState.CANCELLING for one in open_charges):
        raise ActRefusedError("payment_under_way", LATER)
    # Before the charge is written: a planner that met it would wait for us, and we for the planner.
    lock_planning(connection)
    if open_charges or orders.has_open_charge(connection, account):
        raise ActRefusedError("stale", f"{STALE}, since another payment was begun meanwhile")
    offer, row = _offer_as_quoted(runtime, connection, account, quoted)
    costs = offer.sale.to_charge_minor > 0
    _demand_method(row, offer, payer)
    added = _add(runtime, connection, row, offer, quoted, payer)
    if costs:
        made = ring(
            connection,
            job="charge_orders",
            items=in_items([added.id], size=1, claims=Claimed.CHARGES, prefix="charges"),
            business_date=runtime.clock.today(),
            root_run_id=None,
            by="desk",
        )
        begun += made
        rung.items += made
    else:
        _take_effect(runtime, connection, added.id, rung)
    return {"order": str(added.uid), "to_pay_minor": offer.sale.to_charge_minor, "currency": quoted.currency}


def _add(
    runtime: Runtime, connection: Connection, row: Row[Any], offer: Offer, quoted: Row[Any], payer: Payer
) -> Row[Any]:
    """Write the order's charge with all that is frozen of it."""
    interval = offer.holdings.interval.value
    subscription = row.subscription_id or orders.new_subscription(
        connection, row.account_id, interval=interval, starts_on=offer.term.starts_on
    )
    sale, today = offer.sale, runtime.clock.today()
    values = {
        "account_id": row.account_id,
        "subscription_id": subscription,
        "purpose": offer.purpose.value,
        "term_number": offer.term.number,
        "business_date": today,
        "configuration_id": configurations.add(connection, subscription, offer.holdings),
        "starts_on": offer.term.starts_on,
        "ends_on": offer.term.ends_on,
        "currency": quoted.currency,
        "net_minor": sale.net_minor,
        "vat_minor": sale.vat_minor,
        "gross_minor": sale.gross_minor,
        "carried_in_minor": offer.carried_in_minor,
        "credit_used_minor": sale.credit_used_minor,
        "carried_out_minor": sale.carried_out_minor,
        "amount_minor": sale.to_charge_minor,
        "frozen": {**frozen(row, offer.holdings, sale.lines, offer.vat, today=today), **_frozen_order(row, offer)},
        "quote_id": quoted.id,
        "payer": payer.value,
        "buys_term": offer.buys_term,
        "anchor_on": offer.term.starts_on if offer.new_anchor else None,
        "base_configuration_id": row.configuration_id if offer.purpose is Purpose.CHANGE else None,
        "pay_until": runtime.clock.now() + timedelta(hours=runtime.policy.order_hours),
        "unused_minor": offer.unused.gross_minor,
        "goodwill_minor": sale.goodwill_minor,
    }
    return orders.add_order(connection, values, reserved_minor=sale.credit_used_minor - offer.applied_minor)


def _frozen_order(row: Row[Any], offer: Offer) -> dict[str, object]:
    """What an order freezes beside what every charge does: the unused part, the days, renewal (R7, R15b)."""
    kept: dict[str, object] = {"renewal_on": offer.switches_renewal_on, "days_whole": offer.days_whole}
    if offer.unused.gross_minor and offer.old_vat is not None:
        kept["unused"] = {
            "lines": frozen_lines(offer.unused.lines),
            "net_minor": offer.unused.net_minor,
            "vat_minor": offer.unused.vat_minor,
            "gross_minor": offer.unused.gross_minor,
            "applied_minor": offer.applied_minor,
            "sold_by": row.sold_by,
            "is_rest": offer.unused.is_rest,
            "vat": frozen_vat(offer.old_vat),
            "package": row.package,
            "interval": row.interval,
            "conversation_block": row.conversation_block,
            "starts_on": row.starts_on.isoformat(),
            "ends_on": row.ends_on.isoformat(),
        }
    return kept


def _take_effect(runtime: Runtime, connection: Connection, charge_id: int, rung: Rung) -> None:
    """An order that costs nothing takes effect at once, without the provider (R12c)."""
    moment = Moment(runtime.clock.now(), runtime.clock.today())
    settlement.succeed(connection, [charge_id], now=moment.now, today=moment.today)
    carried = carry_out(connection, runtime, [charge_id], moment)
    assert carried.fulfilled == [charge_id], "what was priced under the same lock can be carried out"
    rung.items += carried.items
    insert_mails(connection, carried.mails)
    rung.items += ring(
        connection,
        job="issue_invoices",
        items=in_items([charge_id], size=1, claims=None, prefix="charges"),
        business_date=moment.today,
        root_run_id=None,
        by="desk",
    )


def _charge_now(runtime: Runtime, begun: Sequence[int]) -> None:
    """Charge here and now; a worker who was quicker, or who comes after us, does the same."""
    for item in begun:
        held = items.lease(runtime.engine, item, lease_s=runtime.limits.lease_s)
        if held is None:
            continue
        try:
            items.finish(runtime.engine, held, dict(charge(runtime, held)))
        except UnreachableError as error:
            # the order stands; the item is tried again by a worker, and the customer is told that it is pending
            items.fail(runtime.engine, held, error, attempts_max=runtime.limits.item_attempts_max)
        except Exception as error:
            items.fail(runtime.engine, held, error, attempts_max=runtime.limits.item_attempts_max)
            raise


def cancel_order(
    runtime: Runtime, caller: Caller, order_uid: str, *, request_id: str, reason: str | None = None
) -> Done:
    """Give up an order that is not paid; it is cancelled at the provider.

    Raises:
        ActRefusedError: the account has no such order, it is paid, or its payment is under way.
    """
    ask = Ask(caller, "cancel_order", request_id, {"order": order_uid}, reason)
    with noted(runtime, ask):
        uid = _uid_of_order(order_uid)
        with boundary.transaction(runtime.engine, "desk.cancel_order.begin") as connection:
            account = account_of(connection, ask, lock=True)
            before = done_before(connection, ask, account)
            if before is not None:
                return before
            found = [one for one in orders.lock_open_charges(connection, account) if one.uid == uid]
            _demand_cancellable(orders.order(connection, account, uid), found)
            made = begin_withdrawing(runtime, connection, found)
        carry_out_withdrawing(runtime, made)
        return perform(runtime, ask, partial(_cancelled, uid))


def _uid_of_order(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        raise ActRefusedError("no_order", "that is no order: give the name that the order was answered with") from None


def _demand_cancellable(known: Row[Any] | None, found: Sequence[Row[Any]]) -> None:
    if known is None:
        raise ActRefusedError("no_order", "the account has no such order: look at its name again")
    if known.state == ChargeState.CANCELLED:
        return
    if not found:
        raise ActRefusedError("order_over", f"this order is {known.state} and cannot be cancelled: contact support")
    if found[0].state in UNDER_WAY:
        raise ActRefusedError("payment_under_way", "a payment is being made right now: try again in a few minutes")


def _cancelled(uid: UUID, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    row = orders.order(connection, account, uid)
    if row is None or row.state not in {"cancelled", "failed"}:
        raise ActRefusedError("payment_under_way", LATER)
    return {"order": str(uid), "outcome": "cancelled"}
