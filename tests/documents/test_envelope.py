"""The message around a mail: its headers, its parts, and that nothing gets in beside them."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from tests.documents.samples import MAILS, SELLER
from worker.documents.envelope import Attachment, build_message
from worker.documents.mail import RenderedMail, render_mail
from worker.errors import DocumentError

PDF = Attachment("Faktura 2026000123.pdf", "application/pdf", bytes(range(256)) * 40)
RENDERED = render_mail("invoice_issued", locale="pl", data=MAILS["invoice_issued"], seller=SELLER)


def build(**changes: Any) -> EmailMessage:
    arguments: dict[str, Any] = {
        "rendered": RENDERED,
        "kind": "invoice_issued",
        "recipient": "faktury@buyer.example",
        "sender": "Odnowa Čat <billing@seller.example>",
        "reply_to": "help@seller.example",
        "mail_domain": "seller.example",
        "message_key": "invoice_issued:17:faktury@buyer.example",
        "written_at": datetime(2026, 11, 22, 5, 0, tzinfo=UTC),
        "attachments": [PDF],
    }
    return build_message(**(arguments | changes))


def received(message: EmailMessage) -> EmailMessage:
    return message_from_bytes(message.as_bytes(), policy=policy.default)


def test_the_headers_are_those_of_a_message_by_a_machine() -> None:
    mail = received(build())
    assert mail["From"] == "Odnowa Čat <billing@seller.example>"
    assert mail["To"] == "faktury@buyer.example"
    assert mail["Reply-To"] == "help@seller.example"
    assert mail["Subject"] == "Faktura 2026000123"
    assert mail["Date"].datetime == datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
    assert mail["Message-ID"] == "<c011bcbb5d5f835e6e61d7238db5236d@seller.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Content-Language"] == "pl"
    assert mail["X-Odnowa-Kind"] == "invoice_issued"
    assert not {"List-Unsubscribe", "Precedence", "Bcc", "Cc"} & set(mail.keys())


def test_text_html_and_attachment_arrive_as_they_were() -> None:
    mail = received(build())
    assert mail.get_content_type() == "multipart/mixed"
    alternative, pdf = mail.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    text, html = alternative.iter_parts()
    assert text.get_content().splitlines() == RENDERED.text.splitlines()
    assert html.get_content().splitlines() == RENDERED.html.splitlines()
    assert (pdf.get_content_type(), pdf.get_filename()) == (PDF.media_type, PDF.name)
    assert pdf.get_content() == PDF.content


def test_a_mail_without_attachments_is_just_the_alternatives() -> None:
    mail = received(build(attachments=[]))
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_bytes_are_the_same_every_time_and_fit_any_server() -> None:
    first = build().as_bytes()
    assert build().as_bytes() == first
    assert first.isascii()
    assert max(map(len, first.splitlines())) <= 998
    assert first.count(b"\n") == first.count(b"\r\n")


def test_another_key_is_another_message() -> None:
    ids = {build(message_key=key)["Message-ID"] for key in ("a", "b", "żółć\r\nBcc: x")}
    assert len(ids) == 3


INJECTION = "x\r\nBcc: victim@buyer.example\r\n\r\nbody"


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_subject_is_one_header(line_break: str) -> None:
    hostile = replace(RENDERED, subject=f"Invoice{line_break}Bcc: victim@buyer.example{line_break * 2}body")
    mail = received(build(rendered=hostile))
    assert mail["Subject"] == "Invoice Bcc: victim@buyer.example body"
    assert mail["Bcc"] is None


def test_a_long_subject_in_any_script_comes_back_whole() -> None:
    subject = "Zażółć gęślą jaźń, „Příliš žluťoučký kůň” — 漢字 " * 6
    mail = received(build(rendered=replace(RENDERED, subject=subject)))
    assert mail["Subject"] == subject.strip()


@pytest.mark.parametrize("field", ["recipient", "sender", "reply_to", "mail_domain", "kind"])
@pytest.mark.parametrize(
    "value",
    [
        INJECTION,
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example, c@d.example",
        "a@b.example\x00",
        "",
        "no address",
        "żółć@b.example",
        "a@",
        "a@b@c.example",
        '<a@b.example>\nX-Header: "1"',
    ],
)
def test_what_is_not_one_plain_value_is_refused(field: str, value: str) -> None:
    with pytest.raises(DocumentError):
        build(**{field: value})


def test_a_name_before_an_address_cannot_become_another_address() -> None:
    mail = received(build(sender='"Odnowa, <evil@other.example>" <billing@seller.example>'))
    assert [address.addr_spec for address in mail["From"].addresses] == ["billing@seller.example"]


def test_a_domain_with_accents_is_told_in_its_ascii_form() -> None:
    assert received(build(recipient="info@žluť.example"))["To"] == "info@xn--lu-yta1h.example"


def test_the_name_of_an_attachment_is_a_name_and_not_a_path() -> None:
    mail = received(build(attachments=[Attachment('../../ět"c\r\nX: y', "application/pdf", b"1")]))
    name = next(mail.iter_attachments()).get_filename()
    assert name == "..-..-ět-c X- y"


def test_a_media_type_is_checked() -> None:
    with pytest.raises(DocumentError):
        build(attachments=[Attachment("a", "text/html\r\nX: y", b"1")])


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(DocumentError, match="time zone"):
        build(written_at=datetime(2026, 11, 22))  # noqa: DTZ001 - the very thing that is refused


def test_a_rendered_mail_is_all_that_the_envelope_needs() -> None:
    mail = received(build(rendered=RenderedMail("S", "T\n", "<p>H</p>\n", "pt_BR"), attachments=[]))
    assert mail["Content-Language"] == "pt-BR"
