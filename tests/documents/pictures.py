"""Pictures of documents, mails and the console for people to look at: `make pictures` writes them to docs/pictures.

Documents are drawn by typst. Mails are drawn by Chromium, as a phone and a desk show them, where it is installed; where
it is not, the command says so and leaves the pictures of mails as they are.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import typst

from tests.browser import pictures as console
from tests.documents.papers import PAPERS
from tests.documents.samples import MAILS, SELLER, credit_note, snapshot, taxed, taxed_credit_note
from worker.documents.catalogues import TEMPLATES, locales
from worker.documents.invoice_snapshot import read_snapshot
from worker.documents.invoice_view import view
from worker.documents.mail import render_mail
from worker.errors import RefusedError
from worker.sandbox.demo import FOLDER as DEMO
from worker.sandbox.processes import CHECKOUT

FOLDER = CHECKOUT / "docs" / "pictures"
DPI = 80
_PHONE, _DESK = (390, 900), (760, 900)
_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 48"><g fill="none" stroke="#0f6b5c" stroke-width="6">'
    '<circle cx="24" cy="24" r="17"/><path d="M24 12v12l9 6"/></g><g fill="#0f6b5c"><rect x="58" y="14" width="90" '
    'height="8" rx="4"/><rect x="58" y="28" width="140" height="8" rx="4"/></g></svg>'
)
_BUYERS = {
    "pl": ("PL", "Kwiaciarnia Źródło", "ul. Kwiatowa 7", "80-001", "Gdańsk", "PL5260001246"),
    "en": ("IE", "O'Malley's Tea House Ltd", "High Street 12", "T12 X70A", "Cork", None),
    "cs": ("CZ", "Květinářství Růžička s.r.o.", "Dlouhá třída 5", "602 00", "Brno", None),
    "de": ("DE", "Blumenhaus Löwenzahn GmbH", "Lindenstraße 3", "50667", "Köln", None),
    "sk": ("SK", "Kníhkupectvo Ľalia a.s.", "Štúrova 9", "040 01", "Košice", "SK2020317068"),
    "hu": ("HU", "Könyvesbolt Őszirózsa Kft.", "Fő utca 21.", "1011", "Budapest", None),
}
_SALES = {
    "pl": ("reverse_charge", "0", "PLN"),
    "en": ("one_stop_shop", "23", "EUR"),
    "cs": ("home", "21", "EUR"),
    "de": ("one_stop_shop", "19", "EUR"),
    "sk": ("reverse_charge", "0", "EUR"),
    "hu": ("one_stop_shop", "27", "EUR"),
}


def invoice(locale: str) -> dict[str, Any]:
    """An invoice as a buyer of that language has it."""
    country, name, street, postcode, city, number = _BUYERS[locale]
    treatment, rate, currency = _SALES[locale]
    buyer = {"name": name, "street": street, "postcode": postcode, "city": city, "country": country}
    more = {"email": "faktury@shop.example", "vat_number": number}
    note = "Objednávka 7/2026, středisko 12" if locale == "cs" else None
    return taxed(treatment, rate, currency=currency, locale=locale, buyer=buyer | more, note=note)


def documents() -> dict[str, dict[str, Any]]:
    """What is drawn, by the name of the picture."""
    found = {f"invoice-{locale}": invoice(locale) for locale in locales() if locale in _BUYERS}
    found["invoice-not-registered"] = snapshot(locale="en")
    found["credit-note-cs"] = taxed_credit_note("home", "21") | {"locale": "cs"}
    found["credit-note-not-registered"] = credit_note(locale="en")
    found["invoice-200-lines"] = PAPERS["200 lines by PayPal"]
    return found


def draw_document(paper: dict[str, Any], name: str) -> None:
    """One picture of each page that differs: the first two and the last of a long one."""
    logo = {"format": "svg", "text": _LOGO} if name == "invoice-cs" else None
    page = {**view(read_snapshot(paper)), "xml": "", "logo": logo}
    drawn: Any = typst.compile(  # one picture, or a list where there are several pages
        str(TEMPLATES / "invoice" / "invoice.typ"),
        root=str(TEMPLATES / "invoice"),
        font_paths=[str(TEMPLATES / "fonts")],
        ignore_system_fonts=True,
        format="png",
        ppi=DPI,
        sys_inputs={"page": json.dumps(page, ensure_ascii=False)},
    )
    pages = drawn if isinstance(drawn, list) else [drawn]
    if len(pages) == 1:
        (FOLDER / f"{name}.png").write_bytes(pages[0])
        return
    for number in sorted({1, 2, len(pages)}):
        (FOLDER / f"{name}-{number}.png").write_bytes(pages[number - 1])


def draw_mail(chromium: str, kind: str, locale: str, size: tuple[int, int], name: str, **more: object) -> None:
    """The HTML of a mail as a window of that size shows it; `more` adds to the sample's facts."""
    html = render_mail(kind, locale=locale, data={**MAILS[kind], **more}, seller=SELLER).html
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "mail.html"
        page.write_text(html, encoding="utf-8")
        width, height = size
        subprocess.run(
            [
                *(chromium, "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"),
                f"--user-data-dir={folder}/profile",
                f"--window-size={width},{height}",
                f"--screenshot={FOLDER / name}.png",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


def main() -> int:
    """Draw all of it. Returns the exit code: 3 where mails could not be drawn."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, paper in documents().items():
        draw_document(paper, name)
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium, so the pictures of mails stay as they are; on Debian: apt install chromium")  # noqa: T201 - a command speaks
        return 3
    for locale in locales():
        draw_mail(chromium, "invoice_issued", locale, _DESK, f"mail-{locale}")
    draw_mail(chromium, "vat_number_not_confirmed", "pl", _PHONE, "mail-phone-pl")
    draw_mail(chromium, "reactivated", "de", _PHONE, "mail-phone-de")
    draw_mail(chromium, "invoice_issued", "cs", _PHONE, "mail-corrected-phone-cs", replaces="2026000041")
    try:
        drawn = console.draw(FOLDER, demo=DEMO, chromium=chromium)
        print(f"{drawn} pictures of the console over the demo's data")  # noqa: T201 - the same
    except RefusedError as error:
        print(f"the pictures of the console stay as they are: {error} (make demo)")  # noqa: T201 - the same
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(CHECKOUT)}")  # noqa: T201 - the same
    return 0


if __name__ == "__main__":
    sys.exit(main())
