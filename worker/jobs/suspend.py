"""Suspensions: R10, and only that.

Renewal off and no charge open when the term has ended; or the schedule run out and the charge finally failed, after
its PaymentIntent was cancelled at the provider. Twice is harmless: only live subscriptions are suspended, and the
mail is UNIQUE per term.
"""

from collections.abc import Mapping
from datetime import time

from sqlalchemy import Connection

from worker import boundary
from worker.charging.letters import Rung, ring_now, send_mails
from worker.charging.suspension import suspend as end_service
from worker.charging.withdraw import withdraw
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Claimed, Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import subscriptions

CHARGES = "charges"
SUBSCRIPTIONS = "subscriptions"


def planner(runtime: Runtime) -> Planner:
    """Charges to cancel first, and subscriptions that nothing holds back."""
    del runtime

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        hopeless = subscriptions.hopeless_charges(
            connection,
            business_date=request.business_date,
            today=request.today,
            only=request.only_subscription,
        )
        over = subscriptions.unrenewed(connection, business_date=request.business_date, only=request.only_subscription)
        size = request.item_size_max
        return Plan(
            [
                *in_items(hopeless, size=size, claims=Claimed.CHARGES, prefix=CHARGES),
                *in_items(over, size=size, claims=None, prefix=SUBSCRIPTIONS),
            ],
            {"renewal_off": len(over), "schedule_over": len(hopeless)},
        )

    return plan


@job(planner=planner, daily_at=time(6, 30), after="renew")
def suspend(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Cancel a batch of hopeless charges, or suspend a batch of subscriptions."""
    if lease.key.startswith(CHARGES):
        with boundary.transaction(runtime.engine, "suspend.begin") as connection:
            fence(connection, lease)
            subscriptions.begin_cancelling(connection, lease.ids, item=lease.item_id, today=runtime.clock.today())
        return dict(withdraw(runtime, lease, lease.ids))
    rung = Rung()
    with boundary.transaction(runtime.engine, "suspend.write") as connection:
        fence(connection, lease)
        mails = end_service(connection, lease.ids, runtime, today=runtime.clock.today(), now=runtime.clock.now())
        send_mails(connection, lease, mails, rung)
    ring_now(runtime, rung)
    return {"suspended": len(mails)}
