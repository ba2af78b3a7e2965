"""Mails through a real mail server: one connection, STARTTLS, AUTH, and an answer per address."""

import ssl
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from worker import boundary
from worker.errors import UnreachableError
from worker.gateways.smtp import MAILS_PER_CONNECTION, MailOutcome, SmtpMailer

SENDER = "bounce@seller.example"
NAME, WORD = "relay-user", "relay-password"


class Mailbox:
    """What the server took, and with which connection; some recipients are answered by script."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], EmailMessage]] = []
        self.peers: set[Any] = set()
        self.resets = 0
        self.encrypted: list[bool] = []
        self.logins: list[bool] = []

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        local = address.partition("@")[0]
        if local.isdigit():
            return f"{local} 5.1.1 answer by script"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: Any, session: Session, envelope: Envelope) -> str:
        del server, session, envelope
        self.resets += 1
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        del server
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        if mail["Subject"] == "spam":
            return "554 5.7.1 content refused"
        self.peers.add(session.peer)
        self.encrypted.append(session.ssl is not None)
        self.logins.append(session.authenticated is True)
        self.mails.append((envelope.mail_from or "", envelope.rcpt_tos, mail))
        return "250 OK"


# Encryption without certificates: it proves the handshake, and that a stranger's server is not trusted.
_ANONYMOUS = "AECDH-AES256-SHA:@SECLEVEL=0"


def anonymous_tls(side: int) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_ANONYMOUS)
    return context


def check_login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    del server, session, envelope, mechanism
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (NAME.encode(), WORD.encode())
    return AuthResult(success=known, handled=False)


class _OnFreePort(Controller):
    """Learns which port the system chose, before it asks that port for a greeting."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's is without types


@contextmanager
def server(mailbox: Mailbox, **options: Any) -> Iterator[Controller]:
    controller = _OnFreePort(mailbox, hostname="127.0.0.1", port=0, server_hostname="localhost", **options)
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()


def mailer(port: int, **changes: Any) -> SmtpMailer:
    options: dict[str, Any] = {
        "username": None,
        "password": None,
        "starttls": False,
        "timeout_s": 5,
        "hello_name": "localhost",
    }
    return SmtpMailer("127.0.0.1", port, **(options | changes))


def mail(subject: str = "Faktura żółć", text: str = "Dzień dobry\n.\n..\nFrom here\n") -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = subject
    message["From"] = "billing@seller.example"
    message["To"] = "a@buyer.example"
    message.set_content(text)
    return message


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    with server(mailbox) as controller:
        yield controller.port


@pytest.fixture
def doors_passed() -> Iterator[list[str]]:
    passed: list[str] = []
    boundary.doors.failpoint = passed.append
    yield passed
    boundary.doors.failpoint = None


def test_a_mail_arrives_as_it_was_written(port: int, mailbox: Mailbox) -> None:
    with mailer(port) as session:
        answer = session.send(mail(), envelope_from=SENDER, recipient="a@buyer.example")
    assert (answer.outcome, answer.code, answer.text) == (MailOutcome.ACCEPTED, 250, "OK")
    ((envelope_from, recipients, received),) = mailbox.mails
    assert (envelope_from, recipients) == (SENDER, ["a@buyer.example"])
    assert received["Subject"] == "Faktura żółć"
    assert received.get_content().splitlines() == ["Dzień dobry", ".", "..", "From here"]


def test_many_mails_share_a_connection_with_a_reset_between(port: int, mailbox: Mailbox) -> None:
    with mailer(port) as session:
        for n in range(5):
            session.send(mail(), envelope_from=SENDER, recipient=f"a{n}@buyer.example")
    assert [recipients for _, recipients, _ in mailbox.mails] == [[f"a{n}@buyer.example"] for n in range(5)]
    assert len(mailbox.peers) == 1
    assert mailbox.resets == 4


def test_a_connection_carries_no_more_than_its_share(port: int, mailbox: Mailbox) -> None:
    with mailer(port) as session:
        for _ in range(MAILS_PER_CONNECTION + 1):
            session.send(mail(), envelope_from=SENDER, recipient="a@buyer.example")
    assert len(mailbox.mails) == MAILS_PER_CONNECTION + 1
    assert len(mailbox.peers) == 2


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (550, MailOutcome.REFUSED),
        (553, MailOutcome.REFUSED),
        (450, MailOutcome.DEFERRED),
        (452, MailOutcome.DEFERRED),
        (421, MailOutcome.DEFERRED),
        (530, MailOutcome.DEFERRED),
    ],
)
def test_one_address_never_holds_up_the_next(port: int, mailbox: Mailbox, code: int, outcome: MailOutcome) -> None:
    with mailer(port) as session:
        answer = session.send(mail(), envelope_from=SENDER, recipient=f"{code}@buyer.example")
        after = session.send(mail(), envelope_from=SENDER, recipient="b@buyer.example")
    assert (answer.outcome, answer.code, answer.text) == (outcome, code, "5.1.1 answer by script")
    assert answer.for_everybody == (code == 530)
    assert after.outcome is MailOutcome.ACCEPTED
    assert [recipients for _, recipients, _ in mailbox.mails] == [["b@buyer.example"]]


