"""Invoices: one for every paid charge, numbered without gaps, rendered, and queued to be mailed (R15, R16, R18).

The number is taken in the last, shortest transaction, together with the real day. Rendering follows the commit and
may be repeated: the snapshot decides every byte. Twice is harmless: one invoice per charge is UNIQUE.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing.numbering import Series, format_number
from worker.charging.letters import Rung, ring_now, send_mails
from worker.documents.invoice import render_invoice
from worker.documents.invoice_snapshot import VERSION, read_snapshot
from worker.errors import DocumentError
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import charges, invoices
from worker.store.mails import NewMail

log = structlog.get_logger("issue_invoices")

TEMPLATE_VERSION = 1
RENDER_BATCH = 10
"""Documents per transaction: a worker that dies renders few of them again."""


def planner(runtime: Runtime) -> Planner:
    """Paid charges without an invoice, and issued invoices whose document is missing."""
    del runtime

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        missing = invoices.uninvoiced(connection, only=request.only_subscription)
        unrendered = [] if request.only_subscription else invoices.unrendered(connection)
        ids = sorted({*missing, *unrendered})
        return Plan(
            in_items(ids, size=request.item_size_max, claims=None, prefix="charges"),
            {"invoices": len(missing), "documents": len(unrendered)},
        )

    return plan


@job(planner=planner, daily_at=time(7, 0))
def issue_invoices(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Issue the invoices of one batch of charges, then render and queue them."""
    issued = _issue(runtime, lease)
    with boundary.transaction(runtime.engine, "invoices.to_render") as connection:
        rows = invoices.to_render(connection, lease.ids)
    for start in range(0, len(rows), RENDER_BATCH):
        _render(runtime, lease, rows[start : start + RENDER_BATCH])
    return {"issued": issued, "rendered": len(rows)}


def _issue(runtime: Runtime, lease: Lease) -> int:
    with boundary.transaction(runtime.engine, "invoices.issue") as connection:
        fence(connection, lease)
        invoices.lock_issuing(connection)
        rows = invoices.to_invoice(connection, lease.ids)
        today = runtime.clock.today()
        sound, faulty = _check(runtime, rows, today=today)
        charges.park(connection, faulty, now=runtime.clock.now())
        if not sound:
            return 0
        first = invoices.take_numbers(
            connection,
            series=Series.INVOICE.value,
            year=today.year,
            count=len(sound),
            start=runtime.invoice_sequence_start if today.year == runtime.invoice_start_year else 1,
        )
        issued = [_row(runtime, row, today=today, sequence=first + n) for n, row in enumerate(sound)]
        invoices.insert_invoices(connection, issued)
    return len(issued)


def _check(
    runtime: Runtime, rows: Sequence[Row[Any]], *, today: date
) -> tuple[list[Row[Any]], list[tuple[int, str, str]]]:
    """Those whose snapshot can be printed, and those to park; before a number is taken, so that none is lost."""
    sound, faulty = [], []
    for row in rows:
        try:
            read_snapshot(_snapshot(runtime, row, today=today, number="0"))
            sound.append(row)
        except (DocumentError, LookupError, TypeError) as error:
            # the last two: what was frozen lacks a part, or holds another one in its place
            faulty.append((row.id, "cannot_be_invoiced", f"{type(error).__name__}: {error}"))
    return sound, faulty


def _row(runtime: Runtime, row: Row[Any], *, today: date, sequence: int) -> dict[str, object]:
    number = format_number(prefix=runtime.invoice_prefix, year=today.year, sequence=sequence)
    snapshot = _snapshot(runtime, row, today=today, number=number)
    printed = json.dumps(snapshot, sort_keys=True, ensure_ascii=False)
    return {
        "account_id": row.account_id,
        "charge_id": row.id,
        "series": Series.INVOICE.value,
        "year": today.year,
        "sequence": sequence,
        "number": number,
        "issued_on": today.isoformat(),
        "paid_on": row.paid_on.isoformat(),
        "currency": row.currency,
        "net_minor": row.net_minor,
        "vat_minor": row.vat_minor,
        "gross_minor": row.gross_minor,
        "snapshot": snapshot,
        "snapshot_sha256": hashlib.sha256(printed.encode()).hexdigest(),
    }


