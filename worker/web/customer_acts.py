"""What support may do for a customer: each act is a page that says what will happen, and a form that does it once.

The form carries a request id that was made with the page, so a double click, or the form sent again, finds the result
of the first; the rules and the audit log are the desk's.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Row
from starlette.responses import Response

from worker import boundary
from worker.desk import correct_invoice, goodwill, refund, renewal, resend_invoice, to_free
from worker.desk.request import Caller, Done
from worker.desk.request import Role as For
from worker.errors import ActRefusedError, RefusedError
from worker.operating.people import Role
from worker.runtime import Runtime
from worker.store import refunds, story
from worker.store.console import customers as store
from worker.web.visit import Visit, act, page
from worker.web.words import N_, words

AMOUNT = re.compile(r"(\d{1,9})(?:[.,](\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Given:
    """What a form says: the request's id, the reason, and the fields that the act has."""

    request_id: str
    reason: str
    amount_minor: int
    currency: str
    invoice: str
    keep_vat: bool
    pay_back: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """An act that support may do.

    Args:
        words: what the button says.
        says: what will happen, before it is confirmed.
        carry_out: does it.
        notice: the name of the line in `notices.py`.
        fields: besides the reason: `amount`, `invoice`, `keep_vat`, `pay_back`.
        grave: cannot be taken back, so a box has to be ticked.
    """

    words: str
    says: str
    carry_out: Callable[[Runtime, Caller, Given], Done]
    notice: str
    fields: Sequence[str] = ()
    grave: bool = False


def _refund(runtime: Runtime, caller: Caller, given: Given) -> Done:
    return refund.refund(runtime, caller, request_id=given.request_id, reason=given.reason)


def _refund_part(runtime: Runtime, caller: Caller, given: Given) -> Done:
    return refund.refund(
        runtime,
        caller,
        request_id=given.request_id,
        override=True,
        amount_minor=given.amount_minor,
        reason=given.reason,
    )


def _goodwill(runtime: Runtime, caller: Caller, given: Given) -> Done:
    return goodwill.grant_credit(
        runtime,
        caller,
        amount_minor=given.amount_minor,
        currency=given.currency,
        request_id=given.request_id,
        reason=given.reason,
    )


def _correct(runtime: Runtime, caller: Caller, given: Given) -> Done:
    return correct_invoice.correct_invoice(
        runtime,
        caller,
        number=given.invoice,
        request_id=given.request_id,
        keep_vat=given.keep_vat,
        refund=given.pay_back,
        reason=given.reason,
    )


DEEDS: Mapping[str, Deed] = {
    "renewal-on": Deed(
        N_("Switch renewal on"),
        N_("The term is renewed and charged when it ends."),
        lambda runtime, caller, given: renewal.renewal_on(
            runtime, caller, request_id=given.request_id, reason=given.reason
        ),
        "renewal_on",
    ),
    "renewal-off": Deed(
        N_("Switch renewal off"),
        N_("The account is suspended when the term ends; the customer is told by mail."),
        lambda runtime, caller, given: renewal.renewal_off(
            runtime, caller, request_id=given.request_id, reason=given.reason
        ),
        "renewal_off",
    ),
    "goodwill": Deed(
        N_("Give goodwill"),
        N_("The next whole terms cost so much less, net; nothing is paid out."),
        _goodwill,
        "goodwill",
        ("amount",),
    ),
    "refund": Deed(
        N_("Refund the first payment"),
        N_(
            "All of the first payment goes back, within the days of the rule. "
            "The subscription ends and the account becomes Free."
        ),
        _refund,
        "refunded",
        grave=True,
    ),
    "refund-part": Deed(
        N_("Refund in part"),
        N_("So much of the newest payment goes back, outside the rule. The subscription goes on."),
        _refund_part,
        "refunded",
        ("amount",),
        grave=True,
    ),
    "free": Deed(
        N_("Put back to Free"),
        N_("The subscription ends at once. Nothing is paid back; credit is kept, frozen."),
        lambda runtime, caller, given: to_free.to_free(
            runtime, caller, request_id=given.request_id, reason=given.reason
        ),
        "freed",
        grave=True,
    ),
    "resend": Deed(
        N_("Send an invoice again"),
        N_("The document is mailed once more, to the address that stands in the billing details now."),
        lambda runtime, caller, given: resend_invoice.resend_invoice(
            runtime, caller, number=given.invoice, request_id=given.request_id, reason=given.reason
        ),
        "resent",
        ("invoice",),
    ),
    "correct": Deed(
        N_("Correct an invoice"),
        N_(
            "A credit note takes the invoice back, and a new one names the customer as the billing details stand now. "
            "Correct those first."
        ),
        _correct,
        "corrected",
        ("invoice", "keep_vat", "pay_back"),
        grave=True,
    ),
}
NO_FIRST_PAYMENT = N_(
    "The first payment of this account was another one, was given back, or was imported. A refund in part is possible."
)
_OF_SUBSCRIPTION = frozenset({"renewal-on", "renewal-off", "refund", "refund-part", "free"})


