"""Turns the snapshot of an invoice or credit note into the XML that programs read: EN 16931, in the syntax CII.

The terms of the standard are named as it numbers them (BT-1 is the number of the document); the library `factur-x`
knows their places in the XML. Amounts travel as decimal text, so nothing is rounded on the way. Text of customers is
data: it is escaped, and keeps the characters that no font of ours could print.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from worker.billing.catalogue import LineKind
from worker.documents import formats, invoice_lines, invoice_tax
from worker.documents.catalogues import translations
from worker.documents.invoice_lines import Gettext
from worker.documents.invoice_snapshot import (
    BuyerBlock,
    DocumentSnapshot,
    LineBlock,
    SellerBlock,
    read_snapshot,
)
from worker.errors import DocumentError

FILE_NAME = "factur-x.xml"
PROFILE = "EN 16931"
"""The profile of Factur-X: all of the standard, and nothing beyond it."""

_INVOICE, _CREDIT_NOTE = "380", "381"
_PIECE = "C62"
_EMAIL = "EM"
_CUSTOMER_REMARKS = "CUR"
_COMPANY_REGISTERS = {"CZ": "0154"}
"""Registers of companies by the seller's country, as ISO 6523 numbers them."""
_MEANS = {"card": "48", "paypal": "68", "credit": "97"}
"""UNTDID 4461: bank card, online payment service, clearing between partners."""
_EXEMPTIONS = {"AE": "VATEX-EU-AE", "O": "VATEX-EU-O"}

_Terms = dict[str, Any]


def einvoice_xml(snapshot: Mapping[str, object]) -> bytes:
    """The XML of an invoice or a credit note; the same snapshot always gives the same bytes.

    A credit note has positive sums too: its type says which way they count, as the standard wants (docs/adr/0010).

    Raises:
        DocumentError: the snapshot is incomplete, its sums do not agree, or it lacks what the standard demands.
    """
    return document_xml(read_snapshot(snapshot))


def document_xml(document: DocumentSnapshot) -> bytes:
    """The same of a snapshot that was read already.

    Raises:
        DocumentError: it lacks what the standard demands.
    """
    if lacking := missing(document):
        raise DocumentError(f"{document['kind']} {document['number']} has no {', '.join(lacking)}")
    # It brings a PDF reader and lists of codes along, and most commands print no invoice.
    from facturx.generate_xml import generate_cii_xml

    xml: bytes = generate_cii_xml(_terms(document), level="en16931", check_xsd=False, check_schematron=None)
    return xml


def missing(document: DocumentSnapshot) -> list[str]:
    """What the standard demands and this snapshot lacks, as an import may; printed it is an invoice all the same."""
    parties = {"seller": document["seller"], "buyer": document["buyer"]}
    return [f"{party} {term}" for party, block in parties.items() for term in ("name", "country") if not block[term]]


def _terms(document: DocumentSnapshot) -> _Terms:
    _: Gettext = translations(document["locale"], "invoice").gettext
    sold = [line for line in document["lines"] if line["kind"] is not LineKind.GOODWILL]
    discounts = [line for line in document["lines"] if line["kind"] is LineKind.GOODWILL]
    taxed = invoice_tax.category(document) != "O"
    terms: _Terms = {
        "BT-1": document["number"],
        "BT-2": document["issued_on"],
        "BT-3": _CREDIT_NOTE if document["kind"] == "credit_note" else _INVOICE,
        "BT-5": document["currency"],
        "BT-12": document["subscription"]["external_id"],
        "BT-72": _tax_day(document),
        "BT-73": document["period"]["starts_on"],
        "BT-74": _last_day(document["period"]["ends_on"]),
        "BG-1": [{"BT-21": _CUSTOMER_REMARKS, "BT-22": document["note"]}] if document["note"] else [],
        "BG-4": _seller(document["seller"], taxed=taxed),
        "BG-7": _buyer(document["buyer"], taxed=taxed),
        "BG-20": [_allowance(document, line, _) for line in discounts],
        "BG-23": [_breakdown(document, _)],
        "BG-25": [_line(document, line, number, _) for number, line in enumerate(sold, start=1)],
    }
    if document["kind"] == "credit_note":
        corrects = document["corrects"]
        terms["BG-3"] = [{"BT-25": corrects["number"], "BT-26": corrects["issued_on"]}]
    return terms | _totals(document, sold, discounts) | _payment(document) | _tax_point(document)


def _seller(seller: SellerBlock, *, taxed: bool) -> _Terms:
    """Category O forbids VAT numbers (BR-O-02), so there the company's number or address has to name the seller."""
    return _drop_empty(
        {
            "name": seller["name"],
            "identifiers": {} if seller["company_id"] else {None: seller["email"] or seller["name"]},
            "legal_identifier": seller["company_id"],
            "legal_identifier_schemeid": _COMPANY_REGISTERS.get(seller["country"], ""),
            "legal_info": seller["register_entry"],
            "vat_identifier": seller.get("vat_number") if taxed else None,
            "contacts": [{"email": seller["email"]}] if seller["email"] else [],
        }
        | _address(seller)
    )


def _buyer(buyer: BuyerBlock, *, taxed: bool) -> _Terms:
    return _drop_empty(
        {"name": buyer["name"], "vat_identifier": buyer["vat_number"] if taxed else None} | _address(buyer)
    )