def test_refused_content_is_final(port: int, mailbox: Mailbox) -> None:
    with mailer(port) as session:
        answer = session.send(mail("spam"), envelope_from=SENDER, recipient="a@buyer.example")
        after = session.send(mail(), envelope_from=SENDER, recipient="b@buyer.example")
    assert (answer.outcome, answer.code) == (MailOutcome.REFUSED, 554)
    assert after.outcome is MailOutcome.ACCEPTED
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b.example>\r\nRCPT TO:<c@d.example",
        "a\nb@c.example",
        "żółć@b.example",
        "a@b.example, c@d.example",
        "nobody",
        "",
    ],
)
def test_an_address_that_no_server_can_be_told_is_refused(port: int, mailbox: Mailbox, recipient: str) -> None:
    with mailer(port) as session:
        answer = session.send(mail(), envelope_from=SENDER, recipient=recipient)
        after = session.send(mail(), envelope_from=SENDER, recipient="b@buyer.example")
    assert (answer.outcome, answer.code) == (MailOutcome.REFUSED, None)
    assert after.outcome is MailOutcome.ACCEPTED
    assert [recipients for _, recipients, _ in mailbox.mails] == [["b@buyer.example"]]


def test_a_broken_sender_is_our_fault_and_no_recipients(port: int, mailbox: Mailbox) -> None:
    with mailer(port) as session:
        answer = session.send(mail(), envelope_from="a@b.example>\r\nRSET", recipient="b@buyer.example")
    assert (answer.outcome, answer.for_everybody) == (MailOutcome.DEFERRED, True)
    assert mailbox.mails == []


@pytest.fixture
def secure_port(mailbox: Mailbox) -> Iterator[int]:
    tls = anonymous_tls(ssl.PROTOCOL_TLS_SERVER)
    options = {"authenticator": check_login, "auth_required": True, "require_starttls": True}
    with server(mailbox, tls_context=tls, **options) as controller:
        yield controller.port


def test_encryption_and_login_come_before_the_first_mail(secure_port: int, mailbox: Mailbox) -> None:
    tls = anonymous_tls(ssl.PROTOCOL_TLS_CLIENT)
    with mailer(secure_port, starttls=True, tls=tls, username=NAME, password=WORD) as session:
        answer = session.send(mail(), envelope_from=SENDER, recipient="a@buyer.example")
    assert answer.outcome is MailOutcome.ACCEPTED
    assert (mailbox.encrypted, mailbox.logins) == ([True], [True])


def test_a_wrong_password_defers_for_everybody(secure_port: int, mailbox: Mailbox) -> None:
    tls = anonymous_tls(ssl.PROTOCOL_TLS_CLIENT)
    with mailer(secure_port, starttls=True, tls=tls, username=NAME, password="other") as session:  # noqa: S106 - a wrong word
        answer = session.send(mail(), envelope_from=SENDER, recipient="a@buyer.example")
    assert (answer.outcome, answer.code, answer.for_everybody) == (MailOutcome.DEFERRED, 535, True)
    assert mailbox.mails == []


def test_a_server_without_encryption_gets_nothing_when_it_is_demanded(port: int, mailbox: Mailbox) -> None:
    with mailer(port, starttls=True, username=NAME, password=WORD) as session:
        answer = session.send(mail(), envelope_from=SENDER, recipient="a@buyer.example")
    assert (answer.outcome, answer.for_everybody) == (MailOutcome.DEFERRED, True)
    assert mailbox.mails == []


def test_a_server_that_nobody_vouches_for_gets_nothing(secure_port: int, mailbox: Mailbox) -> None:
    with (
        mailer(secure_port, starttls=True, username=NAME, password=WORD) as session,
        pytest.raises(UnreachableError),
    ):
        session.send(mail(), envelope_from=SENDER, recipient="a@buyer.example")
    assert mailbox.mails == []


def test_all_talk_goes_through_the_door(port: int, doors_passed: list[str]) -> None:
    with mailer(port) as session:
        for recipient in ("a@buyer.example", "b@buyer.example"):
            session.send(mail(), envelope_from=SENDER, recipient=recipient)
    verbs = [name.removeprefix("before:call:") for name in doors_passed if name.startswith("before:")]
    assert verbs == ["smtp.connect", "smtp.send", "smtp.reset", "smtp.send", "smtp.quit"]
