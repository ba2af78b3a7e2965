"""The shape of an invoice's snapshot: all that is printed, frozen as JSON at the issue (R16)."""

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict, cast

from worker.billing.calendar import Interval
from worker.billing.catalogue import LineKind
from worker.billing.money import Currency
from worker.billing.vat import SellerVat, Treatment
from worker.documents.typed import IsoDay, Prose, read
from worker.errors import DocumentError

VERSION: Literal[1] = 1


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
    """The term `[starts_on, ends_on)`; people read its last included day."""

    starts_on: IsoDay
    ends_on: IsoDay


class LineBlock(TypedDict):
    """One line, net, in minor units; `conversation_block` is how many conversations a month one unit is."""

    kind: LineKind
    quantity: int
    unit_price_minor: int
    net_minor: int
    conversation_block: NotRequired[int]


class TotalsBlock(TypedDict):
    """The sums, in minor units: gross = net + VAT = credit used + paid + due, and nothing is due."""

    net_minor: int
    vat_minor: int
    gross_minor: int
    credit_used_minor: int
    paid_minor: int
    due_minor: int


class VatBlock(TypedDict):
    """The frozen VAT decision: treatment, keys of the sentences to print, rate in percent as decimal text."""

    treatment: Treatment
    words: list[Literal["seller_not_registered"]]
    rate: str


class PaymentBlock(TypedDict):
    """With what it was paid; brand and last four digits belong to a card."""

    method: Literal["card", "paypal", "credit"]
    brand: str | None
    last4: str | None


class InvoiceSnapshot(TypedDict):
    """Everything that an invoice prints. `locale` decides the language, `note` is the customer's (R17)."""

    version: Literal[1]
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
    payment: PaymentBlock
    note: Prose | None


def read_snapshot(snapshot: Mapping[str, object]) -> InvoiceSnapshot:
    """The snapshot, held against its declaration and its own arithmetic; text is made safe to print.

    Raises:
        DocumentError: a field is missing or of another type than declared, or the sums do not agree.
    """
    if snapshot.get("version") != VERSION:
        raise DocumentError(f"this version prints snapshots of version {VERSION}, not {snapshot.get('version')!r}")
    invoice = cast("InvoiceSnapshot", read(InvoiceSnapshot, snapshot, where="invoice"))
    _demand_sums(invoice)
    return invoice


def _demand_sums(invoice: InvoiceSnapshot) -> None:
    totals = invoice["totals"]
    net_minor = sum(line["net_minor"] for line in invoice["lines"])
    settled_minor = totals["credit_used_minor"] + totals["paid_minor"] + totals["due_minor"]
    faults = {
        "the lines are not the net sum": net_minor != totals["net_minor"],
        "net and VAT are not the gross sum": totals["net_minor"] + totals["vat_minor"] != totals["gross_minor"],
        "the payment is not the gross sum": settled_minor != totals["gross_minor"],
        "an invoice exists only after the money has arrived": totals["due_minor"] != 0,
        "a seller who is not registered charges no VAT": totals["vat_minor"] != 0,
        "the period is empty": invoice["period"]["starts_on"] >= invoice["period"]["ends_on"],
    }
    for fault, found in faults.items():
        if found:
            raise DocumentError(f"invoice {invoice['number']}: {fault}")
