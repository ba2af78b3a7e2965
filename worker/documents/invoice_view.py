"""Turns an invoice's snapshot into what the page shows: every label, sum and date in the reader's words."""

from collections.abc import Callable
from datetime import date
from typing import TypedDict

from worker.billing.calendar import Interval
from worker.billing.catalogue import LineKind
from worker.documents import formats
from worker.documents.catalogues import babel_locale, translations
from worker.documents.invoice_snapshot import InvoiceSnapshot, LineBlock, PaymentBlock

Gettext = Callable[[str], str]


class Party(TypedDict):
    """Seller or buyer: a heading, the name, and the lines beneath."""

    label: str
    name: str
    lines: list[str]


class Row(TypedDict):
    """A line of the table; `detail` is small print beneath the title and may be empty."""

    title: str
    detail: str
    quantity: str
    unit_price: str
    net: str


class InvoiceView(TypedDict):
    """What the template lays out; it computes nothing and knows no language."""

    lang: str
    title: str
    number: str
    sender: str
    facts: list[tuple[str, str]]
    parties: list[Party]
    columns: list[str]
    rows: list[Row]
    total: tuple[str, str]
    settled: list[tuple[str, str]]
    due: tuple[str, str]
    statement: str
    words: list[str]
    note_label: str
    note: str
    page: str
    footer: str


def view(invoice: InvoiceSnapshot) -> InvoiceView:
    """The page of an invoice, in the language of its snapshot."""
    locale = invoice["locale"]
    _: Gettext = translations(locale, "invoice").gettext
    seller = invoice["seller"]
    return InvoiceView(
        lang=babel_locale(locale).language,
        title=_("Invoice"),
        number=invoice["number"],
        sender=seller["name"],
        facts=_facts(invoice, _),
        parties=_parties(invoice, _),
        columns=[
            _("Description"),
            _("Quantity"),
            _("Unit price (%(currency)s)") % {"currency": invoice["currency"]},
            _("Amount (%(currency)s)") % {"currency": invoice["currency"]},
        ],
        rows=[_row(invoice, line, _) for line in invoice["lines"]],
        total=(_("Total"), _money(invoice, invoice["totals"]["gross_minor"])),
        settled=_settled(invoice, _),
        due=(_("Amount due"), _money(invoice, invoice["totals"]["due_minor"])),
        statement=_statement(invoice, _),
        words=_words(invoice, _),
        note_label=_("Customer's note"),
        note=invoice["note"] or "",
        page=_("Page {page} of {pages}"),
        footer=" · ".join(filter(None, (seller["email"], seller["web"]))),
    )


def _money(invoice: InvoiceSnapshot, amount_minor: int) -> str:
    return formats.money(amount_minor, invoice["currency"], locale=invoice["locale"])


def _day(invoice: InvoiceSnapshot, on: str) -> str:
    return formats.day(date.fromisoformat(on), locale=invoice["locale"])


def _facts(invoice: InvoiceSnapshot, _: Gettext) -> list[tuple[str, str]]:
    period = formats.period(
        starts_on=date.fromisoformat(invoice["period"]["starts_on"]),
        ends_on=date.fromisoformat(invoice["period"]["ends_on"]),
        locale=invoice["locale"],
    )
    return [
        (_("Date of issue"), _day(invoice, invoice["issued_on"])),
        (_("Date of payment"), _day(invoice, invoice["paid_on"])),
        (_("Period"), period),
    ]


def _parties(invoice: InvoiceSnapshot, _: Gettext) -> list[Party]:
    seller, buyer = invoice["seller"], invoice["buyer"]
    territories = babel_locale(invoice["locale"]).territories
    seller_lines = [
        seller["street"],
        f"{seller['postcode']} {seller['city']}",
        territories.get(seller["country"], seller["country"]),
        _("Company ID: %(number)s") % {"number": seller["company_id"]} if seller["company_id"] else "",
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


def _row(invoice: InvoiceSnapshot, line: LineBlock, _: Gettext) -> Row:
    locale = invoice["locale"]
    title = {
        LineKind.AGENTS: _("Agents"),
        LineKind.CONVERSATIONS: _("Extra chatbot conversations"),
        LineKind.CARRIED: _("Carried over from an earlier period"),
        LineKind.GOODWILL: _("Goodwill discount"),
    }[line["kind"]]
    return Row(
        title=title,
        detail=_detail(invoice, line, _),
        quantity=formats.count(line["quantity"], locale=locale),
        unit_price=formats.number(line["unit_price_minor"], locale=locale),
        net=formats.number(line["net_minor"], locale=locale),
    )


def _detail(invoice: InvoiceSnapshot, line: LineBlock, _: Gettext) -> str:
    if line["kind"] is LineKind.AGENTS:
        package = {"package": formats.package(invoice["subscription"]["package"])}
        if invoice["subscription"]["interval"] is Interval.YEAR:
            return _("%(package)s package, yearly") % package
        return _("%(package)s package, monthly") % package
    if line["kind"] is LineKind.CONVERSATIONS and "conversation_block" in line:
        size = formats.count(line["conversation_block"], locale=invoice["locale"])
        return _("Conversations a month in one block: %(size)s") % {"size": size}
    return ""


def _settled(invoice: InvoiceSnapshot, _: Gettext) -> list[tuple[str, str]]:
    totals = invoice["totals"]
    sums = (
        (_("Paid from account credit"), totals["credit_used_minor"]),
        (_("Paid"), totals["paid_minor"]),
    )
    return [(label, _money(invoice, -amount_minor)) for label, amount_minor in sums if amount_minor]


def _words(invoice: InvoiceSnapshot, _: Gettext) -> list[str]:
    sentences = {"seller_not_registered": _("The seller is not registered for VAT.")}
    subscription = _("Subscription: %(number)s") % {"number": invoice["subscription"]["external_id"]}
    return [*(sentences[key] for key in invoice["vat"]["words"]), subscription]


def _statement(invoice: InvoiceSnapshot, _: Gettext) -> str:
    payment: PaymentBlock = invoice["payment"]
    on = _day(invoice, invoice["paid_on"])
    if payment["method"] == "card" and payment["brand"] and payment["last4"]:
        card = formats.card(payment["brand"], payment["last4"])
        return _("Paid on %(day)s by card %(card)s.") % {"day": on, "card": card}
    if payment["method"] == "card":
        return _("Paid on %(day)s by card.") % {"day": on}
    if payment["method"] == "paypal":
        return _("Paid on %(day)s by PayPal.") % {"day": on}
    return _("Paid on %(day)s from account credit.") % {"day": on}
