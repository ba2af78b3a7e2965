"""The customer's note: frozen into invoices to come, and printed as a new edition of an issued one (R17)."""

import io

import pypdf
import pytest

from tests.support.house import House
from tests.support.shopping import buy, caller, fresh, newcomer, ordered, quoted, wish
from tests.support.stories import dying_at, restart
from worker.desk.invoice_note import write_invoice_note
from worker.errors import ActRefusedError

COPY = "Copy with a note added by the customer after the issue; all else is as issued."
BOX = "Customer's note"
FIRST = "2026000001"


def bought(house: House) -> None:
    newcomer(house, "shop")
    buy(house, "shop", wish("standard", "month", 3))


def write(house: House, note: str, number: str | None = None) -> int:
    done = write_invoice_note(
        house.runtime, caller("shop"), note=note, invoice_number=number, request_id=fresh(house, "note")
    )
    version: int = done.result["version"]
    return version


def editions(house: House, number: str = FIRST) -> list[str]:
    """The text of each printed edition, oldest first."""
    found = house.fetch(
        """SELECT d.pdf_sha256 FROM invoice_documents d JOIN invoices i ON i.id = d.invoice_id
           WHERE i.number = :number ORDER BY d.edition""",
        number=number,
    )
    pages = [pypdf.PdfReader(io.BytesIO(house.pages(row["pdf_sha256"]))).pages[0] for row in found]
    return [" ".join(page.extract_text().replace("\u00a0", " ").split()) for page in pages]


def test_R17_a_note_for_all_to_come_is_frozen_into_each_invoice_as_it_stands_at_the_issue(house: House) -> None:
    newcomer(house, "shop")
    write(house, "Order 7")
    write(house, "Order 8\nthank you")
    buy(house, "shop", wish("standard", "month", 3))
    write(house, "")
    buy(house, "shop", wish(agents=4))
    found = house.fetch("SELECT snapshot -> 'note' AS note FROM invoices WHERE kind = 'invoice' ORDER BY id")
    assert [row["note"] for row in found] == ["Order 8\nthank you", None]
    assert f"{BOX} Order 8 thank you" in editions(house)[0]
    assert BOX not in editions(house, "2026000002")[0]


def test_R17_a_note_for_an_issued_invoice_prints_an_edition_in_which_only_the_note_differs(house: House) -> None:
    bought(house)
    paper = "SELECT * FROM invoices"
    (before,) = house.fetch(paper)
    (issued,) = house.fetch("SELECT * FROM invoice_documents")
    assert write(house, "PO 4711", FIRST) == 1
    house.drain()
    assert write(house, "", FIRST) == 2
    house.drain()
    house.run("issue_invoices")
    assert house.fetch(paper) == [before], "tax content, number and dates do not change"
    kept = house.fetch("SELECT * FROM invoice_documents ORDER BY edition")
    assert [row["edition"] for row in kept] == [1, 2, 3], "each printed version is kept, and twice is harmless"
    assert kept[0] == issued
    plain, noted, without = editions(house)
    assert noted.replace(f" {BOX} PO 4711", "").replace(f" {COPY}", "") == plain == without
    assert COPY in noted, "what was printed for a later note says so"
    assert BOX not in without
    assert kept[2]["pdf_sha256"] == kept[0]["pdf_sha256"], "the empty note takes the box back"
    assert [kind for kind, _ in house.mails()] == ["invoice_issued"], "nobody is mailed a second invoice"


def test_R17_the_newest_edition_is_the_one_that_is_mailed(house: House) -> None:
    newcomer(house, "shop")
    shown = quoted(house, "shop", wish("standard", "month", 3))
    ordered(house, "shop", shown["quote"])
    house.drain(pick=lambda job: job != "deliver_mail")
    write(house, "PO 4711", FIRST)
    house.drain(pick=lambda job: job != "deliver_mail")
    house.drain()
    (mail,) = house.sink.mails
    (attached,) = list(mail.iter_attachments())
    kept = house.fetch("SELECT pdf_sha256 FROM invoice_documents ORDER BY edition")
    assert attached.get_content() == house.pages(kept[1]["pdf_sha256"])


@pytest.mark.parametrize("door", ["after:commit:desk.invoice_note", "before:commit:invoices.render"])
def test_R17_a_note_whose_worker_died_is_printed_by_the_next_run(house: House, door: str) -> None:
    bought(house)
    with dying_at(door) as passes:
        write(house, "PO 4711", FIRST)
        house.drain()
    assert passes
    restart(house)
    house.run("issue_invoices")
    assert "PO 4711" in editions(house)[1]
    assert len(editions(house)) == 2


def test_R17_notes_written_at_once_are_an_edition_each(house: House) -> None:
    bought(house)
    for note in ("one", "two", "three"):
        write(house, note, FIRST)
    house.drain()
    printed = editions(house)
    assert [BOX in text for text in printed] == [False, True, True, True]
    assert printed[3].count("three") == 1


def test_R17_a_credit_note_bears_no_note_of_the_customer(house: House) -> None:
    bought(house)
    write(house, "on all of them")
    buy(house, "shop", wish(agents=4))
    with pytest.raises(ActRefusedError, match="no invoice 'D2026000001'"):
        write(house, "PO 4711", "D2026000001")
    assert BOX not in editions(house, "D2026000001")[0]
