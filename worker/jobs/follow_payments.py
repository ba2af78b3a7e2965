"""What the provider knows and we do not: events of payments that went on without us, and answers that were lost.

Reads one page of events a minute while anything is open and four an hour otherwise, and single PaymentIntents only
for what is unknown or has processed for long: the provider allows few reads. A webhook rings for the same look at
once; without any, the minute is soon enough (R6). Twice is harmless: an event is only a
hint, and every settlement is guarded by the charge's state.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from worker import boundary
from worker.charging.follow import INBOX, settle_events, settle_inbox
from worker.charging.recover import recover
from worker.charging.waiting import look
from worker.charging.withdraw import withdraw
from worker.job import job
from worker.queue.items import Lease
from worker.queue.plans import Claimed, Plan, PlannedItem, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import attempts, charges, inbox, payouts, provider

CHECKS_MAX = 500
"""Reads planned in one run; the rest follows a minute later."""
EVENTS = "events"
QUIET_PAUSE = timedelta(minutes=15)
"""How seldom the events are read while nothing is open: only chargebacks come unasked, and reads are few."""


def planner(runtime: Runtime) -> Planner:
    """Charges to read, events (each minute while anything is open, else seldom), and webhooks that wait."""
    del runtime

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        ids = attempts.to_check(connection, now=request.now, most=CHECKS_MAX)
        items = in_items(ids, size=request.item_size_max, claims=Claimed.CHARGES, prefix="charges")
        quiet = attempts.open_since(connection) is None and not payouts.any_open(connection)
        if not quiet or provider.look_is_due(connection, before=request.now - QUIET_PAUSE):
            items.append(PlannedItem(key=EVENTS, ids=()))
        if inbox.any_waiting(connection) and not inbox.is_rung_for(connection, job="follow_payments", key=INBOX):
            items.append(PlannedItem(key=INBOX, ids=()))
        return Plan(items, {"reads": len(ids)})

    return plan


@job(planner=planner, minutely=True)
def follow_payments(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Settle a batch of lost answers, one page of events, or what webhooks spoke of."""
    if lease.key == EVENTS:
        return dict(settle_events(runtime, lease))
    if lease.key == INBOX:
        return dict(settle_inbox(runtime, lease))
    with boundary.transaction(runtime.engine, "follow.states") as connection:
        states = charges.states(connection, lease.ids, item=lease.item_id)
    return dict(_settle_lost(runtime, lease, states))


def _settle_lost(runtime: Runtime, lease: Lease, states: Mapping[int, str]) -> Counter[str]:
    cancelling: Sequence[int] = [i for i, state in states.items() if state == "cancelling"]
    waiting: Sequence[int] = [i for i, state in states.items() if state in {"created", "declined"}]
    lost: Sequence[int] = [i for i in states if i not in {*cancelling, *waiting}]
    return recover(runtime, lease, lost) + withdraw(runtime, lease, cancelling) + look(runtime, lease, waiting)
