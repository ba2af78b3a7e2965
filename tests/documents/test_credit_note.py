"""The credit note as a PDF: what it corrects and why, its sums, and where the money goes (R14b, R15b, R18)."""

import io
from typing import Any

import pypdf
import pytest

from tests.documents.samples import credit_note, snapshot, whole_refund
from worker.documents.catalogues import locales
from worker.documents.invoice import render_invoice
from worker.errors import DocumentError

CARD = {"method": "card", "brand": "visa", "last4": "4242"}
PAYPAL = {"method": "paypal", "brand": None, "last4": None}
REPLACEMENT = {"number": "2026000131", "issued_on": "2026-12-11"}


def page(document: dict[str, Any]) -> str:
    """The text of its only page, with plain blanks."""
    (only,) = pypdf.PdfReader(io.BytesIO(render_invoice(document).pdf)).pages
    return " ".join(only.extract_text().replace("\u00a0", " ").split())


def ways(*, credit: int = 0, refund: int = 0, invoice: int = 0) -> dict[str, int]:
    gross_minor = credit + refund + invoice
    return {
        "net_minor": gross_minor,
        "vat_minor": 0,
        "gross_minor": gross_minor,
        "to_credit_minor": credit,
        "to_refund_minor": refund,
        "to_invoice_minor": invoice,
    }


@pytest.mark.parametrize(
    ("locale", "sentences"),
    [
        (
            "pl",
            [
                "Faktura korygująca D2026000007",
                "Data korekty 10 grudnia 2026",
                "Dotyczy faktury 2026000123 z 22 listopada 2026",
                "Zmiana subskrypcji: zwrot niewykorzystanej części okresu.",
                "10 grudnia 2026 – 21 grudnia 2026",
                "Agenci Pakiet Pro, miesięcznie · 12 z 30 dni 2 219,00 175,20",
                "Kwota korekty 175,20 PLN",
                "Kwotę 175,20 PLN zapisaliśmy na koncie jako środki: najpierw na opłacenie zmiany, potem na kolejne",
                "Kwoty faktury 2026000123 zmniejszają się o kwoty tej faktury korygującej.",
            ],
        ),
        (
            "cs",
            [
                "Dobropis D2026000007",
                "Opravuje fakturu 2026000123 ze dne 22. listopadu 2026",
                "Změna předplatného: vrácení nevyužité části období.",
                "Částka dobropisu 175,20 PLN",
                "Částku 175,20 PLN jsme připsali na účet jako kredit: nejprve na úhradu změny, potom na další platby.",
            ],
        ),
        (
            "de",
            [
                "Rechnungskorrektur D2026000007",
                "Korrigierte Rechnung 2026000123 vom 22. November 2026",
                "Änderung des Abonnements: Erstattung des ungenutzten Zeitraums.",
                "Korrekturbetrag 175,20 PLN",
                "Den Betrag von 175,20 PLN haben wir Ihrem Konto als Guthaben gutgeschrieben: zuerst für die Änderung",
            ],
        ),
        (
            "sk",
            [
                "Dobropis D2026000007",
                "Opravuje faktúru 2026000123 zo dňa 22. novembra 2026",
                "Zmena predplatného: vrátenie nevyužitej časti obdobia.",
                "Suma dobropisu 175,20 PLN",
                "Sumu 175,20 PLN sme pripísali na účet ako kredit: najprv na úhradu zmeny, potom na ďalšie platby.",
            ],
        ),
        (
            "hu",
            [
                "Jóváíró számla D2026000007",
                "Helyesbített számla 2026000123 kelte: 2026. november 22.",
                "Az előfizetés módosítása: a fel nem használt időszak díja visszajár.",
                "Jóváírt összeg 175,20 PLN",
                "175,20 PLN összeget jóváírtunk a fiókegyenlegen: először a módosítás díjára, majd a következő",
            ],
        ),
        (
            "en",
            [
                "Credit note D2026000007",
                "Corrects invoice 2026000123 of 22 Nov 2026",
                "The subscription was changed, and the unused part of the term is given back.",
                "Total credited 175.20 PLN",
                "175.20 PLN became account credit, which pays for the change first, then for your next charges.",
            ],
        ),
    ],
)
def test_R15b_the_unused_part_is_given_back_as_credit(locale: str, sentences: list[str]) -> None:
    text = page(credit_note(locale=locale))
    assert [sentence for sentence in sentences if sentence not in text] == [], text


