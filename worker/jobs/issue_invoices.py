"""Invoices and credit notes: numbered without gaps, rendered, and queued to be mailed (R15 to R18).

One invoice for every paid charge, one in place of each that is corrected, one credit note for every reversal of an
invoice of ours. An invoice that needs an
exchange rate which is not there waits, and nobody else with it. Numbers are taken in the
last, shortest transaction, together with the real day, invoices before the credit notes that correct them. Rendering
follows the commit and may be repeated: the snapshot decides every byte, and the customer's note of a later edition.
Twice is harmless: one invoice per charge and one credit note per reversal are UNIQUE.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker import boundary
from worker.billing.exchange import Credited, ExchangeRate
from worker.billing.numbering import Series, format_number
from worker.charging.exchanging import (
    exchange_of_correction,
    exchange_of_credit_note,
    exchange_of_invoice,
    needs_rate,
    rate_of,
    rates_for,
)
from worker.charging.letters import Rung, ring_now, send_mails
from worker.charging.pages import AS_ISSUED, keep_logo, logo_of, snapshot_of_edition
from worker.charging.paper import credit_note_snapshot, invoice_snapshot
from worker.documents.invoice import render_invoice
from worker.documents.invoice_snapshot import read_snapshot
from worker.errors import DocumentError, RuleError
from worker.job import job
from worker.queue.items import Lease, fence
from worker.queue.plans import Plan, Planner, PlanRequest, in_items
from worker.runtime import Runtime
from worker.store import charges, corrections, credit_notes, exchange_rates, invoices
from worker.store.mails import NewMail

log = structlog.get_logger("issue_invoices")

TEMPLATE_VERSION = 2
RENDER_BATCH = 10
"""Documents per transaction: a worker that dies renders few of them again."""

_UNPRINTABLE = (DocumentError, LookupError, TypeError, ValueError)
"""The last three: what was frozen lacks a part, or holds another one in its place."""

_Fault = tuple[int, str, str]
"""A charge to be parked: id, reason, detail."""
_Draft = tuple[Row[Any], dict[str, object]]
"""A row and its snapshot, which lacks nothing but its number."""


def planner(runtime: Runtime) -> Planner:
    """Paid charges without an invoice, reversals without a credit note, and documents that lack their pages.

    `imported` counts all reversals of what was invoiced before an import; the old system corrects those.
    `waiting_for_rate` counts the invoices that no exchange rate is there for: they are no work yet.
    """

    def plan(connection: Connection, request: PlanRequest) -> Plan:
        only = request.only_subscription
        waiting = exchange_rates.waiting_for_rate(
            connection,
            home_currency=runtime.home_currency,
            rate_days=runtime.policy.rate_days_max,
            now=request.now,
            only=only,
        )
        held = {row.id for row in waiting}
        missing = [charge for charge in invoices.uninvoiced(connection, only=only) if charge not in held]
        corrected = corrections.unissued(connection, only=only)
        uncredited = credit_notes.uncredited(connection, only=only, invoiced_now=missing)
        unrendered = [] if only else invoices.unrendered(connection)
        ids = sorted({*missing, *corrected, *(row.charge_id for row in uncredited), *unrendered})
        figures = {
            "invoices": len(missing) + len(corrected),
            "credit_notes": len(uncredited),
            "documents": len(unrendered),
        }
        return Plan(
            in_items(ids, size=request.item_size_max, claims=None, prefix="charges"),
            {**figures, "waiting_for_rate": len(held), "imported": credit_notes.not_ours(connection, only=only)},
        )

    return plan


@job(planner=planner, daily_at=time(7, 0))
def issue_invoices(runtime: Runtime, lease: Lease) -> Mapping[str, object]:
    """Issue what one batch of charges lacks, then render and queue it; and the editions that notes asked for."""
    keep_logo(runtime)
    issued, credited, waiting = _issue(runtime, lease)
    with boundary.transaction(runtime.engine, "invoices.to_render") as connection:
        rows = invoices.to_render(connection, lease.ids)
    for start in range(0, len(rows), RENDER_BATCH):
        _render(runtime, lease, rows[start : start + RENDER_BATCH])
    return {"issued": issued, "credited": credited, "rendered": len(rows), "waiting_for_rate": waiting}


def _issue(runtime: Runtime, lease: Lease) -> tuple[int, int, int]:
    """How many invoices and credit notes were issued, and how many invoices wait for a rate.

    One that cannot be printed takes no number and is parked.
    """
    with boundary.transaction(runtime.engine, "invoices.issue") as connection:
        fence(connection, lease)
        invoices.lock_issuing(connection)
        today = runtime.clock.today()
        rows = invoices.to_invoice(connection, lease.ids)
        rates = rates_for(runtime, connection, rows)
        sold, faulty, waiting = _printable(runtime, rows, rates, today=today)
        again, wrong = _printable_again(runtime, corrections.to_issue(connection, lease.ids), today=today)
        sold, faulty = sold + again, faulty + wrong
        charges.park(connection, faulty, now=runtime.clock.now())
        _write(runtime, connection, Series.INVOICE, sold, today=today)
        # only now: a reversal may have waited for one of these invoices
        given_back, faulty = _creditable(runtime, credit_notes.to_credit(connection, lease.ids), today=today)
        charges.park(connection, faulty, now=runtime.clock.now())
        _write(runtime, connection, Series.CREDIT_NOTE, given_back, today=today)
    return len(sold), len(given_back), waiting


def _printable(
    runtime: Runtime, rows: Sequence[Row[Any]], rates: Sequence[ExchangeRate], *, today: date
) -> tuple[list[_Draft], list[_Fault], int]:
    """Those whose invoice can be printed, those to park, and how many wait for their rate.

    Before a number is taken, so that none is lost.
    """
    sound: list[_Draft] = []
    faulty: list[_Fault] = []
    waiting = 0
    for row in rows:
        rate = rate_of(runtime, row, rates)
        if rate is None and needs_rate(runtime, row.currency):
            waiting += 1
            continue
        try:
            sound.append(_draft(runtime, row, exchange_of_invoice(runtime, row, rate), today=today))
        except _UNPRINTABLE as error:
            faulty.append((row.id, "cannot_be_invoiced", f"{type(error).__name__}: {error}"))
    return sound, faulty, waiting


def _printable_again(runtime: Runtime, rows: Sequence[Row[Any]], *, today: date) -> tuple[list[_Draft], list[_Fault]]:
    """The same of the invoices in place of wrong ones, whose rates they bear; none waits (R16)."""
    sound: list[_Draft] = []
    faulty: list[_Fault] = []
    for row in rows:
        try:
            sound.append(_draft(runtime, row, exchange_of_correction(row), today=today))
        except _UNPRINTABLE as error:
            faulty.append((row.id, "cannot_be_invoiced", f"{type(error).__name__}: {error}"))
    return sound, faulty


def _draft(runtime: Runtime, row: Row[Any], exchange: Mapping[str, object] | None, *, today: date) -> _Draft:
    snapshot = invoice_snapshot(runtime, row, today=today, number="0", exchange=exchange)
    read_snapshot(snapshot)
    return row, snapshot


def _creditable(runtime: Runtime, rows: Sequence[Row[Any]], *, today: date) -> tuple[list[_Draft], list[_Fault]]:
    """The same of credit notes, which all together never give back more than their invoice says (R15b)."""
    sound: list[_Draft] = []
    faulty: list[_Fault] = []
    credited_now: defaultdict[str, Credited] = defaultdict(Credited)
    for row in rows:
        now = credited_now[row.corrected_number]
        before = Credited(row.credited_net_minor + now.net_minor, row.credited_vat_minor + now.vat_minor)
        try:
            exchange = exchange_of_credit_note(row, before=before)
            snapshot = credit_note_snapshot(runtime, row, today=today, number="0", exchange=exchange)
            read_snapshot(snapshot)
            _demand_left(row, now.net_minor + now.vat_minor)
            credited_now[row.corrected_number] = Credited(now.net_minor + row.net_minor, now.vat_minor + row.vat_minor)
            sound.append((row, snapshot))
        except (*_UNPRINTABLE, RuleError) as error:
            faulty.append((row.reversed_charge, "cannot_be_credited", f"{type(error).__name__}: {error}"))
    return sound, faulty


def _demand_left(row: Row[Any], credited_now_minor: int) -> None:
    left_minor = row.corrected_minor - row.credited_minor - credited_now_minor
    if row.gross_minor > left_minor:
        raise DocumentError(f"it gives back {row.gross_minor}, and {left_minor} is left of {row.corrected_number}")


def _write(runtime: Runtime, connection: Connection, series: Series, drafts: Sequence[_Draft], *, today: date) -> None:
    if not drafts:
        return
    of_invoices = series is Series.INVOICE
    start = runtime.invoice_sequence_start if of_invoices else runtime.credit_note_sequence_start
    first = invoices.take_numbers(
        connection,
        series=series.value,
        year=today.year,
        count=len(drafts),
        start=start if today.year == runtime.invoice_start_year else 1,
    )
    issued = []
    for sequence, (row, draft) in enumerate(drafts, first):
        prefix = runtime.invoice_prefix if of_invoices else runtime.credit_note_prefix
        number = format_number(prefix=prefix, year=today.year, sequence=sequence)
        snapshot = {**draft, "number": number}
        of = {"charge_id": row.id, "correction_id": row.correction_id}
        if not of_invoices:
            of = {"charge_id": row.charge_id, "reversal_id": row.id}
        on = {"paid_on": (row.paid_on if of_invoices else row.reversed_on).isoformat()}
        place = {"series": series.value, "year": today.year, "sequence": sequence, "number": number}
        issued.append({**of, **on, **place, **_printed(row, snapshot, today=today)})
    invoices.insert_invoices(connection, issued)


def _printed(row: Row[Any], snapshot: Mapping[str, object], *, today: date) -> dict[str, object]:
    printed = json.dumps(snapshot, sort_keys=True, ensure_ascii=False)
    return {
        "account_id": row.account_id,
        "kind": snapshot["kind"],
        "issued_on": today.isoformat(),
        "currency": row.currency,
        "net_minor": row.net_minor,
        "vat_minor": row.vat_minor,
        "gross_minor": row.gross_minor,
        "snapshot": snapshot,
        "snapshot_sha256": hashlib.sha256(printed.encode()).hexdigest(),
    }


def _render(runtime: Runtime, lease: Lease, rows: Sequence[Row[Any]]) -> None:
    documents, mails = [], []
    for row in rows:
        snapshot = snapshot_of_edition(row.snapshot, edition=row.edition, note=row.note)
        rendered = render_invoice(snapshot, logo=logo_of(runtime.files, row.snapshot))
        if rendered.replaced:
            log.warning("invoice_characters_replaced", invoice=row.number, characters=len(rendered.replaced))
        documents.append(
            {
                "invoice": row.id,
                "edition": row.edition,
                "note": row.note_id,
                "version": TEMPLATE_VERSION,
                # before the row: a hash that stands there can be read
                "sha256": runtime.files.put(rendered.pdf),
                "replaced": "".join(rendered.replaced),
            }
        )
        if row.edition == AS_ISSUED:
            mails.append(_mail_of_credit_note(row) if row.kind == "credit_note" else _mail_of_invoice(row))
    rung = Rung()
    with boundary.transaction(runtime.engine, "invoices.render") as connection:
        fence(connection, lease)
        invoices.store_documents(connection, documents)
        send_mails(connection, lease, mails, rung)
    ring_now(runtime, rung)


def _mail_of_invoice(row: Row[Any]) -> NewMail:
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
            "replaces": row.replaces,
        },
        subscription_id=row.subscription_id,
        invoice_id=row.id,
    )


def _mail_of_credit_note(row: Row[Any]) -> NewMail:
    totals = row.snapshot["totals"]
    ways = {name: totals[f"{name}_minor"] for name in ("to_credit", "to_refund")}
    return NewMail(
        account_id=row.account_id,
        kind="credit_note_issued",
        subject_key=f"credit_note:{row.id}",
        data={
            "company": row.snapshot["buyer"]["name"],
            "credit_note_number": row.number,
            "invoice_number": row.snapshot["corrects"]["number"],
            "amount": {"amount_minor": row.gross_minor, "currency": row.currency},
            "reason": row.snapshot["reason"],
            **{
                name: {"amount_minor": amount_minor, "currency": row.currency} if amount_minor else None
                for name, amount_minor in ways.items()
            },
        },
        subscription_id=row.subscription_id,
        invoice_id=row.id,
    )
