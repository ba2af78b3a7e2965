"""`odnowa invoice pdf` and `render`: pages into a file, and back into the place of files, as they were sent."""

import io
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pypdf
import pytest

from tests.ops.conftest import Odnowa
from tests.ops.test_invoices import a_change_with_note
from tests.support.house import House
from worker.documents.logo import Logo

NOTED = "2026000002"


def shown(odnowa: Odnowa, number: str = NOTED) -> list[dict[str, Any]]:
    editions: list[dict[str, Any]] = json.loads(odnowa("invoice", "show", number, "--json").stdout)["editions"]
    return editions


def test_R16_the_pages_are_those_that_were_sent(odnowa: Odnowa, house: House, tmp_path: Path) -> None:
    a_change_with_note(house)
    first, second = (one["pdf_sha256"] for one in shown(odnowa))
    assert odnowa("invoice", "pdf", NOTED, "--to", "new.pdf").stdout == "new.pdf: 2026000002, edition 2\n"
    told = json.loads(odnowa("invoice", "pdf", NOTED, "--edition", "1", "--to", "old.pdf", "--json").stdout)
    assert (told["edition"], told["pdf_sha256"]) == (1, first)
    assert sha256((tmp_path / "new.pdf").read_bytes()).hexdigest() == second
    assert sha256((tmp_path / "old.pdf").read_bytes()).hexdigest() == first
    for arguments, words in (
        (("pdf", NOTED, "--to", "old.pdf"), "old.pdf: File exists"),
        (("pdf", NOTED, "--to", "x.pdf", "--edition", "3"), "has 2 printed editions"),
        (("pdf", "2026000009", "--to", "x.pdf"), "no invoice or credit note has the number 2026000009"),
    ):
        result = odnowa("invoice", *arguments)
        assert (result.exit_code, words in result.stderr) == (1, True)
    assert not (tmp_path / "x.pdf").exists()


def test_R16_lost_pages_are_printed_again_to_the_last_byte(odnowa: Odnowa, house: House, tmp_path: Path) -> None:
    a_change_with_note(house)
    first, second = (tmp_path / "files" / one["pdf_sha256"][:2] / one["pdf_sha256"] for one in shown(odnowa))
    first.unlink()
    second.write_bytes(b"%PDF other")
    assert "is missing in" in odnowa("invoice", "pdf", NOTED, "--to", "x.pdf", "--edition", "1").stderr
    assert "has other bytes" in odnowa("invoice", "pdf", NOTED, "--to", "x.pdf").stderr
    assert not (tmp_path / "x.pdf").exists(), "never served"
    result = odnowa("invoice", "render", NOTED, "--reason", "a disk", "--by", "eva")
    assert [line.partition(": ")[2] for line in result.stdout.splitlines()] == [
        "was missing, is intact",
        "was damaged, is intact",
    ]
    for file in (first, second):
        assert sha256(file.read_bytes()).hexdigest() == file.name
    again = json.loads(odnowa("invoice", "render", NOTED, "--edition", "1", "--reason", "again", "--json").stdout)
    assert [one["was"] for one in again["editions"]] == ["intact"]
    (audited,) = house.fetch("SELECT actor, reason, details FROM audit_log WHERE act = 'invoice_render'")
    assert (audited["actor"], audited["reason"]) == ("eva", "a disk")
    assert audited["details"] == {"number": NOTED, "editions": [1, 2]}


def test_R16_pages_that_come_out_otherwise_are_not_put_in_place_of_those_that_were_sent(
    odnowa: Odnowa, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_change_with_note(house)
    (edition,) = shown(odnowa, "D2026000001")
    (tmp_path / "files" / edition["pdf_sha256"][:2] / edition["pdf_sha256"]).unlink()
    before = sorted((tmp_path / "files").rglob("*"))
    monkeypatch.setattr("worker.ops.invoice_pages._sha256", lambda content: "0" * len(content))
    result = odnowa("invoice", "render", "D2026000001", "--reason", "a disk")
    assert result.exit_code == 1
    assert "get it back from a backup" in result.stderr
    assert sorted((tmp_path / "files").rglob("*")) == before


def test_the_doctor_tries_out_the_place_of_files(odnowa: Odnowa, tmp_path: Path) -> None:
    said = odnowa("doctor").stdout
    assert f"ok    files: {tmp_path / 'files'} can be written and read back" in said
    (tmp_path / "blocked").write_text("a file")
    said = odnowa("doctor", env={"FILES_URL": str(tmp_path / "blocked")}).stdout
    assert "FAIL  files: the place of files" in said


def test_R18_the_XML_is_what_the_pages_bear(odnowa: Odnowa, house: House, tmp_path: Path) -> None:
    a_change_with_note(house)
    assert odnowa("invoice", "xml", "2026000001", "--to", "one.xml").stdout == "one.xml: 2026000001\n"
    [shown_now] = shown(odnowa, "2026000001")
    pages = pypdf.PdfReader(io.BytesIO(house.pages(shown_now["pdf_sha256"])))
    assert dict(pages.attachments)["factur-x.xml"] == [(tmp_path / "one.xml").read_bytes()]
    again = odnowa("invoice", "xml", "2026000001", "--to", "one.xml")
    assert (again.exit_code, "File exists" in again.stderr) == (1, True)


def test_R17_a_later_note_makes_a_copy_that_says_so(odnowa: Odnowa, house: House) -> None:
    a_change_with_note(house)
    as_issued, copy = (pypdf.PdfReader(io.BytesIO(house.pages(one["pdf_sha256"]))) for one in shown(odnowa))
    assert "Copy with a note" not in as_issued.pages[0].extract_text()
    assert "Copy with a note" in copy.pages[0].extract_text()


def test_the_sellers_mark_is_frozen_with_the_document(odnowa: Odnowa, house: House) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'
    house.runtime = replace(house.runtime, logo=Logo("svg", svg))
    a_change_with_note(house)
    [snapshot] = house.fetch("SELECT snapshot FROM invoices WHERE number = '2026000001'")
    assert house.pages(snapshot["snapshot"]["seller"]["logo"]["sha256"]) == svg
    [printed] = shown(odnowa, "2026000001")
    lost = Path(house.runtime.files._url) / printed["pdf_sha256"][:2] / printed["pdf_sha256"]
    lost.unlink()
    result = odnowa("invoice", "render", "2026000001", "--reason", "a disk")
    assert result.stdout == "2026000001, edition 1: was missing, is intact\n", "also where no mark is set now"
