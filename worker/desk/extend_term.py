"""Longer terms: support gives days for nothing, and the next renewal comes that much later, on a new anchor.

The days are a term of their own behind the paid one, so that reminders, renewals and entitlements follow by
themselves. What was announced for the old end is taken back; the new end is announced in its own time.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from worker.billing.states import SubscriptionStatus
from worker.charging.letters import Rung
from worker.desk.live import demand_nothing_open, live_subscription
from worker.desk.request import Ask, Caller, Done, noted, perform, send
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import desk, gifts, settlement
from worker.store.mails import NewMail

BECAUSE = "the term was extended first"
ANNOUNCEMENTS = ("term_ending", "yearly_renewal", "card_expiring", "billing_details_needed")


def extend_term(runtime: Runtime, caller: Caller, *, days: int, request_id: str, reason: str | None = None) -> Done:
    """Give a live subscription so many more days.

    Raises:
        ActRefusedError: a customer asks, no reason, too few or too many days, not live, past due, a charge is open, or
            the term would be over all the same.
    """
    ask = Ask(caller, "extend_term", request_id, {"days": days}, reason)
    with noted(runtime, ask, support_only=True):
        most = runtime.policy.extension_days_max
        if not 1 <= days <= most:
            raise ActRefusedError("days", f"a term cannot be extended by {days} days: choose 1 to {most}")
        return perform(runtime, ask, partial(_extend, runtime, days))


def _extend(runtime: Runtime, days: int, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    demand_nothing_open(connection, account)
    row = live_subscription(connection, account)
    if row.status == SubscriptionStatus.PAST_DUE:
        raise ActRefusedError("past_due", "the renewal was declined and is still owed: wait until it is paid")
    ends_on = row.paid_until + timedelta(days=days)
    if ends_on <= runtime.clock.today():
        raise ActRefusedError(
            "already_over", f"the term ended on {row.paid_until} and would be over all the same: give more days"
        )
    gifts.extend(connection, row, ends_on=ends_on)
    settlement.end_notices(connection, [row.id], because="extended", now=runtime.clock.now())
    desk.take_back_mails(connection, row.id, ANNOUNCEMENTS, because=BECAUSE)
    mail = NewMail(
        account_id=account,
        kind="term_extended",
        subject_key=f"subscription:{row.id}:extended:{row.term_number + 1}",
        data={
            "company": row.company,
            "package": row.package,
            "days": days,
            "ends_on": ends_on.isoformat(),
            "account_url": runtime.links.account_page_url,
        },
        subscription_id=row.id,
        useless_on=ends_on,
    )
    send(runtime, connection, mail, rung)
    return {"days": days, "ends_on": ends_on.isoformat(), "auto_renew": row.auto_renew}
