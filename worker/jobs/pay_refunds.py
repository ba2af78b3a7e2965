"""Refunds on their way back: sends what was planned, settles what has no answer, looks after what is pending.

Works on payouts that a refund or a returned order planned. Twice is harmless: a payout is written as sent before it
is, and what was sent is looked up at the provider by its own name before it is asked for again under the same key.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from worker.charging.payouts import pay
from worker.job import job
from worker.queue.items import Lease
from worker.queue.plans import Claimed, Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import payouts

PAYOUTS_MAX = 500
"""Payouts planned in one run; the rest follows a minute later."""


def planner(runtime: Runtime) -> Planner:
    """Payouts to send or to look up that no living item holds."""
    del runtime

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        ids = payouts.due(connection, now=request.now, only=request.only_subscription, most=PAYOUTS_MAX)
        items = in_items(ids, size=request.item_size_max, claims=Claimed.PAYOUTS, prefix="payouts")
        return Plan(items, {"payouts": len(ids)})

    return plan


@job(planner=planner, minutely=True, money=True)
def pay_refunds(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Bring one batch of payouts as far as it can go."""
    return dict(pay(runtime, lease))
