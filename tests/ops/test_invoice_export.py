"""`odnowa invoice export`: the accountant's month, whose columns add up to the store."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import date
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.ops.conftest import Odnowa
from tests.support.bank import publish, register_seller
from tests.support.house import House
from tests.support.shopping import buy, newcomer, wish
from worker.ops.exporting import month as exporting
from worker.ops.exporting.documents import Document, Sums
from worker.ops.exporting.month import file_name
from worker.ops.exporting.sheets import Amount, Number, cell, percent
from worker.ops.exporting.summaries import Summaries

MARCH = ("invoice", "export", "--month", "2026-03", "--to")
REGISTERED = {"SELLER_VAT": "registered", "SELLER_VAT_NUMBER": "CZ25123891"}
EVIL = "=HYPERLINK(1)"


def sheet(archive: ZipFile, name: str) -> list[dict[str, str]]:
    raw = archive.read(name).decode("utf-8")
    assert raw.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(raw.removeprefix("\ufeff"), newline=""), delimiter=";"))


def minor(text: str) -> int:
    return int(Fraction(text.replace(",", ".")) * 100)


def a_month(house: House) -> None:
    """Two customers buy and change, one abroad by reverse charge; and a document of the month after."""
    register_seller(house)
    publish(house, date(2026, 3, 13), EUR="24.315")
    for name, country in (("shop", "PL"), ("other", "CZ")):
        newcomer(house, name, company=EVIL if name == "shop" else "Jiná s.r.o.", country=country)
        assert buy(house, name, wish("standard", "month", 3))["outcome"] == "paid"
    house.go_to(date(2026, 3, 18))
    for name in ("shop", "other"):
        assert buy(house, name, wish(agents=5))["outcome"] == "paid"
    house.go_to(date(2026, 4, 1))
    publish(house, date(2026, 3, 31), EUR="25")
    newcomer(house, "late")
    assert buy(house, "late", wish("standard", "month", 1))["outcome"] == "paid"


def test_R16_R20_the_month_has_all_its_documents_and_its_columns_add_up_to_the_store(
    odnowa: Odnowa, house: House, tmp_path: Path
) -> None:
    a_month(house)
    result = odnowa(*MARCH, "march.zip", env=REGISTERED)
    assert result.stdout == "march.zip: 4 invoices and 2 credit notes of 2026-03\n"
    stored = house.fetch("SELECT * FROM invoices WHERE issued_on < '2026-04-01' ORDER BY series, sequence")
    with ZipFile(tmp_path / "march.zip") as archive:
        lines = sheet(archive, "documents.csv")
        names = archive.namelist()
        assert sheet(archive, "ec_sales_list.csv") == []
        _one_stop_shop_is_told(lines, sheet(archive, "oss.csv"))
        assert "not guessed" in " ".join(archive.read("README.txt").decode().split())
        pages = {row["number"]: sha256(archive.read(f"pdf/{row['number']}.pdf")).hexdigest() for row in stored}
    assert names == [*(f"pdf/{row['number']}.pdf" for row in stored), "documents.csv", *names[-3:]]
    assert names[-3:] == ["ec_sales_list.csv", "oss.csv", "README.txt"]
    sent = house.fetch("SELECT i.number, d.pdf_sha256 FROM invoices i JOIN invoice_documents d ON d.invoice_id = i.id")
    assert pages.items() <= {row["number"]: row["pdf_sha256"] for row in sent}.items(), "as sent"
    assert [line["number"] for line in lines] == [row["number"] for row in stored]
    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for row, line in zip(stored, lines, strict=True):
        sign = -1 if row["kind"] == "credit_note" else 1
        for name in ("net", "vat", "gross"):
            expected[name] += sign * row[f"{name}_minor"]
            expected[f"home_{name}"] += sign * row["snapshot"]["exchange"][f"{name}_minor"]
            found[name] += minor(line[name])
            found[f"home_{name}"] += minor(line[f"home_{name}"])
        assert (line["exchange_rate"], line["exchange_on"]) == ("24,315", "2026-03-13")
        assert (line["currency"], line["home_currency"]) == ("EUR", "CZK")
        assert line["payment_method"] == row["snapshot"]["payment"]["method"]
    assert found == expected
    assert found["gross"] > 0
    intents = house.fetch("SELECT provider_intent FROM charges ORDER BY id")
    paid_by_card = {line["provider_id"] for line in lines if line["payment_method"] == "card"}
    assert paid_by_card <= {row["provider_intent"] for row in intents}
    assert paid_by_card
    (note,) = [line for line in lines if line["account"] == "shop" and line["kind"] == "credit_note"]
    assert (note["corrects"], note["tax_on"]) == ("2026000001", "2026-03-18")
    assert {line["buyer"] for line in lines} == {f"'{EVIL}", "Jiná s.r.o."}


def _one_stop_shop_is_told(lines: list[dict[str, str]], one_stop: list[dict[str, str]]) -> None:
    """By country and rate, in the currency of the documents."""
    of_oss = [line for line in lines if line["treatment"] == "one_stop_shop"]
    assert len(of_oss) == 3, "two invoices and the credit note between them"
    (poland,) = one_stop
    assert (poland["country"], poland["vat_rate"], poland["currency"], poland["documents"]) == ("PL", "23", "EUR", "3")
    for name in ("net", "vat"):
        assert minor(poland[name]) == sum(minor(line[name]) for line in of_oss) > 0


def reversed_charge(number: str, net_minor: int, *, tax_on: date = date(2026, 3, 31)) -> Document:
    sums = Sums("EUR", net_minor, 0, net_minor)
    home = Sums("CZK", 24 * net_minor, 0, 24 * net_minor)
    return Document("1", "invoice", tax_on, number[:2], number, "reverse_charge", Number("0"), sums, home, [])


def test_R20_reverse_charges_are_told_by_vat_number_and_month_and_credit_notes_take_off() -> None:
    summaries = Summaries()
    february = date(2026, 2, 28)
    for document in (
        reversed_charge("DE136695976", 10_000),
        reversed_charge("AT-U1", 500),
        reversed_charge("DE136695976", -2_500),
        reversed_charge("DE136695976", 700, tax_on=february),
        replace(reversed_charge("DE136695976", 900), treatment="home"),
    ):
        summaries.add(document)
    assert [list(map(cell, row)) for row in summaries.ec_sales()][1:] == [
        ["2026-02", "DE", "DE136695976", "CZK", "168,00", "1"],
        ["2026-03", "AT", "AT-U1", "CZK", "120,00", "1"],
        ["2026-03", "DE", "DE136695976", "CZK", "1800,00", "2"],
    ]
    assert len(list(summaries.oss())) == 1


def test_R16_the_same_month_makes_the_same_bytes_page_by_page(
    odnowa: Odnowa, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_month(house)
    odnowa(*MARCH, "one.zip", env=REGISTERED)
    monkeypatch.setattr(exporting, "PAGE", 2)
    odnowa(*MARCH, "two.zip", env=REGISTERED)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    told = json.loads(odnowa("invoice", "export", "--month", "2026-02", "--to", "none.zip", "--json").stdout)
    assert told == {"file": "none.zip", "month": "2026-02", "invoices": 0, "credit_notes": 0}


def test_R16_a_month_that_cannot_be_whole_is_not_written_at_all(odnowa: Odnowa, house: House, tmp_path: Path) -> None:
    a_month(house)
    (tmp_path / "kept.zip").write_text("mine")
    (row,) = house.fetch("SELECT d.pdf_sha256 FROM invoice_documents d JOIN invoices i ON i.id = d.invoice_id LIMIT 1")
    lost = tmp_path / "files" / row["pdf_sha256"][:2] / row["pdf_sha256"]
    lost.write_bytes(b"%PDF other")
    cases = [
        (("--month", "2026-03", "--to", "kept.zip"), 1, "kept.zip: File exists"),
        (("--month", "2026-03", "--to", "march.zip"), 1, "has other bytes"),
        (("--month", "2999-01", "--to", "march.zip"), 1, "has not come"),
        (("--month", "2026-13", "--to", "march.zip"), 2, "no month like 2026-11"),
        (("--month", "2026-03", "--to", "nowhere/march.zip"), 1, "No such file"),
    ]
    for arguments, code, words in cases:
        result = odnowa("invoice", "export", *arguments)
        assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
    assert (tmp_path / "kept.zip").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith((".", "march"))) == []
    with house.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE invoice_documents DISABLE TRIGGER USER")
        connection.exec_driver_sql("DELETE FROM invoice_documents")
        connection.exec_driver_sql("ALTER TABLE invoice_documents ENABLE TRIGGER USER")
    assert "was not printed yet" in odnowa(*MARCH, "march.zip").stderr


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1"])
def test_no_text_is_a_formula_and_sums_stay_numbers(evil: str) -> None:
    assert cell(evil) == f"'{evil}"
    assert [cell(Amount(value)) for value in (-5, 0, 123_456)] == ["-0,05", "0,00", "1234,56"]
    assert (cell(Number("24.315")), cell(7), cell(None), cell("a=1")) == ("24,315", "7", "", "a=1")
    assert [cell(percent(rate)) for rate in ("23", "25.5", "51/2")] == ["23", "25,5", "25,50"]


@pytest.mark.parametrize("number", ["../../etc/passwd", "a/b", "..", "C:\\x", "F 2026", "ž1", "\x00"])
def test_a_number_is_a_file_name_that_leads_nowhere_else(number: str) -> None:
    named = file_name(number)
    assert not set(named) & set("/\\:. \x00")
    assert named.isascii()
    assert file_name("FV-2026000001") == "FV-2026000001"
