"""Turns the snapshot of an invoice or credit note into its page: every label, sum and date in the reader's words."""

from datetime import date
from typing import TypedDict

from worker.billing.catalogue import LineKind
from worker.documents import formats, invoice_lines, invoice_tax
from worker.documents.catalogues import babel_locale, translations
from worker.documents.invoice_lines import Gettext
from worker.documents.invoice_snapshot import CreditNoteSnapshot, DocumentSnapshot, InvoiceSnapshot, LineBlock
from worker.documents.invoice_tax import VatTable


class Party(TypedDict):
    """Seller or buyer: a heading, the name, and the lines beneath."""

    label: str
    name: str
    lines: list[str]


class Row(TypedDict):
    """A line of the table; `detail` is small print beneath the title. A discount has no quantity and no price."""

    title: str
    detail: str
    quantity: str
    unit_price: str
    net: str


class InvoiceView(TypedDict):
    """What the template lays out; it computes nothing and knows no language.

    `due` is the sum that ends the page's arithmetic: what is left to pay, or what a credit note gives. Before it
    come `total` and `settled`, after it the `shares` into which it falls.
    """

    lang: str
    title: str
    number: str
    sender: str
    facts: list[tuple[str, str]]
    corrects: tuple[str, list[str]] | None
    reason: tuple[str, str] | None
    parties: list[Party]
    columns: list[str]
    rows: list[Row]
    vat: VatTable | None
    total: tuple[str, str] | None
    settled: list[tuple[str, str]]
    due: tuple[str, str]
    shares: list[tuple[str, str]]
    statement: str
    words: list[str]
    note_label: str
    note: str
    page: str
    footer: str


def view(document: DocumentSnapshot) -> InvoiceView:
    """The page of an invoice or a credit note, in the language of its snapshot."""
    _: Gettext = translations(document["locale"], "invoice").gettext
    return _credit_note(document, _) if document["kind"] == "credit_note" else _invoice(document, _)


def _invoice(invoice: InvoiceSnapshot, _: Gettext) -> InvoiceView:
    page = _shared(invoice, _)
    taxed = invoice_tax.is_taxed(invoice)
    page["title"] = _("Tax invoice") if taxed else _("Invoice")
    paid = _("Date of payment and tax point") if taxed else _("Date of payment")
    page["facts"].insert(1, (paid, _day(invoice, invoice["paid_on"])))
    page["total"] = (_("Total"), _money(invoice, invoice["totals"]["gross_minor"]))
    page["settled"] = _settled(invoice, _)
    page["due"] = (_("Amount due"), _money(invoice, invoice["totals"]["due_minor"]))
    page["statement"] = _paid(invoice, _)
    return page


def _credit_note(note: CreditNoteSnapshot, _: Gettext) -> InvoiceView:
    page = _shared(note, _)
    corrected = note["corrects"]
    taxed = invoice_tax.is_taxed(note)
    page["title"] = _("Tax credit note") if taxed else _("Credit note")
    corrected_on = _("Date of correction and tax point") if taxed else _("Date of correction")
    page["facts"].insert(1, (corrected_on, _day(note, note["corrected_on"])))
    issued = _("of %(day)s") % {"day": _day(note, corrected["issued_on"])}
    page["corrects"] = (_("Corrects invoice"), [corrected["number"], issued])
    page["reason"] = (_("Reason"), _reason(note, _))
    page["due"] = (_("Total credited"), _money(note, note["totals"]["gross_minor"]))
    shares = _shares(note, _)
    page["shares"] = shares if len(shares) > 1 else []
    page["statement"] = _given_back(note, _)
    lowers = _("The sums of invoice %(number)s are lowered by the sums of this credit note.")
    page["words"].insert(0, lowers % {"number": corrected["number"]})
    return page


def _shared(document: DocumentSnapshot, _: Gettext) -> InvoiceView:
    """What both kinds of document have; the rest is filled in by its kind."""
    seller = document["seller"]
    currency = {"currency": document["currency"]}
    taxed, gross = invoice_tax.is_taxed(document), document["vat"].get("gross_prices", False)
    return InvoiceView(
        lang=babel_locale(document["locale"]).language,
        title="",
        number=document["number"],
        sender=seller["name"],
        facts=[(_("Date of issue"), _day(document, document["issued_on"])), (_("Period"), _period(document))],
        corrects=None,
        reason=None,
        parties=_parties(document, _),
        columns=[
            _("Description"),
            _("Quantity"),
            (_("Price with VAT (%(currency)s)") if gross else _("Unit price (%(currency)s)")) % currency,
            (_("Net (%(currency)s)") if taxed else _("Amount (%(currency)s)")) % currency,
        ],
        rows=[_row(document, line, _) for line in document["lines"]],
        vat=invoice_tax.table(document, _),
        total=None,
        settled=[],
        due=("", ""),
        shares=[],
        statement="",
        words=_words(document, _),
        note_label=_("Customer's note"),
        note=document["note"] or "",
        page=_("Page {page} of {pages}"),
        footer=" · ".join(filter(None, (seller["email"], seller["web"]))),
    )


def _money(document: DocumentSnapshot, amount_minor: int) -> str:
    return formats.money(amount_minor, document["currency"], locale=document["locale"])


def _day(document: DocumentSnapshot, on: str) -> str:
    return formats.day(date.fromisoformat(on), locale=document["locale"])


def _period(document: DocumentSnapshot) -> str:
    return formats.period(
        starts_on=date.fromisoformat(document["period"]["starts_on"]),
        ends_on=date.fromisoformat(document["period"]["ends_on"]),
        locale=document["locale"],
    )


