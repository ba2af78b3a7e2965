"""The exchange rates of a registered seller's documents: the bank's list of each day, kept for good (R16).

The bank publishes after 14:30 of each working day. The job asks at 14:45 and, while the list of a working day is
missing, again and again, ten minutes apart in the end, until the day is over; and once in the morning, before the
invoices of 07:00. Each time it makes good what earlier days lack. What invoices waited for, it rings for. Twice is
harmless: a list that stands is not asked for again, and one with other rates is refused.
"""

from collections.abc import Mapping
from datetime import date, time, timedelta

import structlog
from sqlalchemy import Connection

from worker import boundary
from worker.charging.exchanging import ring_for_invoices
from worker.charging.letters import Rung, ring_now
from worker.clock import Clock
from worker.errors import RefusedError, TransientError, UnreachableError
from worker.gateways.rate_lists import PublishedList
from worker.gateways.rates import RatesOutcome
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Plan, PlannedItem, Planner, PlanRequest, Trigger
from worker.queue.runs import has_items
from worker.runtime import Runtime
from worker.store import exchange_rates

log = structlog.get_logger("fetch_exchange_rates")

MORNING = time(6, 30)
PUBLISHED_AT = time(14, 30)
BACK_DAYS = 10
"""So many days before today are made good; with a week's rates on both sides every invoice of the window finds one."""
_SATURDAY = 6


def planner(runtime: Runtime) -> Planner:
    """One item for today; each minute only in the morning, and only once. None for a seller who needs no rates."""

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        if runtime.home_currency is None or request.business_date < request.today:
            return Plan([], {"lists": 0})
        if request.trigger is Trigger.MINUTELY and not _is_morning_look(runtime, connection, request):
            return Plan([])
        days = _lacking(runtime, connection, request.today)
        return Plan([PlannedItem(key="rates", ids=())], {"lists": len(days)})

    return plan


def _is_morning_look(runtime: Runtime, connection: Connection, request: PlanRequest) -> bool:
    at = request.now.astimezone(runtime.clock.zone).time()
    asked = has_items(connection, job="fetch_exchange_rates", business_date=request.today)
    return MORNING <= at < PUBLISHED_AT and not asked


def _lacking(runtime: Runtime, connection: Connection, today: date) -> list[date]:
    """Working days up to today without a list, oldest first; on holidays among them the bank publishes none."""
    first = today - timedelta(days=BACK_DAYS)
    listed = exchange_rates.listed_days(connection, from_on=first, to_on=today)
    days = [first + timedelta(days=n) for n in range(BACK_DAYS + 1)]
    return [day for day in days if day.isoweekday() < _SATURDAY and day not in listed and _is_out(runtime.clock, day)]


def _is_out(clock: Clock, day: date) -> bool:
    """Whether the bank can have published the list of that day."""
    now = clock.now().astimezone(clock.zone)
    return day < now.date() or now.time() >= PUBLISHED_AT


@job(planner=planner, daily_at=time(14, 45), minutely=True)
def fetch_exchange_rates(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Ask for the lists that are missing.

    Raises:
        TransientError: today's list is not out yet; the queue asks again.
        UnreachableError: the bank does not answer, or not with a list.
        RefusedError: the bank says another rate than before; what stands stays.
    """
    today = runtime.clock.today()
    with boundary.transaction(runtime.engine, "rates.lacking") as connection:
        days = _lacking(runtime, connection, today)
    added, refused, waits = 0, [], False
    # the newest first: should the bank stop answering, what is there is what most invoices need
    for day in reversed(days):
        answer = runtime.daily_rates.of(day)
        if answer.outcome is RatesOutcome.FAILED:
            raise UnreachableError(f"no exchange rates of {day}: {answer.problem}")
        waits |= answer.outcome is RatesOutcome.NOTHING_YET and day == today == lease.business_date
        if answer.published is not None:
            try:
                added += _keep(runtime, lease, answer.published)
            except RefusedError as error:
                log.warning("rates_differ", day=str(day), error=str(error))
                refused.append(str(error))
    _ring(runtime, lease)
    if refused:
        raise RefusedError("; ".join(refused))
    if waits:
        raise TransientError(f"the bank has no list of {today} yet")
    return {"asked": len(days), "rates": added}


def _keep(runtime: Runtime, lease: Lease, published: PublishedList) -> int:
    """Write a list; returns how many of its rates are new."""
    with boundary.transaction(runtime.engine, "rates.keep") as connection:
        fence(connection, lease)
        return exchange_rates.insert_rates(connection, published.rates, now=runtime.clock.now())


def _ring(runtime: Runtime, lease: Lease) -> None:
    """Ring for the invoices that waited; once all lists are there, so that none takes an older one than it must."""
    rung = Rung()
    with boundary.transaction(runtime.engine, "rates.ring") as connection:
        fence(connection, lease)
        rung.items += ring_for_invoices(
            runtime, connection, business_date=lease.business_date, root_run_id=lease.root_run_id, by=lease.job
        )
    ring_now(runtime, rung)
