"""Puts a rendered mail into its message: the same mail always becomes the same bytes and Message-ID.

A mail whose acceptance was not heard is sent again. Receivers know it by its Message-ID then, and the people
who look at both see no difference.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from hashlib import sha256

from worker.documents.clean import one_line
from worker.documents.mail import RenderedMail
from worker.errors import DocumentError

_TOKEN = re.compile(r"[a-z][a-z0-9_]*")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)
# Plain local parts only: quoted ones and those beyond ASCII need servers that few people have.
_LOCAL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", re.IGNORECASE)
_LONGEST_ADDRESS = 254
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with a mail."""

    name: str
    media_type: str
    content: bytes


def build_message(  # noqa: PLR0913 - a message has this many parts, all of them named
    *,
    rendered: RenderedMail,
    kind: str,
    recipient: str,
    sender: str,
    reply_to: str,
    mail_domain: str,
    message_key: str,
    written_at: datetime,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """The message of a mail: text and HTML as alternatives, and what is attached.

    Args:
        rendered: what it says.
        kind: its kind, told in a header so that a mail sink or an operator can sort.
        recipient: the one bare address that it goes to.
        sender: an address, with a display name or without.
        reply_to: the same, where answers go.
        mail_domain: what stands behind the @ of the Message-ID.
        message_key: what makes this mail this mail, alike for every attempt to send it.
        written_at: the instant when it was first written, with its zone.
        attachments: files, in their order.

    Raises:
        DocumentError: an address, the domain or a media type is not one, or the instant has no zone. No value
            can begin a header of its own: what is not one plain line is refused or made one.
    """
    if written_at.tzinfo is None:
        raise DocumentError(f"{written_at} has no time zone, so nobody knows when it was")
    digest = sha256(message_key.encode()).hexdigest()
    message = EmailMessage(policy=SMTP)
    message["From"] = _named(sender)
    message["To"] = _address(recipient)
    message["Reply-To"] = _named(reply_to)
    message["Subject"] = one_line(rendered.subject)
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = f"<{digest[:32]}@{_checked(_DOMAIN, mail_domain)}>"
    # RFC 3834: nobody's out-of-office reply should answer a machine.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["X-Odnowa-Kind"] = _checked(_TOKEN, kind)
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    for attachment in attachments:
        _attach(message, attachment)
    # Only now: a part that is added takes the headers in Content- with it.
    message["Content-Language"] = rendered.locale.replace("_", "-")
    _fix_boundaries(message, digest)
    return message


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    maintype, _, subtype = _checked(_MEDIA_TYPE, attachment.media_type).partition("/")
    name = re.sub(r'[/\\:"]', "-", one_line(attachment.name))
    message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=name)


def _fix_boundaries(message: EmailMessage, digest: str) -> None:
    """Boundaries from the digest instead of chance; `=_` occurs in neither encoding of the parts."""
    multiparts = [part for part in message.walk() if part.is_multipart()]
    for depth, part in enumerate(multiparts):
        part.set_boundary(f"=_odnowa_{depth}_{digest[:32]}")


def _named(text: str) -> Address:
    found = getaddresses([text])
    if len(found) != 1 or one_line(text) != text:
        raise DocumentError(f"{text!r} is not one e-mail address")
    ((name, spec),) = found
    bare = _address(spec)
    return Address(display_name=name, username=bare.username, domain=bare.domain)


def _address(spec: str) -> Address:
    local, _, domain = spec.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise DocumentError(f"{spec!r} has no domain that exists") from error
    if len(spec) > _LONGEST_ADDRESS or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(ascii_domain):
        raise DocumentError(f"{spec!r} is not an e-mail address that every server takes")
    return Address(username=local, domain=ascii_domain)


def _checked(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise DocumentError(f"{value!r} cannot stand in a header")
    return value
