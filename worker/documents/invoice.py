"""Renders an invoice or a credit note as a PDF with typst; the same snapshot always gives the same bytes.

The page's words travel to the template as JSON, so text of customers is data there and never code. PDF/A-3b
keeps the document readable for the ten years that the law wants, and makes typst refuse a character that no
font can show instead of printing nothing in its place.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, partial
from threading import Lock
from typing import cast

import typst

from worker.documents.catalogues import TEMPLATES
from worker.documents.einvoice import document_xml, missing
from worker.documents.facturx_pdf import marked
from worker.documents.invoice_snapshot import VERSION, DocumentSnapshot, read_snapshot
from worker.documents.invoice_view import InvoiceView, view
from worker.documents.logo import Logo
from worker.errors import DocumentError

SUBSTITUTE = "□"
"""Printed where no font has the character; the usual sign for that, and in our fonts."""

_UNDISPLAYABLE = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_RUST_ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")
# Typst reports all at once; a second round is for what the first one uncovers, such as a lone combining mark.
_ROUNDS = 3
# Basic Latin to Cyrillic and printed punctuation, which our own words use; beyond them nothing is certain.
_UNCERTAIN = re.compile(f"[^\u0000-\u052f\u2010-\u2027{SUBSTITUTE}]")
# A compiler keeps fonts and sources in memory, so one is kept; it serves one caller at a time.
_lock = Lock()


@dataclass(frozen=True, slots=True)
class RenderedInvoice:
    """The document, and the characters that no font could show; an operator should learn of those."""

    pdf: bytes
    replaced: tuple[str, ...]


def render_invoice(snapshot: Mapping[str, object], *, logo: Logo | None = None) -> RenderedInvoice:
    """Render an invoice or a credit note from its snapshot (`InvoiceSnapshot`, `CreditNoteSnapshot`).

    A character that cannot be shown is replaced and reported; it never costs the invoice. From version 3 on the XML
    of EN 16931 is attached, where what it demands is there.

    Args:
        snapshot: as it was frozen; decides every byte.
        logo: the picture that the snapshot names, if it names one.

    Raises:
        DocumentError: the snapshot is incomplete, its sums do not agree, or the template is broken.
    """
    document = read_snapshot(snapshot)
    stamp = datetime.combine(date.fromisoformat(document["issued_on"]), time(), UTC)
    page = view(document)
    made = partial(_made, stamp=stamp, xml=_attachment(document), logo=logo)
    replaced: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            return RenderedInvoice(made(page), tuple(sorted(replaced)))
        except typst.TypstError as error:
            lost = _undisplayable(error.diagnostic)
            if not lost:
                raise DocumentError(f"{document['kind']} {document['number']}: {error.message}") from error
        replaced |= lost
        page = _replace(page, lost)
    uncertain = set(_UNCERTAIN.findall(json.dumps(page, ensure_ascii=False)))
    page = _replace(page, uncertain)
    return RenderedInvoice(made(page), tuple(sorted(replaced | uncertain)))


def _attachment(document: DocumentSnapshot) -> str:
    """The XML as text; none of older versions, which had none, and of what lacks a name or a country."""
    if document["version"] != VERSION or missing(document):
        return ""
    return document_xml(document).decode()


def _made(page: InvoiceView, *, stamp: datetime, xml: str, logo: Logo | None) -> bytes:
    pdf = _compile(page, stamp, xml=xml, logo=logo)
    return marked(pdf) if xml else pdf


@cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(
        str(TEMPLATES / "invoice" / "invoice.typ"),
        root=str(TEMPLATES / "invoice"),
        font_paths=[str(TEMPLATES / "fonts")],
        ignore_system_fonts=True,
    )


def _compile(page: InvoiceView, stamp: datetime, *, xml: str, logo: Logo | None) -> bytes:
    given = {**page, "xml": xml, "logo": None if logo is None else _picture(logo)}
    with _lock:
        pdf = _compiler().compile(
            format="pdf",
            pdf_standards="a-3b",
            timestamp=stamp,
            sys_inputs={"page": json.dumps(given, ensure_ascii=False)},
        )
    assert isinstance(pdf, bytes), "a PDF without an output path comes back as bytes"
    return pdf


def _picture(logo: Logo) -> dict[str, object]:
    if logo.format == "svg":
        return {"format": "svg", "text": logo.content.decode()}
    return {"format": logo.format, "bytes": list(logo.content)}


def _undisplayable(diagnostic: str) -> set[str]:
    def unescape(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else found[2]

    texts = (_RUST_ESCAPE.sub(unescape, text) for text in _UNDISPLAYABLE.findall(diagnostic))
    return {character for text in texts for character in text if character not in {" ", SUBSTITUTE}}


def _replace(page: InvoiceView, lost: set[str]) -> InvoiceView:
    table = dict.fromkeys(map(ord, lost), SUBSTITUTE)
    return cast("InvoiceView", _map_text(page, lambda text: text.translate(table)))


def _map_text(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_text(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_map_text(inner, change) for inner in value]
    return value
