"""The shape of the snapshots of invoices and credit notes: all that is printed, frozen as JSON at the issue (R16).

Sums are whole minor units of the snapshot's currency. Those of a credit note are positive, as those of the invoice
that it corrects are; its kind says which way they count (docs/adr/0010).
"""

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict, cast

from worker.billing.calendar import Interval
from worker.billing.catalogue import LineKind
from worker.billing.money import Currency
from worker.billing.vat import SellerVat, Treatment
from worker.documents.typed import IsoDay, Prose, read
from worker.errors import DocumentError

VERSION: Literal[3] = 3
"""The version that is written; older ones are read for ever.

Version 1 knew neither credit notes nor parts of terms, version 2 no seller who is registered for VAT.
"""

VatWord = Literal["seller_not_registered", "reverse_charge", "outside_eu_vat", "outside_eu_vat_consumer"]
"""A sentence on VAT that must be printed."""

CorrectionReason = Literal["change", "refund", "correction"]
"""Why a credit note exists: the unused part of a term that was changed (R15b), money back (R14b), a wrong invoice."""


class LogoBlock(TypedDict):
    """The seller's mark on the document, by the address of its bytes in the place of files."""

    sha256: str
    format: Literal["svg", "png"]


class SellerBlock(TypedDict):
    """The seller as the register of companies knows them; `country` is an ISO code."""

    name: str
    street: str
    city: str
    postcode: str
    country: str
    company_id: str
    register_entry: str
    vat: SellerVat
    email: str
    web: str
    vat_number: NotRequired[str | None]
    logo: NotRequired[LogoBlock | None]


class BuyerBlock(TypedDict):
    """The buyer's billing details on the day of issue; `country` is an ISO code."""

    name: str
    street: str
    city: str
    postcode: str
    country: str
    email: str
    vat_number: str | None


class SubscriptionBlock(TypedDict):
    """What the invoice is for."""

    external_id: str
    package: str
    interval: Interval


class PeriodBlock(TypedDict):
    """The days `[starts_on, ends_on)` that were sold or given back; people read the last included day."""

    starts_on: IsoDay
    ends_on: IsoDay


class LineBlock(TypedDict):
    """One line, net; `conversation_block` is how many conversations a month one unit is.

    A part of a term counts `days_left` of the `days_whole` that the unit price is for; both are there or neither. A
    line that counts for less than quantity times unit price without them, as in a refund in part, is marked so.
    """

    kind: LineKind
    quantity: int
    unit_price_minor: int
    net_minor: int
    conversation_block: NotRequired[int]
    days_left: NotRequired[int]
    days_whole: NotRequired[int]


class TotalsBlock(TypedDict):
    """The sums of an invoice: gross = net + VAT = credit used + paid + due, and nothing is due."""

    net_minor: int
    vat_minor: int
    gross_minor: int
    credit_used_minor: int
    paid_minor: int
    due_minor: int


class CreditTotalsBlock(TypedDict):
    """The sums of a credit note: gross = net + VAT = what becomes credit, is paid back, pays another invoice.

    `to_credit_minor` becomes account credit, `to_refund_minor` goes back by the way in `payment`, and
    `to_invoice_minor` pays the invoice in `replaced_by`, which a correction issues in place of the wrong one.
    """

    net_minor: int
    vat_minor: int
    gross_minor: int
    to_credit_minor: int
    to_refund_minor: int
    to_invoice_minor: int


class VatBlock(TypedDict):
    """The frozen VAT decision: treatment, keys of the sentences to print, rate in percent as decimal text.

    `category` is the letter of EN 16931. With `gross_prices` the unit prices of the lines contain the VAT, their net
    sums never do. `reasons` are not printed: they tell an operator why. That of a credit note is the decision of the
    invoice that it corrects (R15b).
    """

    treatment: Treatment
    words: list[VatWord]
    rate: str
    category: NotRequired[Literal["S", "AE", "O"]]
    gross_prices: NotRequired[bool]
    reasons: NotRequired[list[str]]


class ExchangeBlock(TypedDict):
    """The sums in the currency of the seller's tax office: `per` units of the invoice's currency cost `rate` of it.

    `rate` is decimal text, as published; a credit note has that of the invoice that it corrects.
    """

    currency: str
    rate: str
    per: int
    source: str
    published_on: IsoDay
    net_minor: int
    vat_minor: int
    gross_minor: int


class PaymentBlock(TypedDict):
    """With what it was paid, or by which way money goes back; brand and last four digits belong to a card.

    A credit note that pays nothing back has the method `credit`.
    """

    method: Literal["card", "paypal", "credit"]
    brand: str | None
    last4: str | None


class InvoiceReference(TypedDict):
    """Another invoice, named so that it cannot be mistaken."""

    number: str
    issued_on: IsoDay


