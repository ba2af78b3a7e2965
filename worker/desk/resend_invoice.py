"""A document mailed once more: support sends it to the address that stands in the billing details now (R16).

The mail is a new one with the words of the first and the newest printed edition; the document does not change.
"""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker.charging.letters import Rung
from worker.desk.request import Ask, Caller, Done, noted, perform, send
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import mails
from worker.store.mails import RESENT, NewMail


def resend_invoice(
    runtime: Runtime, caller: Caller, *, number: str, request_id: str, reason: str | None = None
) -> Done:
    """Mail an invoice or a credit note of the account again.

    Raises:
        ActRefusedError: a customer asks, no reason, the account has no such document, or its first mail has not left.
    """
    ask = Ask(caller, "invoice_resend", request_id, {"number": number}, reason)
    with noted(runtime, ask, support_only=True):
        return perform(runtime, ask, partial(_resend, runtime, number, request_id))


def _resend(
    runtime: Runtime, number: str, request_id: str, connection: Connection, account: int, rung: Rung
) -> Mapping[str, object]:
    # what cannot be stored is no number of ours either
    first = mails.first_of_document(connection, account, number) if number.isascii() and number.isprintable() else None
    if first is None:
        raise ActRefusedError(
            "no_invoice", f"the account has no mailed document {number[:40]!r}: check the number on the document"
        )
    if first.state == "waiting":
        raise ActRefusedError(
            "not_mailed_yet", f"the first mail with {number} waits to be sent: look at it again in a few minutes"
        )
    mail = NewMail(
        account_id=account,
        kind=first.kind,
        subject_key=f"{RESENT}:{first.invoice_id}:{request_id}",
        data=first.data,
        subscription_id=first.subscription_id,
        invoice_id=first.invoice_id,
    )
    send(runtime, connection, mail, rung)
    return {"number": number, "to": first.email}
