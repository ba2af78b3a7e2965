"""The seller's mark: looked at before it is printed, and printed as it is."""

import struct
import zlib

import pytest

from tests.documents.samples import taxed
from worker.documents.invoice import render_invoice
from worker.documents.logo import LOGO_MAX, Logo, read_logo
from worker.errors import DocumentError

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 2"><rect width="8" height="2" fill="#0f6b5c"/></svg>'


def png() -> bytes:
    """A picture of two by two points."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\x00" + b"\x0f\x6b\x5c" * 2 for _ in range(2)))
    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "kind"), [(SVG, "svg"), (b"<?xml version='1.0'?>\n<!-- mark -->" + SVG, "svg"), (png(), "png")]
)
def test_pictures_are_known_by_their_bytes_and_printed(content: bytes, kind: str) -> None:
    logo = read_logo(content)
    assert logo.format == kind
    paper = taxed("home", "21", locale="cs")
    marked = render_invoice(paper, logo=logo).pdf
    assert marked != render_invoice(paper).pdf
    assert render_invoice(paper, logo=logo).pdf == marked


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\xff\xfe<svg>", b"<html><svg/></html>", SVG + b" " * LOGO_MAX], ids=range(5)
)
def test_what_cannot_be_printed_is_refused_at_the_start(content: bytes) -> None:
    with pytest.raises(DocumentError, match="the logo"):
        read_logo(content)


def test_a_broken_picture_is_an_error_of_the_document_and_not_a_blank() -> None:
    with pytest.raises(DocumentError):
        render_invoice(taxed("home", "21"), logo=Logo("png", png()[:40]))
