"""`odnowa invoice correct`: a wrong invoice taken back and issued once more (R16)."""

from typing import Annotated

import typer

from worker.ops.desk import RequestId, carry_out
from worker.ops.invoice_pages import Number
from worker.ops.options import By, Json, NeedsReason

KeepVat = Annotated[
    bool, typer.Option("--keep-vat", help="Country, VAT number and VAT stay; correct name and address only.")
]
Refund = Annotated[
    bool, typer.Option("--refund", help="Pay a difference back, as far as the payment reaches, instead of into credit.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add this command to `odnowa invoice`."""
    app.command("correct")(correct)


def correct(  # noqa: PLR0913 - one argument per option
    number: Number,
    *,
    request_id: RequestId,
    reason: NeedsReason,
    by: By,
    keep_vat: KeepVat = False,
    refund: Refund = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Replace a wrong invoice: a credit note on all that is left of it, and a new one in its place.

    The new one names the customer as the billing details stand now, and is taxed by them and by what VIES says of the
    VAT number; correct those first. VAT that falls becomes credit, or goes back with --refund; what was paid never
    rises. Once per request id: the same again gives the same result.
    """
    from worker.desk import correct_invoice
    from worker.desk.request import Done
    from worker.ops.invoice_pages import document
    from worker.ops.session import open_store

    with open_store() as store:
        row, _ = document(store, number)
    carry_out(
        lambda runtime, caller: (
            Done(
                correct_invoice.preview_correction(runtime, caller, number=number, keep_vat=keep_vat, refund=refund),
                repeated=False,
            )
            if dry_run
            else correct_invoice.correct_invoice(
                runtime, caller, number=number, request_id=request_id, keep_vat=keep_vat, refund=refund, reason=reason
            )
        ),
        row.external_id,
        "support",
        by,
        as_json=as_json,
    )
