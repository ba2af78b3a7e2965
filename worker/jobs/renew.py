"""Renewals: plans a charge for every term that ends, and brings charges as far as they can go.

Works on terms with `ends_on <= date` and renewal on, on tries due today, and on what a dead item left behind.
Twice is harmless: a charge is UNIQUE per subscription and term, a try per charge, method and real day, and a
PaymentIntent succeeds once.
"""

from collections.abc import Mapping
from datetime import time

from sqlalchemy import Connection

from worker.charging.pipeline import charge
from worker.job import job
from worker.queue.items import Lease
from worker.queue.plans import Claimed, Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import charges


def planner(runtime: Runtime) -> Planner:
    """The set of a business date, and whether its sum is so unusual that it must wait (R8d)."""

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        new = charges.plan_renewals(connection, business_date=request.business_date, only=request.only_subscription)
        ids = charges.due_charges(
            connection,
            business_date=request.business_date,
            today=request.today,
            only=request.only_subscription,
        )
        sums = charges.planned_sums(connection, ids)
        figures = {"due": new, "charges": len(ids), "sums": sums}
        items = in_items(ids, size=request.item_size_max, claims=Claimed.CHARGES, prefix="charges")
        return Plan(items, figures, hold=_hold(runtime, connection, request, sums))

    return plan


def _hold(
    runtime: Runtime, connection: Connection, request: PlanRequest, sums: Mapping[str, Mapping[str, int]]
) -> str | None:
    if request.only_subscription is not None:
        return None
    for currency, planned in sums.items():
        earlier = charges.earlier_sums(
            connection, currency=currency, before=request.business_date, most=runtime.policy.hold_history_runs
        )
        if runtime.policy.holds(planned_minor=planned["sum_minor"], earlier_minor=earlier):
            return (
                f"{planned['charges']} charges of {planned['sum_minor']} {currency} minor units are more than "
                f"{runtime.policy.hold_multiple} times the usual day (R8d)"
            )
    return None


@job(planner=planner, daily_at=time(5, 0), money=True)
def renew(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Charge one batch."""
    return dict(charge(runtime, lease))
