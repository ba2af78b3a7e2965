"""Money back: the first payment within 15 days, by the customer alone; anything else by support (R14, R14b).

A full refund takes the whole purchase back with the changes since, ends the subscription and cancels the credit that
came from it; one in part leaves subscription and credit alone. What is decided here is paid out by `pay_refunds`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing.refund import PaidCharge, last_refund_day, partial_parts, price_refund
from worker.charging.letters import Rung
from worker.charging.price import frozen_lines
from worker.charging.sold import COPIED, invoiced
from worker.desk.disputes import demand_undisputed
from worker.desk.open_payments import LATER, begin_withdrawing, carry_out_withdrawing
from worker.desk.renewal import demand_quiet
from worker.desk.request import Ask, Caller, Done, account_of, done_before, noted, perform, send
from worker.desk.to_free import end_service
from worker.errors import ActRefusedError, RuleError
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import desk, refunds
from worker.store.mails import NewMail


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for: everything, or so many minor units; within the rule, or by support outside it."""

    override: bool
    amount_minor: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a refund does: parts to pay out and gross sums to reverse, by charge; by how much the credit changes."""

    paid: Sequence[tuple[int, int]]
    reversed: Sequence[tuple[Row[Any], int]]
    credit_by_minor: int

    @property
    def total_minor(self) -> int:
        """What goes back in all."""
        return sum(part_minor for _, part_minor in self.paid)


def refund(
    runtime: Runtime,
    caller: Caller,
    *,
    request_id: str,
    override: bool = False,
    amount_minor: int | None = None,
    reason: str | None = None,
) -> Done:
    """Give money back: all of the first payment, or with `override` all or `amount_minor` of the newest one.

    Raises:
        ActRefusedError: outside the rule and not overridden; nothing is left to give back, or less than is asked
            for; a payment is under way; a dispute stands; a customer overrides, or support gives no reason for it.
        UnreachableError: an open payment must be cancelled first, and the provider does not answer.
    """
    wish = _Wish(override, amount_minor, reason)
    ask = Ask(caller, "refund", request_id, {"override": override, "amount_minor": amount_minor}, reason)
    with noted(runtime, ask, support_only=override):
        if amount_minor is not None and not override:
            raise ActRefusedError(
                "override_needed", "a refund in part is given by support only: please contact support"
            )
        before = None if amount_minor is not None else _cancel_open(runtime, ask, wish)
        return before or perform(runtime, ask, partial(_give_back, runtime, wish))


def _cancel_open(runtime: Runtime, ask: Ask, wish: _Wish) -> Done | None:
    """Cancel what is open, if the refund would be given; the kept result when the request was carried out before."""
    with boundary.transaction(runtime.engine, "desk.refund.cancel") as connection:
        account = account_of(connection, ask, lock=True)
        before = done_before(connection, ask, account)
        if before is not None:
            return before
        open_charges = desk.lock_open_charges(connection, account)
        row = _refundable(connection, account)
        _planned(connection, account, _charges(runtime, connection, row.subscription_id, wish), wish)
        demand_quiet(open_charges)
        made = begin_withdrawing(runtime, connection, open_charges)
    carry_out_withdrawing(runtime, made)
    return None


def _give_back(runtime: Runtime, wish: _Wish, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    open_charges = desk.lock_open_charges(connection, account)
    row = _refundable(connection, account)
    charges = _charges(runtime, connection, row.subscription_id, wish)
    plan = _planned(connection, account, charges, wish)
    demand_quiet(open_charges)
    in_full = wish.amount_minor is None
    if open_charges and in_full:
        raise ActRefusedError("payment_under_way", LATER)
    currency, today = charges[0].currency, runtime.clock.today()
    number = refunds.add_refund(
        connection,
        account_id=account,
        subscription_id=row.subscription_id,
        kind="full" if in_full else "part",
        overridden=wish.override,
        reason=wish.reason,
        currency=currency,
        total_minor=plan.total_minor,
        today=today,
    )
    made = refunds.add_payouts(connection, number, plan.paid, currency=currency)
    _reverse(runtime, connection, number, plan)
    refunds.change_credit(connection, number, account, currency=currency, by_minor=plan.credit_by_minor)
    if in_full:
        refunds.cancel_carried(connection, number, [charge.id for charge in charges])
        end_service(runtime, connection, row.subscription_id, because="refunded")
    rung.items += ring(
        connection,
        job="pay_refunds",
        items=in_items(made, size=len(made), claims=Claimed.PAYOUTS, prefix="payouts"),
        business_date=today,
        root_run_id=None,
        by="desk",
    )
    credited = [charge.id for charge, gross_minor in plan.reversed if gross_minor]
    rung.items += ring(
        connection,
        job="issue_invoices",
        items=in_items(credited, size=len(credited) or 1, claims=None, prefix="charges"),
        business_date=today,
        root_run_id=None,
        by="desk",
    )
    amount: dict[str, object] = {"amount_minor": plan.total_minor, "currency": currency}
    data: dict[str, object] = {"company": row.company, "amount": amount, "ends_service": in_full}
    send(runtime, connection, NewMail(account, "refund_made", f"refund:{number}", data, row.subscription_id), rung)
    return {"refund": number, **amount, "payouts": len(made), "ends_service": in_full}


def _refundable(connection: Connection, account: int) -> Row[Any]:
    """The account's standing, if its money may go back at all."""
    row = desk.standing(connection, account)
    demand_undisputed(connection, account)
    if row.subscription_id is None:
        if refunds.had_full_refund(connection, account):
            raise ActRefusedError(
                "refunded_before", "the payment was given back already: if it has not arrived, contact support"
            )
        raise ActRefusedError("free", "the account is Free and has no payment to give back: contact support")
    return row


