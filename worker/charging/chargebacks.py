"""Chargebacks: while one stands the account's money does not move; a lost one ends the service at once (R14c).

The loss is booked as the sum of the lost dispute. Support releases the account by hand, whatever the bank decided.
"""

from collections import Counter
from collections.abc import Sequence

import structlog
from sqlalchemy import Connection

from worker import boundary
from worker.errors import UnreachableError
from worker.gateways.answers import AnswerKind, DisputeStatus, ProviderDispute, ProviderEvent, kind_of
from worker.queue.items import Lease, fence
from worker.queue.runs import lock_planning
from worker.runtime import Runtime
from worker.store import desk, disputes, operations, scheduled, settlement

log = structlog.get_logger("chargebacks")

_CREATED = "charge.dispute.created"


def settle_disputes(runtime: Runtime, lease: Lease, events: Sequence[ProviderEvent]) -> Counter[str]:
    """Read the disputes that these events speak of, and keep how they stand. Raises UnreachableError."""
    spoken_of = {event.name: {other.type for other in events if other.name == event.name} for event in events}
    if not spoken_of:
        return Counter()
    with boundary.transaction(runtime.engine, "follow.disputes") as connection:
        known = disputes.statuses(connection, sorted(spoken_of))
    counts: Counter[str] = Counter()
    for name, types in spoken_of.items():
        if known.get(name, DisputeStatus.OPEN) != DisputeStatus.OPEN or (name in known and types == {_CREATED}):
            continue
        told = _read(runtime, name)
        counts["disputes_unreadable" if told is None else _keep(runtime, lease, told)] += 1
    return counts


def _read(runtime: Runtime, name: str) -> ProviderDispute | None:
    """The dispute as it stands, None for one that the provider will never show: it must not hold up other events.

    Raises:
        UnreachableError: no answer; the events are read again.
    """
    try:
        return runtime.payments.dispute(name)
    except UnreachableError as error:
        if error.__cause__ is None or kind_of(error.__cause__) is not AnswerKind.REFUSED:
            raise
        log.warning("dispute_unreadable", dispute=name, error=str(error))
        return None


def _keep(runtime: Runtime, lease: Lease, told: ProviderDispute) -> str:
    """Keep what the provider says of a dispute; returns what it came to, in a word."""
    with boundary.transaction(runtime.engine, "follow.dispute") as connection:
        fence(connection, lease)
        charge = disputes.lock_disputed(connection, told.intent)
        if charge is None:
            log.warning("dispute_of_nobody", dispute=told.dispute, intent=told.intent)
            return "disputes_of_nobody"
        now = runtime.clock.now()
        before = disputes.lock(connection, told.dispute)
        closed = told.status is not DisputeStatus.OPEN
        # a bank that argues in a currency of its own takes back what was paid
        amount_minor = told.amount_minor if told.currency == charge.currency else charge.amount_minor
        if before is None:
            disputes.keep(
                connection,
                account_id=charge.account_id,
                charge_id=charge.id,
                name=told.dispute,
                currency=charge.currency,
                amount_minor=amount_minor,
                reason=told.reason,
                status=told.status.value,
                opened_at=told.created_at,
                closed_at=now if closed else None,
            )
        elif before.status != DisputeStatus.OPEN or not closed:
            return "disputes_unchanged"
        else:
            disputes.close(connection, before.id, status=told.status.value, amount_minor=amount_minor, now=now)
        suspended = _end_service(runtime, connection, charge.account_id) if told.status is DisputeStatus.LOST else None
        operations.write_audit(
            connection,
            actor=lease.job,
            act="dispute_opened" if not closed else f"dispute_{told.status.value}",
            reason=told.reason,
            details={
                "dispute": told.dispute,
                "charge": charge.id,
                "amount_minor": amount_minor,
                "currency": charge.currency,
                "suspended": suspended,
            },
            account_id=charge.account_id,
            subscription_id=charge.subscription_id,
        )
    return f"disputes_{told.status.value}"


def _end_service(runtime: Runtime, connection: Connection, account: int) -> int | None:
    """Suspend the account's live subscription in the middle of its term; what it was about to pay is given up.

    A payment that is under way at this moment may still arrive; it then sells its term as ever.
    """
    open_charges = desk.lock_open_charges(connection, account)
    lock_planning(connection)
    desk.withdraw_charges(connection, [charge.id for charge in open_charges])
    subscription = disputes.suspend_at_once(connection, account, today=runtime.clock.today())
    if subscription is not None:
        now = runtime.clock.now()
        settlement.end_notices(connection, [subscription], because="suspended", now=now)
        settlement.withdraw_mails(connection, [subscription], because="the account was suspended first")
        scheduled.make_void(connection, [subscription], now=now)
    return subscription
