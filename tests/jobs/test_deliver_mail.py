"""The job `deliver_mail`: every mail once for one reason, nobody held up by another, and nothing forgotten."""

import gc
import hashlib
import socket
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.builders import Subscriber, account, update
from tests.support.house import House
from tests.support.stories import customer, dying_at, hurry, minute, restart, watching_doors
from tests.support.work import mail
from worker.gateways.smtp import SmtpMailer

DATA = {
    "company": "Shop",
    "package": "standard",
    "ended_on": "2026-03-15",
    "account_url": "https://shop.odnowa.example/account",
    "cause": "renewal_off",
}
STATES = "SELECT state FROM mails ORDER BY id"


def letter(house: House, email: str) -> int:
    """A mail that waits for the account of that address."""
    return mail(house.engine, account(house.engine, email=email), kind="suspended", data=DATA)


def states(house: House) -> list[str]:
    return [row["state"] for row in house.fetch(STATES)]


def test_a_mail_is_sent_once_and_twice_is_harmless(house: House) -> None:
    letter(house, "a@customers.example")
    letter(house, "b@customers.example")
    first = house.plan("deliver_mail")
    assert house.plan("deliver_mail").items == [], "what one run holds, the other leaves"
    house.drain()
    for item in first.items:
        house.execute(item, "deliver_mail")
    house.run("deliver_mail")
    assert states(house) == ["sent", "sent"]
    assert [str(each["To"]) for each in house.sink.mails] == ["a@customers.example", "b@customers.example"]


def test_a_refused_address_fails_alone_and_one_that_cannot_be_written_too(house: House) -> None:
    letter(house, "bounce@customers.example")
    letter(house, "dataerror@customers.example")
    mail(house.engine, account(house.engine), kind="suspended", data={"company": "Shop"})
    mail(house.engine, account(house.engine), kind="term_ending", data={"company": "Shop"})
    letter(house, "not an address")
    letter(house, "good@customers.example")
    house.run("deliver_mail")
    assert states(house) == ["failed"] * 5 + ["sent"]
    answers = [row["last_answer"] for row in house.fetch("SELECT last_answer FROM mails ORDER BY id")]
    assert answers[0].startswith("550")
    assert answers[1].startswith("554")
    assert "cannot be rendered" in answers[2]
    assert len(house.sink.mails) == 1
    assert minute(house) == [], "what has failed for good waits for a person"


def test_a_deferred_mail_waits_with_growing_pauses_and_is_sent_in_the_end(house: House) -> None:
    letter(house, "later@customers.example")
    letter(house, "good@customers.example")
    pauses = []
    for _ in range(5):
        house.run("deliver_mail")
        (row,) = house.fetch("SELECT * FROM mails WHERE state = 'waiting'")
        pauses.append(row["not_before"] - house.clock.now())
        house.run("deliver_mail")
        assert house.fetch("SELECT attempts FROM mails WHERE state = 'waiting'") == [{"attempts": row["attempts"]}]
        house.clock.instant = row["not_before"]
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16)]
    (details,) = house.fetch("SELECT id FROM billing_details WHERE email LIKE 'later%'")
    update(house.engine, "billing_details", details["id"], email="found@customers.example")
    house.run("deliver_mail")
    assert states(house) == ["sent", "sent"]
    (row,) = house.fetch("SELECT recipient FROM mails WHERE attempts > 1")
    assert row["recipient"] == "found@customers.example", "R16: the address at the moment of sending"


def test_a_mail_that_is_never_taken_fails_visibly_after_its_tries(house: House) -> None:
    letter(house, "later@customers.example")
    house.runtime = replace(house.runtime, mail=replace(house.runtime.mail, attempts_max=3))
    for _ in range(4):
        house.wait(hours=5)
        house.run("deliver_mail")
    assert house.fetch("SELECT state, attempts FROM mails") == [{"state": "failed", "attempts": 3}]


