"""Scenes of a seller who is registered for VAT: numbers that VIES is asked about, rates of exchange, tax documents."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import gettempdir

from tests.crash.other_scenes import typed
from tests.crash.scenes import STAND_INS, Made, of_act, of_job, of_other
from tests.support.bank import Bank, publish
from tests.support.builders import rows, subscriber
from tests.support.house import PRAGUE, House
from tests.support.register import Register
from tests.support.shopping import caller
from tests.support.stories import customer
from worker.desk.request import Role
from worker.desk.resend_invoice import resend_invoice
from worker.desk.vat_check import check_now

DAYS = timedelta(days=1)
WEDNESDAY = date(2026, 11, 25)
LIST = """24 Nov 2026 #226
Country|Currency|Amount|Code|Rate
EMU|euro|1|EUR|24.310
Poland|zloty|1|PLN|5.712
USA|dollar|1|USD|20.901
"""


def _numbers(house: House) -> Made:
    register = Register(STAND_INS["vies"])
    register.forget()
    register.tell("numbers", {"PL5260001246": "VALID", "DE136695976": "INVALID"})
    far = house.clock.today() + 200 * DAYS
    for name, number in (("valid", "PL5260001246"), ("invalid", "DE136695976")):
        subscriber(house.engine, external_id=name, vat_number=number, country=number[:2], ends_on=far)


@of_job("check_vat_numbers", registered=True)
def check_new_numbers(house: House) -> Made:
    """One that VIES confirms, one that it does not know: that customer is told, once."""
    _numbers(house)


@of_other("operator", _numbers, registered=True)
def check_a_number_now(house: House, made: Made) -> object:
    """`odnowa vat check`: the answer is evidence at once."""
    del made
    return check_now(house.runtime, "invalid").outcome.value


def _at_the_bank(house: House) -> None:
    bank = Bank(STAND_INS["bank"])
    bank.forget()
    house.go_to(WEDNESDAY, at=time(14, 45))
    bank.go_to(datetime.combine(WEDNESDAY, time(14, 45), PRAGUE).astimezone(UTC))


@of_job("fetch_exchange_rates", registered=True)
def fetch_rates_that_invoices_wait_for(house: House) -> Made:
    """A renewal in euros is paid, and its invoice waits for the bank's list."""
    _at_the_bank(house)
    customer(house)
    house.run("renew")
    assert rows(house.engine, "SELECT 1 AS one FROM invoices") == [], "it waits"


@of_job("renew", registered=True)
def renew_with_vat(house: House) -> Made:
    """A customer in the seller's country, one in another of the EU, and one outside it."""
    for country in ("CZ", "PL", "CH"):
        customer(house, country=country)
    publish(house, house.clock.today() - DAYS, EUR="24.31")


@of_job("issue_invoices", registered=True)
def issue_tax_documents(house: House) -> Made:
    """Paid with VAT in euros; the documents tell their sums in crowns."""
    renew_with_vat(house)
    house.plan("renew")
    house.drain(pick=lambda job: job == "renew")


def _with_paper(house: House) -> Made:
    customer(house, external_id="shop")
    house.run("renew")
    return str(house.fetch("SELECT number FROM invoices")[0]["number"])


@of_act("invoice_resend", _with_paper)
def send_an_invoice_again(house: House, made: Made) -> object:
    """To the address of now (R16)."""
    return resend_invoice(
        house.runtime, caller("shop", Role.SUPPORT), number=made, request_id="r-1", reason="it was lost"
    )


def _a_list(house: House) -> Made:
    del house
    path = Path(gettempdir()) / "odnowa-crash-rates.txt"
    path.write_text(LIST, encoding="utf-8")
    return str(path)


@of_other("operator", _a_list)
def import_rates(house: House, made: Made) -> None:
    """A list from a file, all of it or nothing."""
    typed(house, ["rates", "import", made], ["rates", "list"])


@of_other("operator", _with_paper)
def print_lost_pages_again(house: House, made: Made) -> None:
    """The pages of a document are lost from the place of files, and come back as they were."""
    (page,) = house.fetch("SELECT pdf_sha256 AS x FROM invoice_documents")
    for file in house.sink.folder.with_name("files").rglob(page["x"]):
        file.unlink()
    typed(house, ["invoice", "render", made, "--reason", "lost", "--by", "eva"])