def _address(party: SellerBlock | BuyerBlock) -> _Terms:
    return {
        "addr_l1": party["street"],
        "city": party["city"],
        "postcode": party["postcode"],
        "country_code": party["country"],
        "einvoicing_addr": party["email"],
        "einvoicing_addr_schemeid": _EMAIL,
    }


def _drop_empty(terms: _Terms) -> _Terms:
    return {name: value for name, value in terms.items() if value}


def _rate(document: DocumentSnapshot, term: str) -> _Terms:
    """The rate in percent, which category O must not have."""
    return {} if invoice_tax.category(document) == "O" else {term: document["vat"]["rate"]}


def _line(document: DocumentSnapshot, line: LineBlock, number: int, _: Gettext) -> _Terms:
    terms = {
        "BT-126": str(number),
        "BT-153": invoice_lines.title(line, _),
        "BT-154": invoice_lines.detail(document, line, _),
        "BT-130": _PIECE,
        "BT-131": _amount(line["net_minor"]),
        "BT-151": invoice_tax.category(document),
        **_rate(document, "BT-152"),
        **_price(document, line, _),
    }
    if line["kind"] is not LineKind.CARRIED:
        terms |= {"BT-134": document["period"]["starts_on"], "BT-135": _last_day(document["period"]["ends_on"])}
    return terms


def _price(document: DocumentSnapshot, line: LineBlock, _: Gettext) -> _Terms:
    """Quantity and price, so that quantity times price less allowance is the line to the last unit.

    A price must not be negative (BR-27), its quantity may be. A part of a term is an allowance on the price of all of
    it. Prices that contain VAT have no exact net price for one, so they give the net price of the whole quantity.
    """
    net_minor, full_minor = line["net_minor"], invoice_lines.full_minor(line)
    if document["vat"].get("gross_prices"):
        sign = -1 if net_minor < 0 else 1
        basis = {"BT-149": str(line["quantity"])} if line["quantity"] > 1 else {}
        return {"BT-129": str(sign * line["quantity"]), "BT-146": _amount(abs(net_minor)), **basis}
    sign = -1 if line["unit_price_minor"] < 0 else 1
    terms: _Terms = {"BT-129": str(sign * line["quantity"]), "BT-146": _amount(abs(line["unit_price_minor"]))}
    if full_minor != net_minor:
        reason = invoice_lines.part(document, line, _)
        cut = {"amount": _amount(full_minor - net_minor), "base_amount": _amount(full_minor), "reason": reason}
        terms["BG-27"] = [cut]
    return terms


def _allowance(document: DocumentSnapshot, line: LineBlock, _: Gettext) -> _Terms:
    return {
        "amount": _amount(-line["net_minor"]),
        "reason": invoice_lines.title(line, _),
        "vat_category_code": invoice_tax.category(document),
        **_rate(document, "vat_rate"),
    }


def _breakdown(document: DocumentSnapshot, _: Gettext) -> _Terms:
    totals, category = document["totals"], invoice_tax.category(document)
    terms = {
        "BT-116": _amount(totals["net_minor"]),
        "BT-117": _amount(totals["vat_minor"]),
        "BT-118": category,
        **_rate(document, "BT-119"),
        # the library looks for it here, and takes it from the document
        **({"BT-7": _tax_day(document)} if category == "S" else {}),
    }
    if category in _EXEMPTIONS:
        terms |= {"BT-120": " ".join(invoice_tax.words(document, _)), "BT-121": _EXEMPTIONS[category]}
    return terms


def _tax_day(document: DocumentSnapshot) -> str:
    """The day of the payment or of the correction, on which the duty to pay VAT arises (§ 20a and § 42 ZDPH)."""
    return document["corrected_on"] if document["kind"] == "credit_note" else document["paid_on"]


def _tax_point(document: DocumentSnapshot) -> _Terms:
    """The day of the tax point, unless nothing is subject to VAT, and the VAT in the seller's currency if stated."""
    terms: _Terms = {"BT-7": _tax_day(document)} if invoice_tax.category(document) == "S" else {}
    if (exchange := invoice_tax.home_exchange(document)) is not None:
        terms |= {"BT-6": exchange["currency"], "BT-111": _amount(exchange["vat_minor"])}
    return terms


def _totals(document: DocumentSnapshot, sold: list[LineBlock], discounts: list[LineBlock]) -> _Terms:
    """The sums; of both kinds of document nothing is left to pay when they are issued."""
    totals = document["totals"]
    allowances = {"BT-107": _amount(-sum(line["net_minor"] for line in discounts))} if discounts else {}
    return allowances | {
        "BT-106": _amount(sum(line["net_minor"] for line in sold)),
        "BT-109": _amount(totals["net_minor"]),
        "BT-110": _amount(totals["vat_minor"]),
        "BT-112": _amount(totals["gross_minor"]),
        "BT-113": _amount(totals["gross_minor"]),
        "BT-115": _amount(0),
    }


def _payment(document: DocumentSnapshot) -> _Terms:
    payment = document["payment"]
    terms = {"BT-81": _MEANS[payment["method"]]}
    if payment["method"] == "card" and payment["brand"] and payment["last4"]:
        terms |= {"BT-82": formats.card(payment["brand"], payment["last4"]), "BT-87": payment["last4"]}
    return terms


def _last_day(ends_on: str) -> str:
    return formats.last_day(date.fromisoformat(ends_on)).isoformat()


def _amount(amount_minor: int) -> str:
    return str(Decimal(amount_minor).scaleb(-2))
