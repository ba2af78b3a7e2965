"""The product audits itself once a day, after the morning's jobs: its own store, and the day before at the provider.

What must hold over the whole store is asked of the store as it stands, so a date that is caught up has nothing to ask
of it: only today's run has that item. The day before the business date is held against the provider's lists, for every
date, also of one that is caught up. Both read, and write nothing but what they found: counts in the item's result and,
when something is broken, one row of the audit log per run and a warning in the log. Beside that the first sums the
money of the months that may still change, and of those that never were summed, for the console: twelve months are too
many charges to sum while somebody waits. Twice is harmless: they change nothing that they look at. A provider that does
not answer lets that item be tried again, for about a day.

Measured: 10,000 subscribers with 12 paid terms each take 1.2 s, 3.0 to 3.7 s on busy cores (`bench/README.md`). Each
invariant is one statement under the statement timeout and lists a bounded number of rows, so a run is bounded too.
"""

from collections.abc import Mapping
from datetime import date, time, timedelta

import structlog
from sqlalchemy import Connection

from worker import boundary
from worker.charging.provider_audit import business_days, compare_provider, figures
from worker.clock import monotonic_s
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Plan, PlannedItem, Planner, PlanRequest
from worker.runtime import Runtime
from worker.store import audit as invariants
from worker.store import money_months

log = structlog.get_logger("audit")

STORE, PROVIDER = "audit", "provider"
"""The keys of the two items."""
MONTHS_KEPT = 13
GRACE = timedelta(hours=1)
"""How long paper may take to follow money: what was paid a moment ago is no violation."""


def as_of(runtime: Runtime, *, grace: timedelta = GRACE) -> invariants.AsOf:
    """The store now, under this house's settings."""
    return invariants.AsOf(
        now=runtime.clock.now(),
        today=runtime.clock.today(),
        grace=grace,
        notice_days=max(runtime.policy.reminder_days),
        start_year=runtime.invoice_start_year,
        invoice_start=runtime.invoice_sequence_start,
        credit_note_start=runtime.credit_note_sequence_start,
        home_currency=runtime.home_currency,
        rate_days=runtime.policy.rate_days_max,
    )


def planner(runtime: Runtime) -> Planner:
    """One item for the provider's day; for today one more, which a date that is caught up would only ask again."""
    del runtime

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        del connection
        items = [PlannedItem(key=PROVIDER, ids=())]
        if request.business_date < request.today:
            return Plan(items, {"invariants": 0})
        return Plan([PlannedItem(key=STORE, ids=()), *items], {"invariants": len(invariants.INVARIANTS)})

    return plan


def sum_months(runtime: Runtime) -> None:
    """Sum the money of this month and the last one, and of months that never were, each in its own transaction."""
    this = _month(runtime.clock.today(), back=0)
    first, again = _month(this, back=MONTHS_KEPT - 1), _month(this, back=1)
    with boundary.transaction(runtime.engine, "audit.months") as connection:
        months = money_months.to_sum(connection, first=first, last=this, again=again)
    for month in months:
        with boundary.transaction(runtime.engine, "audit.sum_month") as connection:
            money_months.sum_month(
                connection,
                month=month,
                until=_month(month, back=-1),
                zone=runtime.clock.zone.key,
                now=runtime.clock.now(),
            )


def _month(day: date, *, back: int) -> date:
    """The first day of the month so many months before."""
    year, month = divmod(day.year * 12 + day.month - 1 - back, 12)
    return date(year, month + 1, 1)


@job(planner=planner, daily_at=time(10, 0))
def audit(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Ask all invariants, or compare the day before; say loudly what is broken."""
    return _compare(runtime, lease) if lease.key == PROVIDER else _ask(runtime, lease)


def _ask(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    began = monotonic_s()
    with boundary.transaction(runtime.engine, "audit.look") as connection:
        found = invariants.look(connection, as_of(runtime))
    broken = [one for one in found if one.broken]
    counts = {one.invariant.name: one.total for one in broken}
    if broken:
        with boundary.transaction(runtime.engine, "audit.write") as connection:
            fence(connection, lease)
            invariants.write_broken(connection, broken, run_id=lease.run_id)
        log.warning("audit_broken", violations=counts, seconds=round(monotonic_s() - began, 3))
    sum_months(runtime)
    return {"invariants": len(found), "broken": len(broken), **counts}


def compared_on(business_date: date) -> date:
    """The day that a run for that date compares: it has ended, and what happened in it has settled."""
    return business_date - timedelta(days=1)


def _compare(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    began, day = monotonic_s(), compared_on(lease.business_date)
    compared = compare_provider(runtime, business_days(runtime.clock, day, day))
    broken = [one for one in compared.findings() if one.broken]
    if broken:
        with boundary.transaction(runtime.engine, "audit.write") as connection:
            fence(connection, lease)
            invariants.write_broken(connection, broken, run_id=lease.run_id, compared_on=day)
        counts = {one.invariant.name: one.total for one in broken}
        seconds = round(monotonic_s() - began, 3)
        log.warning("audit_broken", day=day.isoformat(), violations=counts, seconds=seconds)
    return {"day": day.isoformat(), **figures(compared)}
