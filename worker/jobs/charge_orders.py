"""Orders: charges what customers confirmed, and cancels at the provider what was not paid in time (R4).

An order is rung for when it is confirmed and worked on at once; the minutely look finds those whose worker died or
whose provider was away, and those whose time to pay is over. Twice is harmless: an order is one charge, a
PaymentIntent succeeds once, and one that was paid meanwhile is carried out instead of cancelled.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from worker import boundary
from worker.charging.pipeline import charge
from worker.charging.withdraw import withdraw
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Claimed, Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import orders

UNPAID = "unpaid"


def planner(runtime: Runtime) -> Planner:
    """Orders left behind, and orders whose time to pay is over."""
    del runtime

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        left = orders.left_behind(connection, now=request.now, only=request.only_subscription)
        unpaid = orders.unpaid(connection, now=request.now, only=request.only_subscription)
        size = request.item_size_max
        return Plan(
            [
                *in_items(left, size=size, claims=Claimed.CHARGES, prefix="charges"),
                *in_items(unpaid, size=size, claims=Claimed.CHARGES, prefix=UNPAID),
            ],
            {"left_behind": len(left), "unpaid": len(unpaid)},
        )

    return plan


@job(planner=planner, minutely=True)
def charge_orders(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Charge one batch of orders, or cancel one batch of unpaid ones."""
    if not lease.key.startswith(UNPAID):
        return dict(charge(runtime, lease))
    with boundary.transaction(runtime.engine, "orders.give_up") as connection:
        fence(connection, lease)
        orders.give_up_unpaid(connection, lease.ids, item=lease.item_id, now=runtime.clock.now())
    return dict(withdraw(runtime, lease, lease.ids))