def _snapshot(runtime: Runtime, row: Row[Any], *, today: date, number: str) -> dict[str, object]:
    """Everything printed: tax data as frozen with the charge, name and address as of today (R16)."""
    frozen = row.frozen
    seller = runtime.seller_details
    by_credit = row.amount_minor == 0
    return {
        "version": VERSION,
        "kind": "invoice",
        "number": number,
        "locale": row.locale,
        "issued_on": today.isoformat(),
        "paid_on": row.paid_on.isoformat(),
        "currency": row.currency,
        "seller": {
            "name": seller.name,
            "street": seller.street,
            "city": seller.city,
            "postcode": seller.postcode,
            "country": seller.country,
            "company_id": seller.company_id,
            "register_entry": seller.register_entry,
            "vat": runtime.seller.vat.value,
            "email": seller.email,
            "web": seller.web,
        },
        "buyer": {
            "name": row.company,
            "street": row.street,
            "city": row.city,
            "postcode": row.postcode,
            "country": frozen["country"],
            "email": row.email,
            "vat_number": frozen["vat_number"],
        },
        "subscription": {
            "external_id": row.external_id,
            "package": frozen["package"],
            "interval": frozen["interval"],
        },
        "period": {"starts_on": row.starts_on.isoformat(), "ends_on": row.ends_on.isoformat()},
        "lines": [_line(line, frozen["conversation_block"]) for line in frozen["lines"]],
        "totals": {
            "net_minor": row.net_minor,
            "vat_minor": row.vat_minor,
            "gross_minor": row.gross_minor,
            "credit_used_minor": row.credit_used_minor,
            "paid_minor": row.amount_minor,
            "due_minor": 0,
        },
        "vat": {name: frozen["vat"][name] for name in ("treatment", "words", "rate")},
        "payment": {
            "method": "credit" if by_credit else row.method_type,
            "brand": None if by_credit else row.brand,
            "last4": None if by_credit else row.last4,
        },
        "note": None,
    }


def _line(line: Mapping[str, object], block: int) -> dict[str, object]:
    return {**line, "conversation_block": block} if line["kind"] == "conversations" else dict(line)


def _render(runtime: Runtime, lease: Lease, rows: Sequence[Row[Any]]) -> None:
    documents, mails = [], []
    for row in rows:
        rendered = render_invoice(row.snapshot)
        if rendered.replaced:
            log.warning("invoice_characters_replaced", invoice=row.number, characters=len(rendered.replaced))
        documents.append(
            {
                "invoice": row.id,
                "version": TEMPLATE_VERSION,
                "pdf": rendered.pdf,
                "sha256": hashlib.sha256(rendered.pdf).hexdigest(),
                "replaced": "".join(rendered.replaced),
            }
        )
        mails.append(_mail(row))
    rung = Rung()
    with boundary.transaction(runtime.engine, "invoices.render") as connection:
        fence(connection, lease)
        invoices.store_documents(connection, documents)
        send_mails(connection, lease, mails, rung)
    ring_now(runtime, rung)


def _mail(row: Row[Any]) -> NewMail:
    return NewMail(
        account_id=row.account_id,
        kind="invoice_issued",
        subject_key=f"invoice:{row.id}",
        data={
            "company": row.snapshot["buyer"]["name"],
            "invoice_number": row.number,
            "amount": {"amount_minor": row.gross_minor, "currency": row.currency},
            "paid_on": row.paid_on.isoformat(),
            "period_starts_on": row.starts_on.isoformat(),
            "period_ends_on": row.ends_on.isoformat(),
            "renewal": row.purpose == "renewal",
        },
        subscription_id=row.subscription_id,
        invoice_id=row.id,
    )
