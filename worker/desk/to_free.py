"""Back to Free: by support only, with a reason, effective at once; credit is kept (R11).

An open payment is cancelled at the provider first, through the pipeline's own states. When the provider does not
answer, or the money has come after all, the account stays what it is and support is told.
"""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker import boundary
from worker.charging.letters import Rung
from worker.charging.outcomes import Step
from worker.charging.withdraw import withdraw
from worker.desk.renewal import demand_quiet
from worker.desk.request import Ask, Caller, Done, account_of, done_before, noted, perform
from worker.errors import ActRefusedError
from worker.queue import items
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import lock_planning, ring
from worker.runtime import Runtime
from worker.store import desk, settlement

LATER = "the open payment is still being cancelled: try again in a few minutes"


def to_free(runtime: Runtime, caller: Caller, *, request_id: str, reason: str | None = None) -> Done:
    """End the subscription; the account is Free.

    Raises:
        ActRefusedError: a customer asks, no reason, already Free, a payment is under way or could not be cancelled.
    """
    ask = Ask(caller, "to_free", request_id, reason=reason)
    with noted(runtime, ask, support_only=True):
        before = _cancel_open(runtime, ask)
        return before or perform(runtime, ask, partial(_end, runtime))


def _cancel_open(runtime: Runtime, ask: Ask) -> Done | None:
    """Cancel what is open; returns the kept result when the request was carried out before."""
    with boundary.transaction(runtime.engine, "desk.to_free.cancel") as connection:
        account = account_of(connection, ask, lock=True)
        before = done_before(connection, ask, account)
        if before is not None:
            return before
        open_charges = desk.lock_open_charges(connection, account)
        _demand_subscription(connection, account)
        demand_quiet(open_charges)
        lock_planning(connection)
        to_cancel = desk.withdraw_charges(connection, [charge.id for charge in open_charges])
        if len(to_cancel) < len(open_charges):
            raise ActRefusedError("payment_under_way", LATER)
        made = ring(
            connection,
            job="renew",
            items=in_items(to_cancel, size=max(len(to_cancel), 1), claims=Claimed.CHARGES, prefix="charges"),
            business_date=runtime.clock.today(),
            root_run_id=None,
            by="desk",
        )
    for item in made:
        _carry_out(runtime, item)
    return None


def _carry_out(runtime: Runtime, item: int) -> None:
    """Do the item here and now; a worker who was quicker, or who comes after us, does the same."""
    held = items.lease(runtime.engine, item, lease_s=runtime.limits.lease_s)
    if held is None:
        raise ActRefusedError("payment_under_way", LATER)
    try:
        counts = withdraw(runtime, held, held.ids)
        items.finish(runtime.engine, held, dict(counts))
    except Exception as error:
        items.fail(runtime.engine, held, error, attempts_max=runtime.limits.item_attempts_max)
        raise
    if counts[Step.SUCCEED.value] or counts[Step.PROCESS.value]:
        raise ActRefusedError(
            "paid_meanwhile", "the open payment has arrived after all and renews the term: look at it, then ask again"
        )


def _end(runtime: Runtime, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    open_charges = desk.lock_open_charges(connection, account)
    subscription = _demand_subscription(connection, account)
    demand_quiet(open_charges)
    if open_charges:
        raise ActRefusedError("payment_under_way", LATER)
    desk.end_subscription(connection, subscription)
    settlement.end_notices(connection, [subscription], because="to_free", now=runtime.clock.now())
    settlement.withdraw_mails(connection, [subscription], because="the account went back to Free first")
    kinds = (
        *("yearly_renewal", "billing_details_needed", "renewal_off_confirmed"),
        *("prices_change", "interval_change_scheduled", "term_extended"),
    )
    desk.take_back_mails(connection, subscription, kinds, because="the account went back to Free first")
    row = desk.standing(connection, account)
    return {"package": "free", "credit_minor": row.credit_minor, "currency": row.currency}


def _demand_subscription(connection: Connection, account: int) -> int:
    row = desk.standing(connection, account)
    if row.subscription_id is None:
        raise ActRefusedError("free", "the account is Free already: there is nothing to end")
    return int(row.subscription_id)