def test_a_lost_acceptance_is_sent_again_under_the_same_message_id(house: House) -> None:
    letter(house, "drop@customers.example")
    letter(house, "good@customers.example")
    house.run("deliver_mail")
    assert sorted(states(house)) == ["sent", "waiting"], "the connection's end holds up nobody"
    minute(house)
    ids = [each["Message-ID"] for each in house.sink.mails if str(each["To"]).startswith("drop")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_while_the_server_is_away_all_wait_and_none_is_lost(house: House) -> None:
    for name in ("a", "b", "c"):
        letter(house, f"{name}@customers.example")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    there = house.runtime.mailer

    def away() -> SmtpMailer:
        return SmtpMailer("127.0.0.1", port, username=None, password=None, starttls=False, timeout_s=1)

    house.runtime = replace(house.runtime, mailer=away)
    house.run("deliver_mail")
    assert states(house) == ["waiting"] * 3
    (item,) = house.fetch("SELECT state, last_error FROM work_items")
    assert item["state"] == "ready"
    assert "UnreachableError" in item["last_error"]
    house.runtime = replace(house.runtime, mailer=there)
    hurry(house)
    house.drain()
    assert states(house) == ["sent"] * 3


def test_a_deferred_mail_keeps_its_pause_when_its_item_is_tried_again(house: House) -> None:
    letter(house, "later@customers.example")
    letter(house, "good@customers.example")
    with dying_at("before:call:smtp.send", time=2):
        house.run("deliver_mail")
    assert states(house) == ["waiting", "waiting"]
    restart(house)
    house.drain()
    found = house.fetch("SELECT state, attempts FROM mails ORDER BY id")
    assert [(row["state"], row["attempts"]) for row in found] == [("waiting", 1), ("sent", 1)]


def test_what_would_mislead_by_now_is_withdrawn(house: House) -> None:
    late = letter(house, "a@customers.example")
    in_time = letter(house, "b@customers.example")
    update(house.engine, "mails", late, useless_on=house.clock.today())
    update(house.engine, "mails", in_time, useless_on=house.clock.today() + timedelta(days=1))
    house.run("deliver_mail")
    assert states(house) == ["withdrawn", "sent"]
    assert [str(each["To"]) for each in house.sink.mails] == ["b@customers.example"]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the dead do not close their connections
def test_a_death_at_any_door_sends_every_mail_and_none_twice_but_the_one_in_the_dialogue(house: House) -> None:
    letter(house, "first@customers.example")
    passed: list[str] = []
    with watching_doors(passed.append):
        house.run("deliver_mail")
    doors = list(dict.fromkeys(passed))
    assert "after:commit:mail.record" in doors
    for number, door in enumerate(doors):
        before = len(house.sink.mails)
        letter(house, f"one{number}@customers.example")
        letter(house, f"two{number}@customers.example")
        with dying_at(door) as passes:
            house.run("deliver_mail")
        assert passes, f"nobody came to {door}"
        restart(house)
        house.run("deliver_mail")
        came = [str(each["Message-ID"]) for each in house.sink.mails[before:]]
        assert len(set(came)) == 2, door
        heard = door in {"after:call:smtp.send", "before:commit:mail.record"}
        assert len(came) == (3 if heard else 2), f"accepted, and the acceptance written down, before the next: {door}"
    assert set(states(house)) == {"sent"}
    gc.collect()


def test_R16_an_invoice_goes_to_the_address_of_the_moment_with_the_bytes_that_are_kept(house: House) -> None:
    of: Subscriber = customer(house, email="old@customers.example", locale="pl")
    house.plan("renew")
    house.drain(pick=lambda job: job != "deliver_mail")
    (details,) = house.fetch("SELECT id FROM billing_details WHERE account_id = :of", of=of.account_id)
    update(house.engine, "billing_details", details["id"], email="new@customers.example")
    house.drain()
    (message,) = house.sink.mails
    assert str(message["To"]) == "new@customers.example"
    assert message["Content-Language"] == "pl"
    (attachment,) = list(message.iter_attachments())
    (kept,) = house.fetch("SELECT d.pdf_sha256, i.number FROM invoice_documents d JOIN invoices i ON true")
    content = attachment.get_content()
    assert content == house.pages(kept["pdf_sha256"])
    assert hashlib.sha256(content).hexdigest() == kept["pdf_sha256"]
    assert attachment.get_filename() == f"{kept['number']}.pdf"
