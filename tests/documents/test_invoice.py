"""The invoice as a PDF: its figures, its bytes, and hostile text in it."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pypdf
import pytest

from tests.documents.samples import snapshot, taxed
from worker.documents import invoice
from worker.documents.catalogues import locales
from worker.documents.invoice import SUBSTITUTE, render_invoice
from worker.errors import DocumentError


def pages(**changes: Any) -> list[str]:
    """The text of each page, with plain blanks."""
    reader = pypdf.PdfReader(io.BytesIO(render_invoice(snapshot(**changes)).pdf))
    return [" ".join(page.extract_text().replace("\u00a0", " ").split()) for page in reader.pages]


def line(net_minor: int) -> dict[str, Any]:
    return {"kind": "agents", "quantity": 1, "unit_price_minor": net_minor, "net_minor": net_minor}


def totals(gross_minor: int, /, **changes: int) -> dict[str, int]:
    return {
        "net_minor": gross_minor,
        "vat_minor": 0,
        "gross_minor": gross_minor,
        "credit_used_minor": 0,
        "paid_minor": gross_minor,
        "due_minor": 0,
    } | changes


@pytest.mark.parametrize(
    ("locale", "sentences"),
    [
        (
            "pl",
            [
                "Faktura 2026000123",
                "Data wystawienia 22 listopada 2026",
                "21 listopada 2026",
                "22 listopada 2026 – 21 grudnia 2026",
                "Agenci Pakiet Pro, miesięcznie 5 219,00 1 095,00",
                "Rozmów miesięcznie w jednym bloku: 100 2 79,00 158,00",
                "-18,50",
                "Razem 1 234,50 PLN",
                "-100,00 PLN",
                "Do zapłaty 0,00 PLN",
                "Zapłacono 21 listopada 2026 kartą Visa •••• 4242.",
                "Sprzedawca nie jest zarejestrowanym podatnikiem VAT.",
                "Strona 1 z 1",
            ],
        ),
        (
            "cs",
            [
                "Faktura 2026000123",
                "22. listopadu 2026 – 21. prosince 2026",
                "Operátoři Balíček Pro, měsíčně 5 219,00 1 095,00",
                "IČO: 12345678",
                "Zbývá uhradit 0,00 PLN",
                "Uhrazeno 21. listopadu 2026 kartou Visa •••• 4242.",
                "Dodavatel není plátcem DPH.",
                "Strana 1 z 1",
            ],
        ),
        (
            "de",
            [
                "Rechnung 2026000123",
                "Leistungszeitraum 22. November 2026 – 21. Dezember 2026",
                "Agenten Paket Pro, monatlich 5 219,00 1.095,00",
                "USt-IdNr.: PL5260001246",
                "Offener Betrag 0,00 PLN",
                "Bezahlt am 21. November 2026 mit Karte Visa •••• 4242.",
                "Der Verkäufer ist nicht für die Umsatzsteuer registriert.",
                "Seite 1 von 1",
            ],
        ),
        (
            "sk",
            [
                "Faktúra 2026000123",
                "22. novembra 2026 – 21. decembra 2026",
                "Operátori Balíček Pro, mesačne 5 219,00 1 095,00",
                "IČ DPH: PL5260001246",
                "Zostáva uhradiť 0,00 PLN",
                "Uhradené 21. novembra 2026 kartou Visa •••• 4242.",
                "Dodávateľ nie je platiteľom DPH.",
                "Strana 1 z 1",
            ],
        ),
        (
            "hu",
            [
                "Számla 2026000123",
                "2026. november 22. – 2026. december 21.",
                "Operátorok Pro csomag, havi 5 219,00 1 095,00",
                "Közösségi adószám: PL5260001246",
                "Még fizetendő 0,00 PLN",
                "Kifizetve: 2026. november 21., kártyával (Visa •••• 4242).",
                "Az eladó nincs áfaalanyként nyilvántartásba véve.",
                "1/1. oldal",
            ],
        ),
        (
            "en",
            [
                "Invoice 2026000123",
                "22 Nov 2026 – 21 Dec 2026",
                "Agents Pro package, monthly 5 219.00 1,095.00",
                "Total 1,234.50 PLN",
                "Amount due 0.00 PLN",
                "Paid on 21 Nov 2026 by card Visa •••• 4242.",
                "The seller is not registered for VAT.",
                "Poland",
                "VAT number: PL5260001246",
                "Page 1 of 1",
            ],
        ),
    ],
)
def test_the_page_tells_the_figures_in_its_language(locale: str, sentences: list[str]) -> None:
    (text,) = pages(locale=locale)
    assert [sentence for sentence in sentences if sentence not in text] == [], text


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize(
    ("payment", "word"),
    [
        ({"method": "paypal", "brand": None, "last4": None}, "PayPal"),
        ({"method": "card", "brand": None, "last4": None}, "2026"),
        ({"method": "credit", "brand": None, "last4": None}, "2026"),
    ],
)
def test_every_way_of_paying_has_its_sentence(locale: str, payment: dict[str, Any], word: str) -> None:
    (text,) = pages(locale=locale, payment=payment)
    assert word in text
    assert "4242" not in text


def test_a_yearly_package_and_a_carried_sum_are_told() -> None:
    (text,) = pages(
        locale="en",
        subscription={"external_id": "S", "package": "standard", "interval": "year"},
        lines=[line(1000), line(500) | {"kind": "carried"}],
        totals=totals(1500),
    )
    assert "Standard package, yearly" in text
    assert "Carried over from an earlier period 1 5.00 5.00" in text


@pytest.mark.parametrize(
    ("locale", "days"),
    [
        ("pl", "12 z 31 dni"),
        ("cs", "12 z 31 dní"),
        ("en", "12 of 31 days"),
        ("de", "12 von 31 Tagen"),
        ("sk", "12 z 31 dní"),
        ("hu", "31 napból 12 nap"),
    ],
)
def test_a_part_of_a_term_tells_its_days(locale: str, days: str) -> None:
    part = {"unit_price_minor": 3100, "net_minor": 1200, "days_left": 12, "days_whole": 31}
    block = {"kind": "conversations", "conversation_block": 100}
    (text,) = pages(locale=locale, lines=[line(0) | part, line(0) | part | block], totals=totals(2400))
    assert text.count(f" · {days} 1 31") == 2


def test_a_discount_is_a_sum_without_quantity_and_price() -> None:
    (text,) = pages(locale="en")
    assert "Goodwill discount -18.50 Total" in text


# What version 1 of the snapshots was printed as: typst, fonts, template and words together decide these bytes.
_VERSION_1 = {
    "pl": "773b58811346bf3d8e91fa171355406541fa8ce702e78cabea7b3a47805742bf",
    "cs": "6f2c22a09f98927b0e66c0ab408061edf84474c754d000ce1c24a7c23fedc583",
    "en": "d829c109a523e3cedc7d46338a8abe0b4393bfbb7342cae1733ae2cad7be6e63",
}


@pytest.mark.parametrize(("kind", "article"), [("outside_eu_vat", "44"), ("outside_eu_vat_consumer", "58")])
def test_R20_outside_the_eu_the_article_is_that_of_the_buyer(kind: str, article: str) -> None:
    paper = taxed("outside", "0", currency="USD", locale="en")
    paper["vat"]["words"] = [kind]
    text = pypdf.PdfReader(io.BytesIO(render_invoice(paper).pdf)).pages[0].extract_text()
    said = " ".join(text.replace("\u00a0", " ").split())
    assert "Outside the scope of EU VAT" in said
    assert f"(Art. {article} Directive 2006/112/EC)" in said


@pytest.mark.parametrize(("locale", "sha256"), _VERSION_1.items())
def test_a_snapshot_of_version_1_is_printed_as_ever(locale: str, sha256: str) -> None:
    old = snapshot(version=1, locale=locale)
    # version 1 sold agents, conversations and carried sums; nothing wrote discounts or notes then
    old["lines"][2] = line(350) | {"kind": "carried"}
    old["totals"] |= {"net_minor": 125650, "gross_minor": 125650, "paid_minor": 115650}
    assert hashlib.sha256(render_invoice(old).pdf).hexdigest() == sha256


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    first = render_invoice(snapshot()).pdf
    render_invoice(snapshot(locale="cs"))
    assert render_invoice(snapshot()).pdf == first
    assert render_invoice(snapshot(number="2026000124")).pdf != first


def test_threads_do_not_mix_up_their_invoices() -> None:
    numbers = [f"20260002{n:02d}" for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: pages(number=number)[0], numbers))
    assert [number in text for number, text in zip(numbers, found, strict=True)] == [True] * 12


def test_the_document_is_an_archive_pdf_with_only_our_fonts() -> None:
    reader = pypdf.PdfReader(io.BytesIO(render_invoice(snapshot()).pdf))
    metadata = reader.metadata
    assert metadata is not None
    assert metadata.title == "Faktura 2026000123"
    assert metadata.creation_date is not None
    assert metadata.creation_date.date().isoformat() == "2026-11-22"
    assert b"<pdfaid:part>3</pdfaid:part>" in cast("Any", reader.root_object["/Metadata"]).get_data()
    fonts = cast("Any", reader.pages[0]["/Resources"])["/Font"]
    assert {font.get_object()["/BaseFont"].split("+")[1].split("-")[0] for font in fonts.values()} == {"Inter"}


def test_many_lines_flow_over_pages_that_are_numbered() -> None:
    found = pages(lines=[line(100)] * 60, totals=totals(6000))
    assert len(found) > 1
    for number, text in enumerate(found, start=1):
        assert f"Strona {number} z {len(found)}" in text
    assert sum(text.count("Agenci") for text in found) == 60
    assert "Do zapłaty 0,00 PLN" in found[-1]


def test_typst_in_a_text_is_printed_and_not_run() -> None:
    hostile = '#read("/etc/passwd") #panic() $x^2$ *bold* \\ <label> @ref // no comment `raw`'
    buyer = snapshot()["buyer"] | {"name": hostile, "street": '#include "x"', "email": "{page}"}
    (text,) = pages(buyer=buyer, note=hostile + "\nsecond line")
    assert text.count('#read("/etc/passwd") #panic() $x^2$ *bold* \\ <label> @ref // no comment `raw`') == 2
    assert "Uwagi nabywcy" in text
    assert "second line" in text
    assert "root:" not in text


def test_a_short_note_stays_on_one_page_and_a_tall_one_is_marked_on_each() -> None:
    # so many rows that the sums still fit and the note beneath them does not
    full = {"lines": [line(100)] * 8, "totals": totals(800)}
    first, second = pages(note="\n".join(f"row {n}" for n in range(8)), **full)
    assert "row 0" not in first
    assert second.startswith("Uwagi nabywcy row 0 row 1")
    tall = pages(note="\n".join(f"r{n}" for n in range(125)))
    assert [page.count("Uwagi nabywcy") for page in tall] == [1] * len(tall)
    assert [f"r{n}" for page in tall for n in range(125) if f"r{n}" in page.split()] == [f"r{n}" for n in range(125)]


def test_text_that_no_line_can_hold_stays_on_the_page() -> None:
    rendered = render_invoice(snapshot(note="W" * 500))
    reader = pypdf.PdfReader(io.BytesIO(rendered.pdf))
    text = "".join(reader.pages[0].extract_text().replace("\u200b", "").split())
    assert "W" * 500 in text
    assert max(len(row) for row in reader.pages[0].extract_text().splitlines()) < 200


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("Zażółć gęślą jaźń őŐűŰ ľĽĺĹŕŔäô ěščřž ßẞ Ελληνικά Українська Ђђ İı", ()),
        ("發票 and 發", ("票", "發")),
        ("emoji 😀 and ไทย", ("ย", "ท", "ไ", "😀")),
        ("control \x00\x07 and \u202e direction", ()),
        ('quote " backslash \\ 漢', ("漢",)),
        ("👩‍💻 family", None),
        ("half a pair \ud800", ()),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 480))), None),
        ("य\u0e48 \u0483\u20dd\ue000\ufffe", None),
    ],
)
def test_a_character_without_a_glyph_never_costs_the_invoice(text: str, replaced: tuple[str, ...] | None) -> None:
    rendered = render_invoice(snapshot(note=text))
    if replaced is not None:
        assert rendered.replaced == tuple(sorted(replaced))
    page = pypdf.PdfReader(io.BytesIO(rendered.pdf)).pages[0].extract_text()
    assert (SUBSTITUTE in page) == bool(rendered.replaced)
    assert "Zapłacono" in page


def test_when_typst_keeps_refusing_only_what_is_certain_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice, "_ROUNDS", 0)
    rendered = render_invoice(snapshot(note="Żółć „tak” – 漢 Ελλ Жж 😀 ქ"))
    assert rendered.replaced == ("ქ", "漢", "😀")
    page = " ".join(pypdf.PdfReader(io.BytesIO(rendered.pdf)).pages[0].extract_text().split())
    assert "Żółć „tak” – □ Ελλ Жж □ □" in page
    assert "Visa •••• 4242" in page.replace("\u00a0", " ")


def test_a_broken_snapshot_is_refused_with_its_field() -> None:
    broken = snapshot()
    del broken["buyer"]["street"]
    with pytest.raises(DocumentError, match=r"invoice\.buyer\.street is missing"):
        render_invoice(broken)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 4}, "version"),
        ({"version": None}, "version"),
        ({"kind": "receipt"}, "kind"),
        ({"currency": "GBP"}, "currency"),
        ({"paid_on": "yesterday"}, "paid_on"),
        ({"totals": totals(100)}, "lines"),
        ({"totals": totals(123450, gross_minor=123451, paid_minor=123451)}, "gross"),
        ({"totals": totals(123450, paid_minor=100)}, "payment"),
        ({"totals": totals(123450, paid_minor=100, due_minor=123350)}, "after the money"),
        ({"totals": totals(123450, vat_minor=50, gross_minor=123500, paid_minor=123500)}, "VAT"),
        ({"period": {"starts_on": "2026-11-22", "ends_on": "2026-11-22"}}, "period"),
        ({"lines": [line(123450) | {"days_left": 12}]}, "days"),
        ({"lines": [line(123450) | {"days_left": 31, "days_whole": 30}]}, "days"),
        ({"lines": [line(123450) | {"days_left": 0, "days_whole": 30}]}, "days"),
        ({"lines": [line(123450) | {"unit_price_minor": 123449}]}, "quantity times its price"),
        ({"lines": [line(123450) | {"unit_price_minor": -123450}]}, "quantity times its price"),
        ({"vat": {"treatment": "not_registered", "words": ["unknown"], "rate": "0"}}, "words"),
    ],
)
def test_a_snapshot_that_contradicts_itself_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        render_invoice(snapshot(**changes))
