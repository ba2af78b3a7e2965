"""VAT numbers that VIES is asked about: new ones at once, unanswered ones ever more seldom, valid ones monthly (R19b).

From 14 days before a renewal on, its number has been asked about again. A register that is away costs nothing but
time: a number confirmed within the last 90 days stays valid, and VAT is charged on the others. Twice is harmless: each
answer is kept as evidence, and the number stands where the last plain one left it.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import time

from sqlalchemy import Connection

from worker import boundary
from worker.billing.vat_checks import AHEAD_DAYS
from worker.charging.letters import Rung, ring_now, send_mails
from worker.charging.vat_evidence import asked_prefixes, keep
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import vat_numbers

ITEM_SIZE = 10
"""A state takes up to 16 seconds for an answer, so an item is some minutes of work at the most."""
QUESTIONS_MAX = 500
"""Planned in one run; the rest follows a minute later."""


def planner(runtime: Runtime) -> Planner:
    """Numbers that are new or due; nothing for a seller who is not registered, who needs no evidence."""
    prefixes = asked_prefixes(runtime)

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        if not prefixes or request.only_subscription is not None:
            return Plan([], {"numbers": 0, "new": 0})
        new = vat_numbers.enrol(connection, prefixes=prefixes, now=request.now)
        ids = vat_numbers.take_due(
            connection, now=request.now, today=request.today, ahead_days=AHEAD_DAYS, most=QUESTIONS_MAX
        )
        size = min(ITEM_SIZE, request.item_size_max)
        return Plan(in_items(ids, size=size, claims=None, prefix="numbers"), {"numbers": len(ids), "new": new})

    return plan


@job(planner=planner, daily_at=time(4, 15), minutely=True)
def check_vat_numbers(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Ask about a batch of numbers, one after the other; each answer is kept before the next question."""
    with boundary.transaction(runtime.engine, "vat.to_ask") as connection:
        rows = vat_numbers.to_ask(connection, lease.ids)
    counts: Counter[str] = Counter()
    for row in rows:
        answer = runtime.vies.check(row.number)
        rung = Rung()
        with boundary.transaction(runtime.engine, "vat.keep") as connection:
            fence(connection, lease)
            mail = keep(runtime, connection, row, answer)
            if mail is not None:
                send_mails(connection, lease, [mail], rung)
        ring_now(runtime, rung)
        counts[answer.outcome.value if answer.reason is None else answer.reason.value] += 1
    return dict(counts)