def _charges(runtime: Runtime, connection: Connection, subscription: int, wish: _Wish) -> Sequence[Row[Any]]:
    """The charges that the refund is about, oldest first and locked (R14b)."""
    first = refunds.first_payment(connection, subscription)
    if wish.override:
        since_first = first is not None and not first.followed
        ids = (
            refunds.orders_since(connection, subscription, first.id)
            if first is not None and since_first
            else refunds.newest_term(connection, subscription)
        )
    else:
        if first is None:
            raise ActRefusedError(
                "not_first_payment", "only the first payment for a package is given back: please contact support"
            )
        last_day = last_refund_day(first.paid_on, days=runtime.policy.refund_days)
        if runtime.clock.today() > last_day:
            raise ActRefusedError(
                "refund_too_late", f"the payment could be given back until {last_day}: please contact support"
            )
        ids = refunds.orders_since(connection, subscription, first.id)
    if not ids:
        raise ActRefusedError("nothing_to_refund", "no payment was made here that could be given back: contact support")
    return refunds.to_refund(connection, ids)


def _planned(connection: Connection, account: int, charges: Sequence[Row[Any]], wish: _Wish) -> _Plan:
    return _plan_full(connection, account, charges) if wish.amount_minor is None else _plan_part(charges, wish)


def _plan_full(connection: Connection, account: int, charges: Sequence[Row[Any]]) -> _Plan:
    ids = [charge.id for charge in charges]
    # What the account would have without these charges. The price asks for other credit and for what was spent
    # elsewhere, and only their difference matters: it is the balance less what these charges gave and took.
    without_minor = refunds.credit_outside(connection, account, charges[0].currency, ids)
    paid = [_paid(charge) for charge in charges]
    if not any(charge.refundable_minor for charge in paid):
        raise _nothing_left()
    priced = price_refund(paid, other_credit_minor=max(without_minor, 0), spent_elsewhere_minor=max(-without_minor, 0))
    if priced.total_minor == 0:
        raise ActRefusedError(
            "nothing_to_refund", "the credit from this payment was spent, so nothing would go back: contact support"
        )
    return _Plan(
        paid=list(zip(ids, priced.parts, strict=True)),
        reversed=[(charge, invoiced(charge._asdict()).left_minor) for charge in charges],
        credit_by_minor=priced.credit_after_minor - priced.credit_before_minor,
    )


def _nothing_left() -> ActRefusedError:
    return ActRefusedError("nothing_to_refund", "nothing is left that could go back: please contact support")


def _plan_part(charges: Sequence[Row[Any]], wish: _Wish) -> _Plan:
    """A refund in part: paid and reversed from the newest charge back, never more than was paid or is still sold.

    The two may fall on different charges: of one whose unused part paid a later change, less is invoiced than paid.
    """
    assert wish.amount_minor is not None, "a refund in part has a sum"
    left = [invoiced(charge._asdict()).left_minor for charge in charges]
    try:
        paid = partial_parts([_paid(charge) for charge in charges], asked_minor=wish.amount_minor)
        sold = partial_parts([PaidCharge(left_minor) for left_minor in left], asked_minor=wish.amount_minor)
    except RuleError as error:
        most_minor = min(sum(_paid(charge).refundable_minor for charge in charges), sum(left))
        if most_minor == 0:
            raise _nothing_left() from error
        raise ActRefusedError(
            "refund_too_high",
            f"a sum from 1 to {most_minor} minor units of {charges[0].currency} may be given back: ask for less",
        ) from error
    return _Plan(
        paid=[(charge.id, part_minor) for charge, part_minor in zip(charges, paid, strict=True)],
        reversed=list(zip(charges, sold, strict=True)),
        credit_by_minor=0,
    )


def _paid(charge: Row[Any]) -> PaidCharge:
    return PaidCharge(
        charged_minor=charge.amount_minor,
        credit_used_minor=charge.credit_used_minor,
        credit_given_minor=charge.unused_minor + charge.corrected_minor,
        refunded_minor=charge.paid_out_minor,
    )


def _reverse(runtime: Runtime, connection: Connection, number: int, plan: _Plan) -> None:
    """What the credit notes will say: lines, the frozen VAT, and which way each sum takes, cash before credit."""
    to_refund_minor = plan.total_minor
    for charge, gross_minor in plan.reversed:
        if not gross_minor:
            continue
        step = invoiced(charge._asdict()).take_back(gross_minor)
        refunded_minor = min(gross_minor, to_refund_minor)
        to_refund_minor -= refunded_minor
        copied = {name: charge.frozen.get(name) for name in COPIED}
        refunds.add_reversal(
            connection,
            refund=number,
            charge=charge.id,
            of_correction=charge.in_force_id,
            net_minor=step.net_minor,
            vat_minor=step.vat_minor,
            frozen={
                **copied,
                "starts_on": charge.starts_on.isoformat(),
                "ends_on": charge.ends_on.isoformat(),
                "lines": frozen_lines(step.lines),
                "to_refund_minor": refunded_minor,
                "to_credit_minor": gross_minor - refunded_minor,
            },
            today=runtime.clock.today(),
            now=runtime.clock.now(),
        )
