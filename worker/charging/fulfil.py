"""Paid orders are carried out: the term, the configuration, the credit of the unused part; or the money goes back (R4).

Runs inside the transaction that settles the charge, or inside the act that ordered what costs nothing, with the
account locked by either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from worker.billing import fulfilment
from worker.billing.calendar import Interval, term_start
from worker.billing.fulfilment import Fulfilment, Ordered, Present
from worker.billing.states import Purpose, SubscriptionStatus
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import operations, orders, refunds, settlement
from worker.store.mails import NewMail


@dataclass(frozen=True, slots=True)
class Moment:
    """When orders are carried out, and the run that what they cause belongs to; none makes runs of their own."""

    now: datetime
    today: date
    root_run_id: int | None = None


@dataclass
class Carried:
    """What became of a set of paid orders: those that took effect, mails, and the items to ring for."""

    fulfilled: list[int] = field(default_factory=list)
    mails: list[NewMail] = field(default_factory=list)
    items: list[int] = field(default_factory=list)


def carry_out(connection: Connection, runtime: Runtime, ids: Sequence[int], moment: Moment) -> Carried:
    """Carry out orders that have just been paid, each by itself; their accounts are locked."""
    done = Carried()
    today = moment.today
    for charge_id in ids:
        row = orders.paid_order(connection, charge_id)
        verdict, why = fulfilment.decide(_ordered(row), _present(row), today=today)
        if verdict is Fulfilment.RETURN:
            _return(connection, runtime, row, why, done, moment)
            continue
        if verdict is Fulfilment.FROM_TODAY:
            ends_on = term_start(today, Interval(row.interval), 1)
            orders.redate(connection, charge_id, starts_on=today, ends_on=ends_on)
        _take_effect(connection, row, moment)
        done.fulfilled.append(charge_id)
        if row.status == SubscriptionStatus.SUSPENDED.value:
            done.mails.append(_reactivated(runtime, row, today=today))
    return done


def _reactivated(runtime: Runtime, row: Row[Any], *, today: date) -> NewMail:
    """A suspended account's order begins a term on the day of its payment (R10)."""
    ends_on = term_start(today, Interval(row.interval), 1)
    return NewMail(
        account_id=row.account_id,
        kind="reactivated",
        subject_key=f"charge:{row.id}:reactivated",
        data={
            "company": row.company or row.external_id,
            "package": row.package,
            "ends_on": ends_on.isoformat(),
            "account_url": runtime.links.account_page_url,
        },
        subscription_id=row.subscription_id,
    )


def _ordered(row: Row[Any]) -> Ordered:
    return Ordered(
        purpose=Purpose(row.purpose),
        buys_term=row.buys_term,
        term_number=row.term_number,
        ends_on=row.ends_on,
        base_configuration=row.base_configuration_id,
    )


def _present(row: Row[Any]) -> Present:
    return Present(
        status=SubscriptionStatus(row.status),
        term_number=row.present_number,
        configuration=row.present_configuration,
        another_live=row.another_live,
    )


def _take_effect(connection: Connection, row: Row[Any], moment: Moment) -> None:
    if row.buys_term:
        orders.cut_terms(connection, row.id)
        settlement.begin_terms(connection, [row.id], [row.subscription_id], now=moment.now)
    else:
        settlement.bring_configurations(connection, [row.id], now=moment.now)
        settlement.carry(connection, [row.id])
    orders.take_effect(connection, row.id, now=moment.now, today=moment.today)


def _return(connection: Connection, runtime: Runtime, row: Row[Any], why: str, done: Carried, moment: Moment) -> None:
    orders.mark_returned(connection, row.id, now=moment.now)
    settlement.return_taken(connection, [row.id])
    operations.write_audit(
        connection,
        actor="charging",
        act="order_returned",
        reason=why,
        details={"charge": row.id, "amount_minor": row.amount_minor, "currency": row.currency},
        account_id=row.account_id,
        subscription_id=row.subscription_id,
    )
    payouts = refunds.plan_order_return(
        connection,
        charge_id=row.id,
        account_id=row.account_id,
        subscription_id=row.subscription_id,
        currency=row.currency,
        amount_minor=row.amount_minor,
        today=moment.today,
        because=why,
    )
    done.items += ring(
        connection,
        job="pay_refunds",
        items=in_items(payouts, size=len(payouts), claims=Claimed.PAYOUTS, prefix="payouts"),
        business_date=moment.today,
        root_run_id=moment.root_run_id,
        by="charging",
    )
    done.mails.append(
        NewMail(
            account_id=row.account_id,
            kind="order_returned",
            subject_key=f"charge:{row.id}:returned",
            data={
                "company": row.company or row.external_id,
                "amount": {"amount_minor": row.amount_minor, "currency": row.currency},
                "account_url": runtime.links.account_page_url,
            },
            subscription_id=row.subscription_id,
        )
    )
