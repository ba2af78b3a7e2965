"""Reminders: what must be said before a term ends (R9, R9b, R9c, R4b).

Renewal off: 14, 7 and 1 days before the end, with a notice in the account. Renewal on: yearly renewals 30 days ahead
with the amount, cards that will have expired, billing details that are missing. What is due late is said late, once,
with the days truly left. Twice is harmless: each mail is UNIQUE per reason, each notice per term.
"""

from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing import reminders as rules
from worker.billing.catalogue import Catalogue
from worker.charging.letters import Rung, ring_now, send_mails
from worker.charging.price import price_row
from worker.errors import RuleError
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import reminders
from worker.store.catalogue import load_catalogue
from worker.store.mails import NewMail


def planner(runtime: Runtime) -> Planner:
    """Candidates of each kind; what is due follows today, so that a caught-up day repeats nothing."""
    policy = runtime.policy

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        today, only = max(request.today, request.business_date), request.only_subscription
        found = {
            "ending": reminders.endings(connection, today=today, windows=policy.reminder_days, only=only),
            "yearly": reminders.yearly_renewals(
                connection, today=today, days=policy.yearly_announcement_days, only=only
            ),
            "card": reminders.expiring_cards(connection, today=today, days=policy.card_expiry_days, only=only),
            "details": reminders.missing_details(connection, today=today, days=policy.card_expiry_days, only=only),
        }
        items = [
            item
            for kind, ids in found.items()
            for item in in_items(ids, size=request.item_size_max, claims=None, prefix=kind)
        ]
        return Plan(items, {kind: len(ids) for kind, ids in found.items()})

    return plan


@job(planner=planner, daily_at=time(8, 0))
def remind(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Write the mails of one batch."""
    kind = lease.key.partition(":")[0]
    write = _WRITERS[kind]
    today = runtime.clock.today()
    rung = Rung()
    with boundary.transaction(runtime.engine, "remind.write") as connection:
        fence(connection, lease)
        rows = reminders.facts(connection, lease.ids, today=today)
        catalogue = load_catalogue(connection) if any(row.scheduled for row in rows) else None
        mails = [mail for row in rows if (mail := write(runtime, row, today, catalogue)) is not None]
        if kind == "ending":
            reminders.put_notices(connection, [row.id for row in rows if not row.auto_renew])
        new = send_mails(connection, lease, mails, rung)
        reminders.withdraw_older(connection, new)
    ring_now(runtime, rung)
    return {kind: len(new)}


def _ending(runtime: Runtime, row: Row[Any], today: date, catalogue: Catalogue | None) -> NewMail | None:
    del catalogue
    window = rules.due_window(ends_on=row.paid_until, today=today, policy=runtime.policy)
    if window is None or row.auto_renew:
        return None
    data = {"ends_on": row.paid_until.isoformat()}
    return _mail(runtime, row, "term_ending", f":days:{window}", data)


def _yearly(runtime: Runtime, row: Row[Any], today: date, catalogue: Catalogue | None) -> NewMail | None:
    if not row.auto_renew or not rules.announce_yearly(ends_on=row.paid_until, today=today, policy=runtime.policy):
        return None
    if "interval" in (row.scheduled or {}):
        # it goes on by the month, which was mailed when it was scheduled (R13)
        return None
    try:
        priced, _ = price_row(runtime, row, tax_on=row.paid_until, catalogue=catalogue)
    except RuleError:
        # a renewal that cannot be priced is parked on its day; no amount can be announced
        return None
    data = {
        "renews_on": row.paid_until.isoformat(),
        "amount": {"amount_minor": priced.to_charge_minor, "currency": row.currency},
    }
    return _mail(runtime, row, "yearly_renewal", f":sum:{row.list_minor}", data)


def _card(runtime: Runtime, row: Row[Any], today: date, catalogue: Catalogue | None) -> NewMail | None:
    del catalogue
    if not row.auto_renew or row.method_type != "card" or row.exp_year is None:
        return None
    if not rules.announce_card(
        exp_year=row.exp_year,
        exp_month=row.exp_month,
        renewal_on=row.paid_until,
        today=today,
        policy=runtime.policy,
    ):
        return None
    data = {
        "brand": row.brand,
        "last4": row.last4 or "",
        "exp_month": row.exp_month,
        "exp_year": row.exp_year,
        "renews_on": row.paid_until.isoformat(),
    }
    return _mail(runtime, row, "card_expiring", f":method:{row.method_id}", data)


def _details(runtime: Runtime, row: Row[Any], today: date, catalogue: Catalogue | None) -> NewMail | None:
    del today, catalogue
    named = {"name": row.company, "street": row.street, "city": row.city}
    named |= {"postcode": row.postcode, "country": row.country}
    missing = [name for name, value in named.items() if not value]
    if not missing:
        return None
    data = {"missing": missing, "renews_on": row.paid_until.isoformat()}
    return _mail(runtime, row, "billing_details_needed", "", data)


def _mail(runtime: Runtime, row: Row[Any], kind: str, reason: str, data: dict[str, Any]) -> NewMail:
    common: dict[str, object] = {"company": row.company, "account_url": runtime.links.account_page_url}
    if kind in {"term_ending", "yearly_renewal"}:
        common["package"] = row.package
    return NewMail(
        account_id=row.account_id,
        kind=kind,
        subject_key=f"subscription:{row.id}:term:{row.term_number}{reason}",
        data=common | data,
        subscription_id=row.id,
        useless_on=row.paid_until,
    )


_WRITERS: Mapping[str, Callable[[Runtime, Row[Any], date, Catalogue | None], NewMail | None]] = {
    "ending": _ending,
    "yearly": _yearly,
    "card": _card,
    "details": _details,
}
