"""The end of a service: after a charge that was given up for certain, or a term that nobody renews (R9, R10)."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection

from worker.billing.states import Purpose
from worker.runtime import Runtime
from worker.store import scheduled, settlement, subscriptions
from worker.store.mails import NewMail


def give_up(
    connection: Connection, charge_ids: Sequence[int], runtime: Runtime, *, today: date, now: datetime, replaced: bool
) -> list[NewMail]:
    """The provider has cancelled for certain. Where the schedule had run out or renewal is off, the service ends.

    Not where an order takes the charge's place, which would find its account suspended; if the order does not come
    after all, `suspend` finds the account (R12d).
    """
    if not charge_ids:
        return []
    rows = settlement.cancelled(connection, charge_ids, today=today, replaced=replaced)
    over = [
        row.subscription_id
        for row in rows
        if row.state == "failed" or (row.purpose == Purpose.RENEWAL and not row.auto_renew and not replaced)
    ]
    return suspend(connection, over, runtime, today=today, now=now)


def suspend(
    connection: Connection, subscription_ids: Sequence[int], runtime: Runtime, *, today: date, now: datetime
) -> list[NewMail]:
    """End the service of live subscriptions whose term is over; returns the mails that say so."""
    rows = subscriptions.suspend(connection, subscription_ids, today=today)
    ended = [row.id for row in rows]
    settlement.end_notices(connection, ended, because="suspended", now=now)
    scheduled.make_void(connection, ended, now=now)
    settlement.withdraw_mails(connection, ended, because="the account was suspended first")
    return [
        NewMail(
            account_id=row.account_id,
            kind="suspended",
            subject_key=f"subscription:{row.id}:suspended:{row.term_number}",
            data={
                "company": row.company,
                "package": row.package,
                "ended_on": row.paid_until.isoformat(),
                "account_url": runtime.links.account_page_url,
                "cause": "payment_failed" if row.auto_renew else "renewal_off",
            },
            subscription_id=row.id,
        )
        for row in rows
    ]
