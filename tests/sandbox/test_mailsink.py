"""The mail sink keeps what it takes, and misbehaves as its recipients ask."""

import smtplib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.mail_sink import MailSink, fresh
from tests.support.processes import CHECKOUT, wait_for_port
from worker.sandbox.mailsink import Trouble, safe_part
from worker.sandbox.servers.kept import alive


@pytest.fixture
def client(mail_sink: MailSink) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", mail_sink.port, local_hostname="localhost") as connection:
        yield connection


def _mail(recipient: str, *, kind: str | None = "reminder") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "billing@shop.example", recipient, "Zażółć gęślą jaźń"
    if kind is not None:
        mail["X-Odnowa-Kind"] = kind
    mail.set_content("Dzień dobry\n.\nkoniec\n")
    return mail


def test_mails_become_numbered_files_named_by_kind_and_recipient(mail_sink: MailSink, client: smtplib.SMTP) -> None:
    client.send_message(_mail("jan@firma.example"))
    client.send_message(_mail("eva@obchod.example", kind=None))
    assert [file.name for file in mail_sink.files] == [
        "000001-reminder-jan@firma.example.eml",
        "000002-mail-eva@obchod.example.eml",
    ]
    kept = mail_sink.mails[0]
    assert kept["Subject"] == "Zażółć gęślą jaźń"
    assert kept.get_content().splitlines() == ["Dzień dobry", ".", "koniec"]


def test_refusals_leave_no_file_and_the_connection_goes_on(mail_sink: MailSink, client: smtplib.SMTP) -> None:
    for recipient, code in (("bounce1@a.example", 550), ("Later@a.example", 451)):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.send_message(_mail(recipient))
        assert refused.value.recipients[recipient][0] == code
    with pytest.raises(smtplib.SMTPDataError) as error:
        client.send_message(_mail("dataerror@a.example"))
    assert error.value.smtp_code == 554
    client.send_message(_mail("fine@a.example"))
    assert len(mail_sink.files) == 1


def test_a_dropped_connection_keeps_the_mail_but_gives_no_answer(mail_sink: MailSink) -> None:
    with smtplib.SMTP("127.0.0.1", mail_sink.port, local_hostname="localhost") as connection:
        # The client sees a closed or a reset connection, as the network likes.
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
            connection.send_message(_mail("drop@a.example"))
        connection.close()
    assert [file.name for file in mail_sink.files] == ["000001-reminder-drop@a.example.eml"]
    assert "Traceback" not in mail_sink.said


def test_three_hundred_mails_take_a_few_seconds_at_most(mail_sink: MailSink, client: smtplib.SMTP) -> None:
    started = time.monotonic()
    for number in range(300):
        client.send_message(_mail(f"n{number}@a.example"))
    assert len(mail_sink.files) == 300
    assert time.monotonic() - started < 10  # one on a quiet machine; 12 when each answer is held back for 40 ms


def test_a_link_that_is_turned_leads_later_connections_elsewhere(
    mail_sink: MailSink, client: smtplib.SMTP, tmp_path: Path
) -> None:
    client.send_message(_mail("first@a.example"))
    turned = fresh(mail_sink.listening, tmp_path / "turned")
    with smtplib.SMTP("127.0.0.1", mail_sink.port, local_hostname="localhost") as later:
        later.send_message(_mail("second@a.example"))
        client.send_message(_mail("third@a.example"))
    assert [file.name for file in turned.files] == ["000001-reminder-second@a.example.eml"]
    assert [file.name[:15] for file in mail_sink.files] == ["000001-reminder", "000002-reminder"]


def test_trouble_meets_so_many_of_the_next_mails_whenever_they_come(tmp_path: Path) -> None:
    said = tmp_path / "trouble"
    said.write_text('{"seed": 7, "mails": 20, "later": 4, "refuse": 2, "drop": 3}', encoding="ascii")
    trouble, same = Trouble(said), Trouble(said)
    met = [trouble.draw() for _ in range(20)]
    assert Counter(met) == {"": 11, "later": 4, "drop": 3, "refuse": 2}
    assert [same.draw() for _ in range(20)] == met, "the seed decides"
    assert {trouble.draw() for _ in range(9)} == {""}, "it is over"
    said.write_text('{"seed": 7, "mails": 1, "refuse": 1}', encoding="ascii")
    assert trouble.draw() == "refuse"
    said.write_text("{}", encoding="ascii")
    assert trouble.draw() == ""


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("../../etc/x@y", "_.._etc_x@y"),
        ("", "_"),
        ("a b\r\nc", "a_b_c"),
        ("ż" * 3, "_"),
        ("x" * 200, "x" * 80),
    ],
)
def test_names_of_files_cannot_leave_the_folder(text: str, part: str) -> None:
    assert safe_part(text) == part


def test_the_sink_ends_with_its_starter_and_numbers_go_on(tmp_path: Path) -> None:
    (tmp_path / "000041-mail-old@a.example.eml").write_bytes(b"old")
    port_file, log = tmp_path / "port", tmp_path / "log"
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'worker.sandbox.mailsink', *sys.argv[1:]])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    arguments = ["--folder", str(tmp_path), "--port-file", str(port_file), "--die-with-parent"]
    command = [sys.executable, "-c", program, *arguments]
    with log.open("wb") as said:
        starter = subprocess.Popen(command, cwd=CHECKOUT, stdout=said, stderr=said)
    port = wait_for_port(starter, port_file=port_file, log=log)
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as connection:
        connection.send_message(_mail("jan@firma.example"))
    assert (tmp_path / "000042-reminder-jan@firma.example.eml").exists()
    sink = int(log.read_text(encoding="utf-8").split()[0])
    starter.kill()
    starter.wait()
    deadline = time.monotonic() + 5
    while alive(sink) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(sink)
