"""`odnowa invoice`: what was issued, and its pages."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.ops.conftest import Odnowa
from tests.support.house import House
from tests.support.shopping import buy, caller, newcomer, wish
from worker.desk.invoice_note import write_invoice_note
from worker.errors import SettingsError
from worker.runtime import Runtime


def a_change_with_note(house: House) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3))
    buy(house, "shop", wish(agents=4))
    write_invoice_note(house.runtime, caller("shop"), note="PO [red]7", invoice_number="2026000002", request_id="n")
    house.drain()


def test_the_list_has_invoices_and_credit_notes(odnowa: Odnowa, house: House) -> None:
    a_change_with_note(house)
    listed = json.loads(odnowa("invoice", "list", "shop", "--json").stdout)
    assert [(one["number"], one["kind"], one["corrects"], one["editions"]) for one in listed] == [
        ("2026000001", "invoice", None, 1),
        ("2026000002", "invoice", None, 2),
        ("D2026000001", "credit_note", "2026000001", 1),
    ]
    said = odnowa("invoice", "list", "shop").stdout
    assert "D2026000001" in said
    assert "57.00 EUR" in said
    newcomer(house, "new")
    assert "Invoices of new: none" in odnowa("invoice", "list", "new").stdout


def test_R17_the_newest_pages_are_written_or_an_edition_that_was_asked_for(
    odnowa: Odnowa, house: House, tmp_path: Path
) -> None:
    a_change_with_note(house)
    said = odnowa("invoice", "show", "2026000002", "--pdf", "new.pdf").stdout
    assert "PO [red]7" in said
    assert odnowa("invoice", "show", "2026000002", "--pdf", "old.pdf", "--edition", "1").exit_code == 0
    shown = json.loads(odnowa("invoice", "show", "2026000002", "--json").stdout)
    first, second = (one["pdf_sha256"] for one in shown["editions"])
    assert sha256((tmp_path / "new.pdf").read_bytes()).hexdigest() == second
    assert sha256((tmp_path / "old.pdf").read_bytes()).hexdigest() == first
    assert shown["snapshot"]["note"] is None


def test_what_is_not_there_is_told_in_one_line_and_no_file_is_overwritten(
    odnowa: Odnowa, house: House, tmp_path: Path
) -> None:
    a_change_with_note(house)
    (tmp_path / "kept.pdf").write_text("mine")
    for arguments, words in (
        (("list", "nobody"), "no account is called nobody"),
        (("show", "2026000009"), "no invoice or credit note has the number 2026000009"),
        (("show", "2026000001", "--edition", "2"), "has 1 printed editions"),
        (("show", "2026000001", "--pdf", "kept.pdf"), "kept.pdf: File exists"),
    ):
        result = odnowa("invoice", *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert (tmp_path / "kept.pdf").read_text() == "mine"


def test_R18_one_prefix_for_both_series_is_refused_before_a_number_repeats(make: Callable[..., Runtime]) -> None:
    with pytest.raises(SettingsError, match="CREDIT_NOTE_PREFIX"):
        make(invoice_prefix="D")