def _parties(document: DocumentSnapshot, _: Gettext) -> list[Party]:
    seller, buyer = document["seller"], document["buyer"]
    territories = babel_locale(document["locale"]).territories
    seller_lines = [
        seller["street"],
        f"{seller['postcode']} {seller['city']}",
        territories.get(seller["country"], seller["country"]),
        _("Company ID: %(number)s") % {"number": seller["company_id"]} if seller["company_id"] else "",
        _("VAT number: %(number)s") % {"number": seller["vat_number"]} if seller.get("vat_number") else "",
        seller["register_entry"],
    ]
    buyer_lines = [
        buyer["street"],
        f"{buyer['postcode']} {buyer['city']}",
        territories.get(buyer["country"], buyer["country"]),
        _("VAT number: %(number)s") % {"number": buyer["vat_number"]} if buyer["vat_number"] else "",
        buyer["email"],
    ]
    return [
        Party(label=_("Seller"), name=seller["name"], lines=[line for line in seller_lines if line.strip()]),
        Party(label=_("Buyer"), name=buyer["name"], lines=[line for line in buyer_lines if line.strip()]),
    ]


def _row(document: DocumentSnapshot, line: LineBlock, _: Gettext) -> Row:
    locale = document["locale"]
    is_discount = line["kind"] is LineKind.GOODWILL
    return Row(
        title=invoice_lines.title(line, _),
        detail=" · ".join(
            filter(None, (invoice_lines.detail(document, line, _), invoice_lines.part(document, line, _)))
        ),
        quantity="" if is_discount else formats.count(line["quantity"], locale=locale),
        unit_price="" if is_discount else formats.number(line["unit_price_minor"], locale=locale),
        net=formats.number(line["net_minor"], locale=locale),
    )


def _settled(invoice: InvoiceSnapshot, _: Gettext) -> list[tuple[str, str]]:
    totals = invoice["totals"]
    sums = (
        (_("Paid from account credit"), totals["credit_used_minor"]),
        (_("Paid"), totals["paid_minor"]),
    )
    return [(label, _money(invoice, -amount_minor)) for label, amount_minor in sums if amount_minor]


def _words(document: DocumentSnapshot, _: Gettext) -> list[str]:
    subscription = _("Subscription: %(number)s") % {"number": document["subscription"]["external_id"]}
    copy = [_("Copy with a note added by the customer after the issue; all else is as issued.")]
    is_copy = document["kind"] == "invoice" and document.get("is_copy", False)
    return [*invoice_tax.words(document, _), subscription, *(copy if is_copy else [])]


def _paid(invoice: InvoiceSnapshot, _: Gettext) -> str:
    payment = invoice["payment"]
    on = _day(invoice, invoice["paid_on"])
    if payment["method"] == "card" and payment["brand"] and payment["last4"]:
        card = formats.card(payment["brand"], payment["last4"])
        return _("Paid on %(day)s by card %(card)s.") % {"day": on, "card": card}
    if payment["method"] == "card":
        return _("Paid on %(day)s by card.") % {"day": on}
    if payment["method"] == "paypal":
        return _("Paid on %(day)s by PayPal.") % {"day": on}
    return _("Paid on %(day)s from account credit.") % {"day": on}


def _reason(note: CreditNoteSnapshot, _: Gettext) -> str:
    return {
        "change": _("The subscription was changed, and the unused part of the term is given back."),
        "refund": _("The payment is refunded."),
        "correction": _("The invoice was not correct."),
    }[note["reason"]]


def _shares(note: CreditNoteSnapshot, _: Gettext) -> list[tuple[str, str]]:
    totals, replaced_by = note["totals"], note["replaced_by"]
    sums = [(_("Account credit"), totals["to_credit_minor"]), (_("Paid back"), totals["to_refund_minor"])]
    if replaced_by:
        sums.append((_("Invoice %(number)s") % {"number": replaced_by["number"]}, totals["to_invoice_minor"]))
    return [(label, _money(note, amount_minor)) for label, amount_minor in sums if amount_minor]


def _given_back(note: CreditNoteSnapshot, _: Gettext) -> str:
    """Where the money goes, a sentence for each way."""
    totals, replaced_by = note["totals"], note["replaced_by"]
    said = []
    if totals["to_credit_minor"]:
        amount = _money(note, totals["to_credit_minor"])
        said.append(_became_credit(note, _) % {"amount": amount})
    if totals["to_refund_minor"]:
        said.append(_paid_back(note, _money(note, totals["to_refund_minor"]), _))
    if replaced_by:
        facts = {"amount": _money(note, totals["to_invoice_minor"]), "number": replaced_by["number"]}
        said.append(_("%(amount)s pays for invoice %(number)s, which replaces the corrected one.") % facts)
    return "\n".join(said)


def _became_credit(note: CreditNoteSnapshot, _: Gettext) -> str:
    """Of a change, part of the credit is spent already when this is read: on the change itself (R12c)."""
    if note["reason"] == "change":
        return _("%(amount)s became account credit, which pays for the change first, then for your next charges.")
    return _("%(amount)s became account credit, which pays for your next charges.")


def _paid_back(note: CreditNoteSnapshot, amount: str, _: Gettext) -> str:
    payment = note["payment"]
    if payment["method"] == "paypal":
        return _("%(amount)s goes back to PayPal.") % {"amount": amount}
    if payment["brand"] and payment["last4"]:
        card = formats.card(payment["brand"], payment["last4"])
        return _("%(amount)s goes back to card %(card)s.") % {"amount": amount, "card": card}
    return _("%(amount)s goes back to the card.") % {"amount": amount}
