"""What was charged twice goes back, on an operator's word: once for each PaymentIntent, by the payouts' own pipeline.

The refund and its payout are planned in one transaction, with who and why; the job `pay_refunds` writes that it is
sent, sends it under a key of its own, and settles the answer. The books' own payment is never touched: the payout names
the other PaymentIntent, and a unique key lets there be one payout of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from worker import boundary
from worker.charging.comparing import Duplicate
from worker.charging.letters import Rung, ring_now
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import operations, refunds
from worker.store.mails import NewMail, insert_mails

ACT = "refund_duplicate"
"""What it is called in the audit log."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A duplicate with the payout that gives it back; None when there was one before, or the books have changed."""

    duplicate: Duplicate
    payout: int | None


def give_back(runtime: Runtime, duplicates: Sequence[Duplicate], *, by: str, reason: str) -> list[GivenBack]:
    """Plan that each of them goes back, and ring for the job that does it.

    Each is a transaction of its own, so whoever dies halfway has planned some and may begin again.
    """
    return [GivenBack(one, _plan(runtime, one, by=by, reason=reason)) for one in duplicates]


def _plan(runtime: Runtime, one: Duplicate, *, by: str, reason: str) -> int | None:
    rung = Rung()
    with boundary.transaction(runtime.engine, "duplicates.plan") as connection:
        row = refunds.lock_charged_twice(connection, one.charge_id, duplicate=one.intent)
        if row is None:
            return None
        refund, payout = refunds.plan_duplicate(
            connection,
            row,
            intent=one.intent,
            currency=one.currency,
            amount_minor=one.amount_minor,
            reason=reason,
            today=runtime.clock.today(),
        )
        rung.items += ring(
            connection,
            job="pay_refunds",
            items=in_items([payout], size=1, claims=Claimed.PAYOUTS, prefix="payouts"),
            business_date=runtime.clock.today(),
            root_run_id=None,
            by=by,
        )
        _tell(runtime, connection, row, one, refund=refund, by=by, rung=rung)
        operations.write_audit(
            connection,
            actor=by,
            act=ACT,
            reason=reason,
            details={
                "charge": one.charge_id,
                "kept": one.booked,
                "given_back": one.intent,
                "amount_minor": one.amount_minor,
                "currency": one.currency,
                "refund": refund,
                "payout": payout,
            },
            account_id=row.account_id,
            subscription_id=row.subscription_id,
        )
    ring_now(runtime, rung)
    return payout


def _tell(
    runtime: Runtime, connection: Connection, row: Row[Any], one: Duplicate, *, refund: int, by: str, rung: Rung
) -> None:
    amount = {"amount_minor": one.amount_minor, "currency": one.currency}
    data: dict[str, object] = {"company": row.company or "", "amount": amount, "ends_service": False}
    mail = NewMail(row.account_id, "refund_made", f"refund:{refund}", data, row.subscription_id)
    rung.items += ring(
        connection,
        job="deliver_mail",
        items=in_items(insert_mails(connection, [mail]), size=1, claims=Claimed.MAILS, prefix="mails"),
        business_date=runtime.clock.today(),
        root_run_id=None,
        by=by,
    )
