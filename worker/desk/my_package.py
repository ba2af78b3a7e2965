"""What an account page shows, as data: package, term, next charge, notices in the customer's language (R9)."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing.catalogue import Catalogue
from worker.billing.states import LIVE
from worker.charging.price import price_row
from worker.desk.live import first_term_from
from worker.desk.request import Ask, Caller, account_of, note_reading, noted
from worker.documents.notice import term_ending
from worker.errors import RuleError
from worker.runtime import Runtime
from worker.store import desk, scheduled
from worker.store.catalogue import load_catalogue


def my_package(runtime: Runtime, caller: Caller) -> dict[str, Any]:
    """How the account stands now. Changes nothing, so it needs no request id. Raises ActRefusedError: no account."""
    ask = Ask(caller, "my_package", "reading")
    with noted(runtime, ask), boundary.transaction(runtime.engine, "desk.my_package") as connection:
        account = account_of(connection, ask, lock=False)
        row = desk.standing(connection, account)
        note_reading(connection, ask, account)
        return _shown(runtime, connection, row)


def _shown(runtime: Runtime, connection: Connection, row: Row[Any]) -> dict[str, Any]:
    entitled = desk.entitlement(connection, row.external_id)
    term = None
    if row.starts_on is not None:
        term = {"number": row.term_number, "starts_on": row.starts_on.isoformat(), "ends_on": row.ends_on.isoformat()}
    method = None
    if row.method_id is not None:
        method = {"type": row.method_type, "brand": row.brand, "last4": row.last4}
    return {
        "account": row.external_id,
        "package": entitled.package,
        "agents": entitled.agents,
        "conversations": entitled.conversations,
        "status": entitled.status,
        "support": entitled.support,
        "interval": row.interval,
        "term": term,
        "auto_renew": row.auto_renew,
        "payment_method": method,
        "vat_number": {"number": row.vat_number, "state": row.vat_state} if row.vat_number else None,
        "credit": {"amount_minor": row.credit_minor, "currency": row.currency},
        "goodwill": {"amount_minor": row.goodwill_minor, "currency": row.currency},
        "scheduled": _scheduled(connection, row.id),
        "next_charge": _next_charge(runtime, row, load_catalogue(connection) if row.scheduled else None),
        "notices": [
            {
                "kind": notice.kind,
                "ends_on": notice.ends_on.isoformat(),
                "text": term_ending(package=row.package, ends_on=notice.ends_on, locale=row.locale),
            }
            for notice in desk.notices(connection, row.id)
        ],
    }


def _scheduled(connection: Connection, account: int) -> list[dict[str, Any]]:
    """What support scheduled, and the day on which the term that brings it starts."""
    live = scheduled.live(connection, account)
    if live is None or not live.waiting:
        return []
    return [
        {"kind": kind, "comes_on": first_term_from(live, date.fromisoformat(change["not_before"])).isoformat()}
        for kind, change in sorted(live.waiting.items())
    ]


def _next_charge(runtime: Runtime, row: Row[Any], catalogue: Catalogue | None) -> dict[str, Any] | None:
    """The day and the sum, None when nothing will be charged; a sum that cannot be told yet is None."""
    if row.subscription_id is None or row.status not in LIVE or not row.auto_renew:
        return None
    if row.charge_state is not None and row.charge_minor is not None:
        day = row.next_try_on if row.charge_state == "declined" else runtime.clock.today()
        on = None if day is None else day.isoformat()
        return {"on": on, "amount_minor": row.charge_minor, "currency": row.charge_currency}
    try:
        priced, _ = price_row(runtime, row, tax_on=row.paid_until, catalogue=catalogue)
    except RuleError:
        return {"on": row.paid_until.isoformat(), "amount_minor": None, "currency": row.currency}
    return {"on": row.paid_until.isoformat(), "amount_minor": priced.to_charge_minor, "currency": row.currency}
