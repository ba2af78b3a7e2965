"""A mail server in trouble: what nobody can know is deferred, and the next mail finds a new connection."""

import socket
from email.message import EmailMessage

import pytest

from tests.gateways.scripted_server import HANG_UP, SILENCE, scripted
from worker.errors import UnreachableError
from worker.gateways.smtp import MailAnswer, MailOutcome, SmtpMailer


def mailer(port: int) -> SmtpMailer:
    return SmtpMailer(
        "127.0.0.1",
        port,
        username=None,
        password=None,
        starttls=False,
        timeout_s=0.2,
        hello_name="localhost",
    )


def send(session: SmtpMailer) -> MailAnswer:
    message = EmailMessage()
    message.set_content("text")
    return session.send(message, envelope_from="a@seller.example", recipient="b@buyer.example")


@pytest.mark.parametrize(
    ("verb", "answer", "code", "for_everybody"),
    [
        ("GREETING", "554 go away", 554, True),
        ("GREETING", "421 too many of you", 421, True),
        ("MAIL", "550 sender unknown", 550, True),
        ("MAIL", "530 authenticate first", 530, True),
        ("MAIL", "451 not now", 451, False),
        ("MAIL", HANG_UP, None, False),
        ("RCPT", SILENCE, None, False),
        ("RCPT", "no code at all", None, False),
        ("DATA", "451 not now", 451, False),
        ("DATA", HANG_UP, None, False),
        ("BODY", "451 not now", 451, False),
        ("BODY", HANG_UP, None, False),
        ("BODY", SILENCE, None, False),
    ],
)
def test_what_is_no_verdict_on_the_address_is_deferred(
    verb: str, answer: str, code: int | None, *, for_everybody: bool
) -> None:
    with scripted(**{verb: answer}) as server:
        with mailer(server.port) as session:
            given = send(session)
            assert (given.outcome, given.code) == (MailOutcome.DEFERRED, code)
            assert given.for_everybody is for_everybody
            server.answers[verb] = {"GREETING": "220 hi", "DATA": "354 go on"}.get(verb, "250 fine")
            assert send(session).outcome is MailOutcome.ACCEPTED
        assert server.verbs.count("DATA") == 1 + (verb in {"DATA", "BODY"})


@pytest.mark.parametrize(("verb", "answer"), [("DATA", "554 no valid recipients"), ("BODY", "552 too big")])
def test_a_refusal_of_the_content_is_final(verb: str, answer: str) -> None:
    with scripted(**{verb: answer}) as server, mailer(server.port) as session:
        assert send(session).outcome is MailOutcome.REFUSED


@pytest.mark.parametrize("answer", ["421 closing", HANG_UP, SILENCE])
def test_a_server_that_left_between_two_mails_is_called_again(answer: str) -> None:
    with scripted(RSET=answer) as server, mailer(server.port) as session:
        assert [send(session).outcome for _ in range(2)] == [MailOutcome.ACCEPTED] * 2
        assert server.connections == 2


def test_a_server_that_closes_is_called_again() -> None:
    with scripted(RCPT="421 closing") as server, mailer(server.port) as session:
        assert send(session).outcome is MailOutcome.DEFERRED
        server.answers["RCPT"] = "250 fine"
        assert send(session).outcome is MailOutcome.ACCEPTED
        assert server.connections == 2


@pytest.mark.parametrize("answer", [HANG_UP, SILENCE])
def test_a_server_that_never_greets_is_unreachable(answer: str) -> None:
    with (
        scripted(GREETING=answer) as server,
        mailer(server.port) as session,
        pytest.raises(UnreachableError, match="does not answer"),
    ):
        send(session)


def test_no_server_at_all_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with mailer(port) as session, pytest.raises(UnreachableError, match=str(port)):
        send(session)


def test_a_session_without_a_mail_never_connects() -> None:
    with scripted() as server:
        with mailer(server.port):
            pass
        assert server.connections == 0


def test_long_and_broken_words_of_a_server_are_kept_short_and_on_one_line() -> None:
    with scripted(RCPT=f"550-first\r\n550 {'x' * 900}") as server, mailer(server.port) as session:
        answer = send(session)
    assert answer.text.startswith("first xxx")
    assert len(answer.text) == 500
    assert answer.outcome is MailOutcome.REFUSED
