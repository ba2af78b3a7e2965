"""The customer's own note, for one invoice or for all to come; each version is kept and printed (R17).

A note for all to come is frozen into each invoice when it is issued. One for an issued invoice makes a new printed
edition of it, in which nothing but the note differs.
"""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker.charging.letters import Rung
from worker.desk.plain_text import checked
from worker.desk.request import Ask, Caller, Done, noted, perform
from worker.errors import ActRefusedError
from worker.queue.plans import in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import desk

NOTE_MAX = 500
"""R17: characters."""


def write_invoice_note(
    runtime: Runtime,
    caller: Caller,
    *,
    note: str,
    invoice_number: str | None = None,
    request_id: str,
    reason: str | None = None,
) -> Done:
    """Write a note for an issued invoice, or for all future ones; the empty text takes it back.

    Raises:
        ActRefusedError: too long, invisible characters, or the account has no such invoice.
    """
    ask = Ask(caller, "invoice_note", request_id, {"note": note, "invoice": invoice_number}, reason)
    with noted(runtime, ask):
        good = checked(note.replace("\r\n", "\n"), name="the note", longest=NOTE_MAX, lines=True)
        return perform(runtime, ask, partial(_write, runtime, good, invoice_number))


def _write(
    runtime: Runtime, note: str, invoice_number: str | None, connection: Connection, account: int, rung: Rung
) -> Mapping[str, object]:
    invoice = None
    if invoice_number is not None:
        invoice = desk.invoice(connection, account, invoice_number)
        if invoice is None:
            raise ActRefusedError(
                "no_invoice", f"the account has no invoice {invoice_number[:40]!r}: check the number on the invoice"
            )
        # the job finds by the charge what lacks its pages: the edition with this note
        rung.items += ring(
            connection,
            job="issue_invoices",
            items=in_items([invoice.charge_id], size=1, claims=None, prefix="notes"),
            business_date=runtime.clock.today(),
            root_run_id=None,
            by="desk",
        )
    version = desk.add_note(connection, account, invoice=None if invoice is None else invoice.id, note=note)
    return {"invoice": invoice_number, "version": version, "note": note}
