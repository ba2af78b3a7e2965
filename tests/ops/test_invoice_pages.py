"""`odnowa invoice pdf` and `render`: pages into a file, and back into the place of files, as they were sent."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.ops.conftest import Odnowa
from tests.ops.test_invoices import a_change_with_note
from tests.support.house import House

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