def offered(row: Row[Any]) -> Mapping[str, Deed]:
    """The acts that make sense for an account as it stands; those on an invoice stand beside it."""
    renews = None if row.status not in {"active", "past_due"} else "renewal-off" if row.auto_renew else "renewal-on"
    alive = row.status not in {None, "ended", "pending"}
    return {
        name: deed
        for name, deed in DEEDS.items()
        if "invoice" not in deed.fields
        and (name not in _OF_SUBSCRIPTION or alive)
        and (not name.startswith("renewal") or name == renews)
    }


def minor_units(said: str) -> int:
    """A sum as people write it, `12.50` or `12,50`, in minor units. Raises RefusedError when it is none, or nothing."""
    found = AMOUNT.fullmatch(said)
    amount_minor = 0 if found is None else int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
    if amount_minor == 0:
        raise RefusedError(f"{said[:20]!r} is no sum like 12.50")
    return amount_minor


def _find(visit: Visit) -> tuple[Row[Any], Deed]:
    """The account and the act that the path names. Raises RefusedError when there is no such thing."""
    said, deed = visit.request.path_params["number"], DEEDS.get(visit.request.path_params["kind"])
    number = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else None  # noqa: PLR2004 - a bigint's digits
    with boundary.transaction(visit.console.reading, "web.customer_act") as connection:
        name = None if number is None else store.external_id(connection, number)
        row = None if name is None else story.account(connection, name)
    if row is None or deed is None:
        raise RefusedError("there is no such customer, or no such act")
    return row, deed


def _caller(visit: Visit, row: Row[Any]) -> Caller:
    return Caller(For.SUPPORT, visit.by, row.external_id)


@page("/customer/{number}/act/{kind}", role=Role.SUPPORT)
def ask(visit: Visit) -> Response:
    """What will happen, and the form that has it happen; of a correction, what it comes to."""
    row, deed = _find(visit)
    options = {name: bool(visit.field(name)) for name in ("keep_vat", "pay_back")}
    preview, refusal = None, None
    if "keep_vat" in deed.fields:
        try:
            preview = correct_invoice.preview_correction(
                visit.console.runtime,
                _caller(visit, row),
                number=visit.field("invoice"),
                keep_vat=options["keep_vat"],
                refund=options["pay_back"],
            )
        except ActRefusedError as refused:
            refusal = str(refused)
    first = _first_payment(visit, row) if deed is DEEDS["refund"] else None
    if deed is DEEDS["refund"] and first is None:
        refusal = words(visit.language).gettext(NO_FIRST_PAYMENT)
    return visit.render(
        "customer_act.html.j2",
        row=row,
        deed=deed,
        kind=visit.request.path_params["kind"],
        invoice=visit.field("invoice"),
        options=options,
        preview=preview,
        refusal=refusal,
        first=first,
        request_id=f"console-{uuid4().hex}",
    )


def _first_payment(visit: Visit, row: Row[Any]) -> Row[Any] | None:
    if row.subscription_id is None:
        return None
    with boundary.transaction(visit.console.reading, "web.first_payment") as connection:
        first = refunds.first_payment(connection, row.subscription_id)
        return None if first is None else store.paid(connection, first.id)


@act("/customer/{number}/act/{kind}", role=Role.SUPPORT)
def carry_out(visit: Visit) -> Response:
    """Do it, once however often the form is sent."""
    row, deed = _find(visit)
    if deed.grave and not visit.field("sure"):
        raise RefusedError("this cannot be taken back: tick the box that says so")
    given = Given(
        request_id=visit.need("request"),
        reason=visit.need("reason"),
        amount_minor=minor_units(visit.field("amount")) if "amount" in deed.fields else 0,
        currency=row.currency,
        invoice=visit.need("invoice") if "invoice" in deed.fields else "",
        keep_vat=bool(visit.field("keep_vat")),
        pay_back=bool(visit.field("pay_back")),
    )
    deed.carry_out(visit.console.runtime, _caller(visit, row), given)
    return visit.done(f"/customer/{row.id}", deed.notice)


pages = [ask, carry_out]
