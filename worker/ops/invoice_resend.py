"""`odnowa invoice resend`: a document mailed once more, to the address of today."""

import typer

from worker.ops.desk import RequestId, carry_out
from worker.ops.invoice_pages import Number
from worker.ops.options import By, Json, NeedsReason


def register(app: typer.Typer) -> None:
    """Add this command to `odnowa invoice`."""
    app.command("resend")(resend)


def resend(number: Number, *, request_id: RequestId, reason: NeedsReason, by: By, as_json: Json = False) -> None:
    """Mail a document again, to the address that stands in the billing details now.

    Once per request id: the same again gives the same result and sends nothing.
    """
    from worker.desk import resend_invoice
    from worker.ops.invoice_pages import document
    from worker.ops.session import open_store

    with open_store() as store:
        row, _ = document(store, number)
    carry_out(
        lambda runtime, caller: resend_invoice.resend_invoice(
            runtime, caller, number=number, request_id=request_id, reason=reason
        ),
        row.external_id,
        "support",
        by,
        as_json=as_json,
    )
