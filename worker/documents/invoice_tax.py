"""What an invoice or credit note says of VAT: its table, its sentences, and the sums for the tax office (R20)."""

from datetime import date
from decimal import Decimal
from typing import TypedDict

from babel.numbers import format_decimal

from worker.billing.vat import Treatment
from worker.documents import formats
from worker.documents.catalogues import babel_locale, translations
from worker.documents.invoice_lines import Gettext
from worker.documents.invoice_snapshot import DocumentSnapshot, ExchangeBlock

_ARTICLES = {
    "reverse_charge": "Art. 44, 196 Directive 2006/112/EC",
    "outside_eu_vat": "Art. 44 Directive 2006/112/EC",
    "outside_eu_vat_consumer": "Art. 58 Directive 2006/112/EC",
}
"""Why VAT is not charged, beside the words (articles 226(11) and 226(11a) of the directive).

The place of what is sold electronically is where the buyer is: for a business by article 44, for others by 58.
"""


class VatTable(TypedDict):
    """The table of VAT: columns, a row for the rate, one in the seller's currency if that is told, and its source.

    A document has one rate, since everything that it sells is one service to one buyer.
    """

    columns: list[str]
    rows: list[list[str]]
    source: str


def is_taxed(document: DocumentSnapshot) -> bool:
    """Whether the seller was registered for VAT, so that this is a tax document."""
    return document["vat"]["treatment"] is not Treatment.NOT_REGISTERED


def category(document: DocumentSnapshot) -> str:
    """The letter of EN 16931; documents from before it was kept are all of a seller who is not registered."""
    return document["vat"].get("category", "O")


def rate(document: DocumentSnapshot) -> str:
    """The rate as people read it: `25.5 %`. Babel's own percents would print 26 %."""
    number = format_decimal(
        Decimal(document["vat"]["rate"]), format="#,##0.##", locale=babel_locale(document["locale"])
    )
    return f"{number}\u00a0%"


def home_exchange(document: DocumentSnapshot) -> ExchangeBlock | None:
    """The sums in the currency of the tax office, where its VAT is charged, which must be told in it (§ 29(1)l ZDPH).

    They are kept for all documents, for the returns; a buyer abroad has no use for them.
    """
    return document.get("exchange") if document["vat"]["treatment"] is Treatment.HOME else None


def words(document: DocumentSnapshot, _: Gettext) -> list[str]:
    """The sentences that the treatment demands, each in the reader's language, the seller's and English, once each."""
    return [_sentence(document, key, _) for key in document["vat"]["words"]]


def _sentence(document: DocumentSnapshot, key: str, _: Gettext) -> str:
    here = _said(key, _)
    if key not in _ARTICLES:
        return here
    # the law of the issuer wants its own words (§ 29(2)c ZDPH), whatever the reader's language is
    issuer = [_said(key, translations("cs", "invoice").gettext)] if document["seller"]["country"] == "CZ" else []
    said = dict.fromkeys([here, *issuer, _said(key, translations("en", "invoice").gettext)])
    return f"{' / '.join(said)} ({_ARTICLES[key]})"


def _said(key: str, _: Gettext) -> str:
    return {
        "seller_not_registered": _("The seller is not registered for VAT."),
        "reverse_charge": _("Reverse charge"),
        "outside_eu_vat": _("Outside the scope of EU VAT"),
        "outside_eu_vat_consumer": _("Outside the scope of EU VAT"),
    }[key]


def table(document: DocumentSnapshot, _: Gettext) -> VatTable | None:
    """The table of VAT; none of a seller who charges none to anybody."""
    if not is_taxed(document):
        return None
    totals, locale = document["totals"], document["locale"]
    exempt = document["vat"]["treatment"] in {Treatment.REVERSE_CHARGE, Treatment.OUTSIDE}
    sums = [formats.number(totals[name], locale=locale) for name in ("net_minor", "vat_minor", "gross_minor")]
    found = VatTable(
        columns=[_("VAT rate"), _("Net"), _("VAT"), _("Gross")],
        rows=[["–" if exempt else rate(document), *sums]],
        source="",
    )
    exchange = home_exchange(document)
    if exchange is not None:
        home = [formats.number(exchange[name], locale=locale) for name in ("net_minor", "vat_minor", "gross_minor")]
        found["rows"].append([exchange["currency"], *home])
        found["source"] = _rate_of_exchange(document, exchange, _)
    return found


def _rate_of_exchange(document: DocumentSnapshot, exchange: ExchangeBlock, _: Gettext) -> str:
    locale = document["locale"]
    number = format_decimal(Decimal(exchange["rate"]), format="#,##0.#########", locale=babel_locale(locale))
    return _("Exchange rate: %(units)s = %(rate)s (%(source)s, %(day)s)") % {
        "units": f"{exchange['per']}\u00a0{document['currency']}",
        "rate": f"{number}\u00a0{exchange['currency']}",
        "source": exchange["source"],
        "day": formats.day(date.fromisoformat(exchange["published_on"]), locale=locale),
    }
