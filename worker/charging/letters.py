"""The mails that a charge causes, and the items that are rung for after its commit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from worker.billing.declines import reason_for_customer
from worker.billing.states import DeclineKind
from worker.charging.links import payment_link
from worker.errors import UnreachableError
from worker.queue.dispatch import sweep
from worker.queue.items import Lease
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store.mails import NewMail, insert_mails

NO_METHOD_CODE = "no_payment_method"
"""Our own word beside the provider's codes: there was nothing to try with."""


@dataclass
class Rung:
    """Items that the settled charges caused, to be rung for after the commit."""

    items: list[int] = field(default_factory=list)


def ring_now(runtime: Runtime, rung: Rung) -> None:
    """Ring for what a commit caused; while Redis is away the scheduler's sweep does it later."""
    if rung.items:
        try:
            sweep(runtime.engine, runtime.bell, threads=runtime.limits.worker_threads, items=rung.items)
        except UnreachableError:
            return


def send_mails(connection: Connection, lease: Lease, mails: Sequence[NewMail], rung: Rung) -> list[int]:
    """Queue mails and the item that delivers them, in the transaction that caused them; returns the new mails."""
    ids = insert_mails(connection, mails)
    rung.items += ring(
        connection,
        job="deliver_mail",
        items=in_items(ids, size=max(len(ids), 1), claims=Claimed.MAILS, prefix="mails"),
        business_date=lease.business_date,
        root_run_id=lease.root_run_id,
        by=lease.job,
    )
    return ids


def mail_of_decline(
    runtime: Runtime,
    row: Row[Any],
    kind: DeclineKind,
    code: str | None,
    *,
    next_try: date | None,
    suspends_on: date,
    today: date,
) -> NewMail:
    """What the customer is told of a definite no, and what to do (R8b, R8c)."""
    data: dict[str, object] = {
        "company": row.company,
        "package": row.package,
        "amount": {"amount_minor": row.amount_minor, "currency": row.currency},
        "suspends_on": suspends_on.isoformat(),
    }
    if kind is DeclineKind.NEEDS_ACTION:
        mail_kind = "authentication_needed"
        data["payment_url"] = payment_link(
            runtime.links.payment_page_url,
            key=runtime.links.signing_key,
            charge=str(row.uid),
            valid_until=today + timedelta(days=runtime.links.valid_days),
        )
    elif kind is DeclineKind.HARD:
        mail_kind = "payment_method_refused"
        data |= {
            "has_method": code != NO_METHOD_CODE,
            "brand": row.brand,
            "last4": row.last4,
            "account_url": runtime.links.account_page_url,
        }
    else:
        mail_kind = "payment_declined"
        data |= {
            "reason": reason_for_customer(code).value,
            "next_try_on": None if next_try is None else next_try.isoformat(),
            "account_url": runtime.links.account_page_url,
        }
    return NewMail(
        account_id=row.account_id,
        kind=mail_kind,
        # with the attempt, since a new method may be refused on the same day, and each refusal is told (R8b)
        subject_key=f"charge:{row.id}:declined:{today:%Y%m%d}:{row.attempts}",
        data=data,
        subscription_id=row.subscription_id,
        useless_on=suspends_on + timedelta(days=1),
    )
