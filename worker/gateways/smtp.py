"""The mail server: one connection for many mails, and an answer in three words for each of them.

Accepted and refused are final. Everything else is deferred, also what nobody can know, such as a connection
lost after the last byte: the mail goes again under the same Message-ID, so that the repeat can be recognised.
"""

import contextlib
import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from worker.boundary import call
from worker.errors import UnreachableError
from worker.telemetry import scrubbed

MAILS_PER_CONNECTION = 100
"""Servers end long connections; leaving first is cheaper than being thrown out in the middle of a mail."""

_SERVICE_CLOSING = 421
# Authentication is wanted, too weak or wrong: it concerns who we are, and no address is to blame.
_WHO_WE_ARE = frozenset({530, 534, 535, 538})
_TEXT_LIMIT = 500
_ADDRESS = re.compile(r"[^\x00-\x20\x7f-\U0010ffff<>(),;:@]+@[a-zA-Z0-9.-]+")

_log = structlog.get_logger(__name__)


class MailOutcome(StrEnum):
    """What became of a mail."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class MailAnswer:
    """The server's answer: what became of the mail, its code if it gave one, and its words on one line.

    `for_everybody` says that the next mail would get the same answer, so a batch may stop here.
    """

    outcome: MailOutcome
    code: int | None
    text: str
    for_everybody: bool = False


class SmtpMailer:
    """A session with the mail server, as a context manager; it connects with the first mail.

    Args:
        host: the server.
        port: its port for submission.
        username: who we are there; None sends without authentication.
        password: the secret to it.
        starttls: whether the connection must be encrypted; a server that cannot do it is not used.
        timeout_s: seconds to wait for each answer.
        hello_name: how we introduce ourselves; None means the machine's name.
        tls: which certificates are trusted; None means the system's.
    """

    def __init__(  # noqa: PLR0913 - the settings of one server, named but for its address
        self,
        host: str,
        port: int,
        *,
        username: str | None,
        password: str | None,
        starttls: bool,
        timeout_s: float,
        hello_name: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._starttls = starttls
        self._timeout_s = timeout_s
        self._hello_name = hello_name
        self._tls = tls
        self._smtp: smtplib.SMTP | None = None
        self._mails = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._quit()

    def send(self, message: EmailMessage, *, envelope_from: str, recipient: str) -> MailAnswer:
        """Hand one mail over for one recipient.

        Ordinary answers, bad ones included, come back as the result.

        Raises:
            UnreachableError: no connection can be had; nothing was sent.
        """
        # smtplib would send to what it can make of a broken address, which may be somebody else.
        if not _ADDRESS.fullmatch(envelope_from):
            return _deferred(None, "the sender's address cannot be told to a server", for_everybody=True)
        if not _ADDRESS.fullmatch(recipient):
            return MailAnswer(MailOutcome.REFUSED, None, "the address cannot be told to a server")
        smtp = self._ready()
        if isinstance(smtp, MailAnswer):
            return smtp
        self._mails += 1
        with call("smtp.send"):
            answer = self._hand_over(smtp, message, envelope_from=envelope_from, recipient=recipient)
        if answer.code == _SERVICE_CLOSING:
            self._drop()
        return answer

    def greet(self) -> MailAnswer | None:
        """Connect, encrypt and log in as for a mail, and send none; None when all is well, else the refusal.

        Raises:
            UnreachableError: no connection can be had.
        """
        ready = self._ready()
        return ready if isinstance(ready, MailAnswer) else None

    def _ready(self) -> smtplib.SMTP | MailAnswer:
        if self._mails >= MAILS_PER_CONNECTION:
            self._quit()
        if self._smtp is not None:
            with call("smtp.reset"), contextlib.suppress(OSError):
                code, _ = self._smtp.rset()
                if code == 250:  # noqa: PLR2004 - the one code that RSET answers
                    return self._smtp
            # The server left since the last mail, which is its right; a new connection serves as well.
            self._drop()
        return self._connect()

    def _connect(self) -> smtplib.SMTP | MailAnswer:
        smtp: smtplib.SMTP | None = None
        try:
            with call("smtp.connect"):
                smtp = smtplib.SMTP(self._host, self._port, self._hello_name, self._timeout_s)
                if self._starttls:
                    smtp.starttls(context=self._tls or ssl.create_default_context())
                smtp.ehlo_or_helo_if_needed()
                if self._username is not None:
                    smtp.login(self._username, self._password or "")
        except smtplib.SMTPServerDisconnected as error:
            raise self._unreachable(error) from error
        except smtplib.SMTPException as error:
            if smtp is not None:
                smtp.close()
            return _turned_away(error)
        except OSError as error:
            if smtp is not None:
                smtp.close()
            raise self._unreachable(error) from error
        self._smtp, self._mails = smtp, 0
        return smtp

    def _hand_over(
        self, smtp: smtplib.SMTP, message: EmailMessage, *, envelope_from: str, recipient: str
    ) -> MailAnswer:
        try:
            code, text = smtp.mail(envelope_from)
            if not _is_good(code):
                # The sender is ours: whatever is wrong with it is wrong for every recipient.
                return _deferred(code, text, for_everybody=_is_final(code))
            code, text = smtp.rcpt(recipient)
            if not _is_good(code):
                return _classified(code, text)
            return _classified(*smtp.data(message.as_bytes(policy=SMTP)))
        except smtplib.SMTPDataError as error:
            return _classified(error.smtp_code, error.smtp_error)
        except OSError as error:
            # A timeout, a lost connection or an answer that is none, perhaps after the last byte.
            self._drop()
            return _deferred(None, str(error))

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(f"the mail server {self._host}:{self._port} does not answer: {error}")

    def _quit(self) -> None:
        if self._smtp is not None:
            with call("smtp.quit"), contextlib.suppress(OSError):
                self._smtp.quit()
            self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp, self._mails = None, 0


def _classified(code: int, text: bytes | str) -> MailAnswer:
    if _is_good(code):
        return MailAnswer(MailOutcome.ACCEPTED, code, _plain(text))
    if code in _WHO_WE_ARE:
        return _deferred(code, text, for_everybody=True)
    if _is_final(code):
        return MailAnswer(MailOutcome.REFUSED, code, _plain(text))
    return _deferred(code, text)


def _deferred(code: int | None, text: bytes | str, *, for_everybody: bool = False) -> MailAnswer:
    if for_everybody:
        _log.error("mail_server_turns_us_away", code=code)
    # smtplib gives -1 for an answer that has no code.
    return MailAnswer(MailOutcome.DEFERRED, None if code == -1 else code, _plain(text), for_everybody)


def _turned_away(error: smtplib.SMTPException) -> MailAnswer:
    """The greeting, the encryption or the login failed: our settings or the server, never an address."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _deferred(error.smtp_code, error.smtp_error, for_everybody=True)
    return _deferred(None, str(error), for_everybody=True)


def _is_good(code: int) -> bool:
    return code // 100 == 2  # noqa: PLR2004 - the class of a reply is its first digit


def _is_final(code: int) -> bool:
    return code // 100 == 5  # noqa: PLR2004 - the class of a reply is its first digit


def _plain(text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return scrubbed(" ".join(words.split()))[:_TEXT_LIMIT]