class InvoiceSnapshot(TypedDict):
    """Everything that an invoice prints. `locale` decides the language, `note` is the customer's (R17).

    `is_copy` is never stored: it marks what is printed once more, for a note that was written after the issue.
    """

    version: Literal[1, 2, 3]
    kind: Literal["invoice"]
    number: str
    locale: str
    issued_on: IsoDay
    paid_on: IsoDay
    currency: Currency
    seller: SellerBlock
    buyer: BuyerBlock
    subscription: SubscriptionBlock
    period: PeriodBlock
    lines: list[LineBlock]
    totals: TotalsBlock
    vat: VatBlock
    exchange: NotRequired[ExchangeBlock | None]
    payment: PaymentBlock
    note: Prose | None
    is_copy: NotRequired[bool]


class CreditNoteSnapshot(TypedDict):
    """Everything that a credit note prints; what it shares with an invoice means the same.

    `number` is of the credit notes' own series (R18). `corrected_on` is the real day of the change, of the decision
    to refund or of the correction. `period` and `lines` are what is given back, `corrects` the invoice that sold it.
    """

    version: Literal[2, 3]
    kind: Literal["credit_note"]
    number: str
    locale: str
    issued_on: IsoDay
    corrected_on: IsoDay
    currency: Currency
    corrects: InvoiceReference
    reason: CorrectionReason
    seller: SellerBlock
    buyer: BuyerBlock
    subscription: SubscriptionBlock
    period: PeriodBlock
    lines: list[LineBlock]
    totals: CreditTotalsBlock
    vat: VatBlock
    exchange: NotRequired[ExchangeBlock | None]
    payment: PaymentBlock
    replaced_by: InvoiceReference | None
    note: Prose | None


DocumentSnapshot = InvoiceSnapshot | CreditNoteSnapshot


def read_snapshot(snapshot: Mapping[str, object]) -> DocumentSnapshot:
    """The snapshot, held against the declaration of its kind and its own arithmetic; text is made safe to print.

    Raises:
        DocumentError: a field is missing or of another type than declared, or the sums do not agree.
    """
    version = snapshot.get("version")
    if version not in {1, 2, VERSION}:
        raise DocumentError(f"this version prints snapshots up to version {VERSION}, not {version!r}")
    if snapshot.get("kind") == "credit_note":
        note = cast("CreditNoteSnapshot", read(CreditNoteSnapshot, snapshot, where="credit_note"))
        _refuse_faults(f"credit note {note['number']}", _common_faults(note) | _credit_note_faults(note))
        return note
    invoice = cast("InvoiceSnapshot", read(InvoiceSnapshot, snapshot, where="invoice"))
    _refuse_faults(f"invoice {invoice['number']}", _common_faults(invoice) | _invoice_faults(invoice))
    return invoice


def _refuse_faults(which: str, faults: Mapping[str, bool]) -> None:
    for fault, found in faults.items():
        if found:
            raise DocumentError(f"{which}: {fault}")


def _common_faults(document: DocumentSnapshot) -> dict[str, bool]:
    totals, period = document["totals"], document["period"]
    net_minor = sum(line["net_minor"] for line in document["lines"])
    return {
        "the lines are not the net sum": net_minor != totals["net_minor"],
        "net and VAT are not the gross sum": totals["net_minor"] + totals["vat_minor"] != totals["gross_minor"],
        "a seller who is not registered charges no VAT": document["vat"]["treatment"] is Treatment.NOT_REGISTERED
        and totals["vat_minor"] != 0,
        "the period is empty": period["starts_on"] >= period["ends_on"],
        "a line counts days that its term does not have": not all(map(_has_its_days, document["lines"])),
        "a line is more than its quantity times its price": not all(map(_is_within_price, document["lines"])),
    }


def _has_its_days(line: LineBlock) -> bool:
    if "days_left" not in line and "days_whole" not in line:
        return True
    return 1 <= line.get("days_left", 0) <= line.get("days_whole", 0)


def _is_within_price(line: LineBlock) -> bool:
    low, high = sorted((0, line["quantity"] * line["unit_price_minor"]))
    return low <= line["net_minor"] <= high


def _invoice_faults(invoice: InvoiceSnapshot) -> dict[str, bool]:
    totals = invoice["totals"]
    settled_minor = totals["credit_used_minor"] + totals["paid_minor"] + totals["due_minor"]
    return {
        "the payment is not the gross sum": settled_minor != totals["gross_minor"],
        "an invoice exists only after the money has arrived": totals["due_minor"] != 0,
    }


def _credit_note_faults(note: CreditNoteSnapshot) -> dict[str, bool]:
    totals = note["totals"]
    ways = (totals["to_credit_minor"], totals["to_refund_minor"], totals["to_invoice_minor"])
    pays_back, pays_invoice = totals["to_refund_minor"] != 0, totals["to_invoice_minor"] != 0
    return {
        "a credit note of nothing, or with a negative part": totals["gross_minor"] <= 0 or min(ways) < 0,
        "what goes where is not the gross sum": sum(ways) != totals["gross_minor"],
        "money goes back by no way, or nothing by one": pays_back == (note["payment"]["method"] == "credit"),
        "the invoice that it pays is not named, or one that it does not": pays_invoice == (note["replaced_by"] is None),
        "only a correction replaces an invoice": pays_invoice and note["reason"] != "correction",
        "it is older than what it corrects": note["issued_on"]
        < max(note["corrects"]["issued_on"], note["corrected_on"]),
    }
