"""The pages of documents lie in the place of files: written before their row, and never sent unless they are sound."""

import hashlib
from pathlib import Path

import pytest

from tests.support.house import House
from tests.support.stories import customer, dying_at, hurry, restart
from worker.charging.pages import read_pages
from worker.errors import FileDamagedError, FileMissingError


def issued(house: House) -> str:
    """A renewal that was paid and invoiced, its mail still to be sent; returns the address of its pages."""
    customer(house)
    house.plan("renew")
    house.drain(pick=lambda job: job != "deliver_mail")
    (kept,) = house.fetch("SELECT pdf, pdf_sha256 FROM invoice_documents")
    assert kept["pdf"] is None
    address: str = kept["pdf_sha256"]
    return address


def lies_at(house: House, address: str) -> Path:
    return house.sink.folder.with_name("files") / address[:2] / address


def test_R16_pages_are_written_before_their_row_and_what_is_sent_is_what_is_kept(house: House) -> None:
    customer(house)
    house.plan("renew")
    with dying_at("after:call:files.put") as passes:
        house.drain(pick=lambda job: job != "deliver_mail")
    assert passes
    assert house.fetch("SELECT * FROM invoice_documents") == []
    restart(house)
    house.drain()
    (kept,) = house.fetch("SELECT pdf_sha256 FROM invoice_documents")
    (mail,) = [mail for mail in house.sink.mails if mail["X-Odnowa-Kind"] == "invoice_issued"]
    (attached,) = list(mail.iter_attachments())
    assert hashlib.sha256(attached.get_content()).hexdigest() == kept["pdf_sha256"]
    assert attached.get_content() == house.pages(kept["pdf_sha256"])


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_R16_a_mail_whose_pages_are_not_sound_is_not_sent_and_says_why(house: House, damage: str) -> None:
    address = issued(house)
    if damage == "missing":
        lies_at(house, address).unlink()
    else:
        lies_at(house, address).write_bytes(b"%PDF something else")
    house.drain()
    assert [mail for mail in house.sink.mails if mail["X-Odnowa-Kind"] == "invoice_issued"] == []
    (mail,) = house.fetch("SELECT state, last_answer FROM mails WHERE kind = 'invoice_issued'")
    assert mail["state"] == "failed", "`odnowa stuck` shows it"
    assert f"File{damage.capitalize()}Error: the file {address}" in mail["last_answer"]


def test_R16_while_the_place_of_files_is_away_mails_wait(house: House) -> None:
    issued(house)
    place = house.sink.folder.with_name("files")
    place.rename(place.with_name("elsewhere"))
    house.drain()
    (mail,) = house.fetch("SELECT state, attempts FROM mails WHERE kind = 'invoice_issued'")
    assert (mail["state"], mail["attempts"]) == ("waiting", 0)
    (item,) = house.fetch("SELECT state, last_error FROM work_items WHERE job = 'deliver_mail'")
    assert (item["state"], "is not there" in item["last_error"]) == ("ready", True)
    place.with_name("elsewhere").rename(place)
    hurry(house)
    house.drain()
    (mail,) = house.fetch("SELECT state FROM mails WHERE kind = 'invoice_issued'")
    assert mail["state"] == "sent"


def test_R16_pages_from_before_there_was_a_place_of_files_are_held_to_their_hash_too(house: House) -> None:
    address = issued(house)
    content = house.pages(address)
    (row,) = house.fetch("SELECT * FROM invoice_documents")
    lies_at(house, address).unlink()
    # as an older version wrote it, with a newer template, which wins
    columns = {"invoice_id": row["invoice_id"], "edition": 1, "template_version": 99, "pdf_sha256": address}
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO invoice_documents (invoice_id, edition, template_version, pdf_sha256, pdf) "
            "VALUES (%(invoice_id)s, %(edition)s, %(template_version)s, %(pdf_sha256)s, %(pdf)s)",
            {**columns, "pdf": content},
        )
    house.drain()
    (mail,) = [mail for mail in house.sink.mails if mail["X-Odnowa-Kind"] == "invoice_issued"]
    assert next(mail.iter_attachments()).get_content() == content
    with pytest.raises(FileDamagedError):
        read_pages(house.runtime.files, sha256=address, kept=content[:-1])
    with pytest.raises(FileMissingError):
        read_pages(house.runtime.files, sha256=address, kept=None)