@pytest.mark.parametrize("locale", locales())
def test_its_sums_bear_no_minus(locale: str) -> None:
    assert "-175" not in page(credit_note(locale=locale))
    assert "-1 134" not in page(whole_refund(locale=locale)).replace(",", " ")


def test_R14b_a_refund_tells_what_goes_where() -> None:
    text = page(whole_refund(locale="en"))
    assert "The payment is refunded." in text
    assert "Total credited 1,234.50 PLN Account credit 100.00 PLN Paid back 1,134.50 PLN" in text
    assert "100.00 PLN became account credit" in text
    assert "1,134.50 PLN goes back to card Visa •••• 4242." in text


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize(
    ("payment", "word"), [(CARD, "4242"), (PAYPAL, "PayPal"), (CARD | {"brand": None, "last4": None}, "123")]
)
def test_every_way_back_has_its_sentence(locale: str, payment: dict[str, Any], word: str) -> None:
    text = page(whole_refund(locale=locale, payment=payment, totals=ways(refund=123450)))
    assert word in text
    assert ("4242" in text) == (payment == CARD)


def test_a_part_of_the_money_without_days_is_marked_as_a_part() -> None:
    part = {"kind": "agents", "quantity": 5, "unit_price_minor": 21900, "net_minor": 5000}
    text = page(whole_refund(locale="en", lines=[part], totals=ways(refund=5000)))
    assert "Pro package, monthly · in part 5 219.00 50.00" in text


@pytest.mark.parametrize("locale", locales())
def test_R16_a_correction_names_the_invoice_that_replaces_the_wrong_one(locale: str) -> None:
    replaced = {"reason": "correction", "replaced_by": REPLACEMENT}
    text = page(whole_refund(locale=locale, totals=ways(refund=3450, invoice=120000), **replaced))
    assert text.count("2026000131") == 2, "among the shares, and in its sentence"
    credit = {"method": "credit", "brand": None, "last4": None}
    whole = page(whole_refund(locale=locale, totals=ways(invoice=123450), payment=credit, **replaced))
    assert whole.count("2026000131") == 1


def test_typst_in_its_texts_is_printed_and_not_run() -> None:
    hostile = '#read("/etc/passwd") *bold*'
    text = page(credit_note(number=hostile, corrects={"number": hostile, "issued_on": "2026-11-22"}, note=hostile))
    assert text.count(hostile) == 5, "number, footer, the corrected invoice twice, note"


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    first = render_invoice(credit_note()).pdf
    render_invoice(snapshot())
    assert render_invoice(credit_note()).pdf == first


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 1}, "version"),
        ({"reason": "whim"}, "reason"),
        ({"corrects": None}, "corrects"),
        ({"corrects": {"number": "1"}}, r"corrects\.issued_on"),
        ({"corrects": {"number": "1", "issued_on": "2026-12-12"}}, "older"),
        ({"corrected_on": "2026-12-12"}, "older"),
        ({"totals": ways(credit=17521)}, "lines"),
        ({"totals": ways(credit=17520) | {"to_credit_minor": 17519}}, "what goes where"),
        ({"totals": ways(credit=17521, invoice=-1)}, "negative part"),
        ({"lines": [], "totals": ways()}, "of nothing"),
        ({"totals": ways(credit=17520) | {"vat_minor": 1, "gross_minor": 17521, "to_credit_minor": 17521}}, "VAT"),
        ({"totals": ways(refund=17520)}, "by no way"),
        ({"payment": CARD}, "nothing by one"),
        ({"totals": ways(invoice=17520)}, "not named"),
        ({"replaced_by": REPLACEMENT}, "not named"),
        ({"totals": ways(invoice=17520), "replaced_by": REPLACEMENT}, "only a correction"),
    ],
)
def test_one_that_contradicts_itself_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        render_invoice(credit_note(**changes))
