"""Back to Free: by support only, with a reason, effective at once; credit is kept (R11).

An open payment is cancelled at the provider first, through the pipeline's own states. When the provider does not
answer, or the money has come after all, the account stays what it is and support is told.
"""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker import boundary
from worker.charging.letters import Rung
from worker.desk.open_payments import LATER, begin_withdrawing, carry_out_withdrawing
from worker.desk.renewal import demand_quiet
from worker.desk.request import Ask, Caller, Done, account_of, done_before, noted, perform
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import desk, scheduled, settlement


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
        made = begin_withdrawing(runtime, connection, open_charges)
    carry_out_withdrawing(runtime, made)
    return None


def _end(runtime: Runtime, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    open_charges = desk.lock_open_charges(connection, account)
    subscription = _demand_subscription(connection, account)
    demand_quiet(open_charges)
    if open_charges:
        raise ActRefusedError("payment_under_way", LATER)
    end_service(runtime, connection, subscription, because="to_free")
    row = desk.standing(connection, account)
    return {"package": "free", "credit_minor": row.credit_minor, "currency": row.currency}


def end_service(runtime: Runtime, connection: Connection, subscription: int, *, because: str) -> None:
    """End a subscription that has no open charge: the account is Free, and nothing speaks of the next term any more.

    `because` is kept with the notice that is taken out of the account.
    """
    now = runtime.clock.now()
    desk.end_subscription(connection, subscription)
    scheduled.make_void(connection, [subscription], now=now)
    settlement.end_notices(connection, [subscription], because=because, now=now)
    settlement.withdraw_mails(connection, [subscription], because="the account went back to Free first")
    kinds = (
        *("yearly_renewal", "billing_details_needed", "renewal_off_confirmed"),
        *("prices_change", "interval_change_scheduled", "term_extended"),
    )
    desk.take_back_mails(connection, subscription, kinds, because="the account went back to Free first")


def _demand_subscription(connection: Connection, account: int) -> int:
    row = desk.standing(connection, account)
    if row.subscription_id is None:
        raise ActRefusedError("free", "the account is Free already and has nothing to end: leave it as it is")
    return int(row.subscription_id)
