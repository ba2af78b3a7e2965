"""`odnowa invoice`: what was issued to a customer, and the pages as they were printed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from worker.ops import invoice_correct, invoice_export, invoice_pages, invoice_resend
from worker.ops.accounts import ExternalId
from worker.ops.invoice_pages import Edition, Number, document, one_edition, write_pages
from worker.ops.options import Json

app = typer.Typer(help="Issued invoices and credit notes; they never change.", rich_markup_mode=None)
invoice_pages.register(app)
invoice_resend.register(app)
invoice_correct.register(app)
invoice_export.register(app)

Pdf = Annotated[Path | None, typer.Option("--pdf", help="Write the pages into this new file.", metavar="FILE")]

_FACTS = ("number", "kind", "external_id", "issued_on", "paid_on", "charge_id", "corrects")
_SUMS = ("net_minor", "vat_minor", "gross_minor")


@app.command("list")
def list_(external_id: ExternalId, *, as_json: Json = False) -> None:
    """List an account's invoices and credit notes, oldest first."""
    from worker import boundary
    from worker.errors import RefusedError
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.store import desk, invoices

    with open_store() as store, boundary.transaction(store.engine, "ops.invoice.list") as connection:
        if desk.account_id(connection, external_id) is None:
            raise RefusedError(f"no account is called {external_id}")
        found = invoices.of_account(connection, external_id)
    if as_json:
        show.document([_facts(row) for row in found])
        return
    show.table(
        ("number", "kind", "issued", "gross", "corrects", "editions"),
        [
            (row.number, row.kind, row.issued_on, show.money(row.gross_minor, row.currency), row.corrects, row.editions)
            for row in found
        ],
        title=f"Invoices of {external_id}",
    )


@app.command("show")
def show_(number: Number, *, pdf: Pdf = None, edition: Edition = None, as_json: Json = False) -> None:
    """Show a document with its lines and printed editions, and write its pages into a file.

    Each note that the customer wrote for an issued invoice is an edition of its own (R17).
    """
    from worker.ops import show
    from worker.ops.session import open_store

    with open_store() as store:
        row, printed = document(store, number)
        if pdf is not None or edition is not None:
            chosen = one_edition(printed, number=number, edition=edition)
        if pdf is not None:
            write_pages(store, chosen, pdf)
    if as_json:
        editions = [_edition(one) for one in printed]
        show.document({**_facts(row), "editions": editions, "snapshot": row.snapshot, "pdf": pdf})
        return
    sums = [(name.removesuffix("_minor"), show.money(getattr(row, name), row.currency)) for name in _SUMS]
    facts = [(name, str(getattr(row, name))) for name in _FACTS if getattr(row, name) is not None]
    show.table(("", ""), [*facts, *sums], title=f"{row.kind} {number}")
    show.table(
        ("kind", "quantity", "unit price", "net"),
        [
            (
                line["kind"],
                line["quantity"],
                show.money(line["unit_price_minor"], row.currency),
                show.money(line["net_minor"], row.currency),
            )
            for line in row.snapshot.get("lines", [])
        ],
        title="Lines",
    )
    show.table(
        ("edition", "printed", "note", "SHA-256 of the PDF"),
        [
            (one.edition, show.instant(one.created_at, store.clock.zone), _note(row, one), one.pdf_sha256)
            for one in printed
        ],
        title="Printed editions",
    )


def _facts(row: Any) -> dict[str, object]:
    return {name: getattr(row, name) for name in (*_FACTS, "currency", *_SUMS, "editions")}


def _edition(one: Any) -> dict[str, object]:
    return {name: getattr(one, name) for name in ("edition", "created_at", "note", "pdf_sha256", "replaced")}


def _note(row: Any, one: Any) -> str:
    """The customer's note in an edition; the first has the one that was frozen with the document."""
    return str((row.snapshot.get("note") if one.edition == 1 else one.note) or "")
