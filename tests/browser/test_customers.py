"""What support does for a customer in the browser: finds one, reads the story, opens a paper, and acts on it."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.buying import Bought, buy
from tests.browser.conftest import PATIENCE_MS, Served, log_in, menu
from tests.support.nights import number, rows, until
from tests.support.shopping import caller
from worker.desk.billing_details import BillingDetails, change_billing_details
from worker.web.customer_acts import DEEDS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def known(served: Served) -> Bought:
    """A customer who is looked at and not changed."""
    return buy(served)


@pytest.fixture
def support(window: BrowserContext, served: Served) -> Page:
    """A tab of somebody of support."""
    return log_in(window, served, "support")


def _search(page: Page, said: str) -> None:
    menu(page, "Customer")
    page.get_by_label("Search", exact=True).fill(said)
    page.get_by_role("button", name="Search").click()


def _open(page: Page, one: Bought) -> None:
    _search(page, one.name)
    page.get_by_role("link", name=one.name, exact=True).click()
    page.get_by_role("heading", level=1, name=one.name).wait_for()


def test_a_customer_is_found_by_whatever_the_caller_knows(support: Page, known: Bought) -> None:
    for said in (
        *(known.name, known.company, known.company[:-2].upper(), known.email, known.email.partition("@")[0]),
        *(known.invoice, known.intent, f"cus_{known.name}", f"pm_{known.name}"),
    ):
        _search(support, said)
        expect(support.get_by_role("link", name=known.name, exact=True)).to_be_visible()
        expect(support.get_by_role("cell", name=known.email)).to_be_visible()
    _search(support, "nobody is called so")
    expect(support.get_by_text("Nobody was found.")).to_be_visible()


def test_their_story_and_their_papers_are_read(support: Page, known: Bought, tmp_path: Path) -> None:
    _open(support, known)
    story = support.get_by_role("listitem")
    for words in (f"invoice {known.invoice} for charge", f"sent to {known.email}", known.intent, "now in use"):
        expect(story.filter(has_text=words).first).to_be_visible()
    times = [one.get_attribute("datetime") or "" for one in support.locator("ol.story time").all()]
    assert len(times) > 5
    assert times == sorted(times, reverse=True), "the newest first"
    with support.expect_download() as paper:
        support.get_by_role("link", name=f"PDF {known.invoice}").click()
    paper.value.save_as(tmp_path / "invoice.pdf")
    assert paper.value.suggested_filename == f"{known.invoice}.pdf"
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-1.7")


def test_R14_the_first_payment_goes_back(support: Page, served: Served) -> None:
    one = buy(served)
    _open(support, one)
    support.get_by_role("link", name="Refund the first payment").click()
    expect(support.get_by_text("The first payment: 68.97 EUR on")).to_be_visible()
    support.get_by_label("Reason, for the audit log").fill("they changed their mind")
    support.get_by_label("This cannot be taken back, and I want it").check()
    support.get_by_role("button", name="Refund the first payment").click()
    expect(support.get_by_role("status")).to_contain_text("The money goes back.")
    expect(support.get_by_text("in full: 68.97 EUR")).to_be_visible()
    paid_out = "SELECT count(*) FROM payouts p JOIN refunds f ON f.id = p.refund_id WHERE account_id = :account"
    until(
        lambda: number(served.stage, f"{paid_out} AND p.state = 'succeeded'", account=one.number) == 1,
        limit_s=60,
        what="the money is back",
    )
    assert number(served.stage, paid_out, account=one.number) == 1
    support.reload()
    expect(support.get_by_role("link", name="Refund the first payment")).to_have_count(0)
    expect(support.get_by_role("cell", name="credit note")).to_be_visible()
    audit = rows(
        served.stage, "SELECT actor, act, reason FROM audit_log WHERE account_id = :account", account=one.number
    )
    assert audit[-1] == {
        "actor": "support:console:support",
        "act": "desk.refund",
        "reason": "they changed their mind",
    }


def _change_details(served: Served, one: Bought) -> None:
    given = BillingDetails("Nový název s.r.o.", "Dlouhá 1", "Brno", "602 00", "CZ", one.email, "")
    change_billing_details(served.stage.runtime, caller(one.name), given, request_id=f"details-{one.name}")


OTHERS = {
    "renewal-off": "Renewal is off.",
    "goodwill": "The goodwill was given.",
    "refund-part": "The money goes back.",
    "resend": "The document is mailed again.",
    "correct": "The invoice was corrected.",
    "free": "The account is Free.",
}


def test_every_act_of_support_is_done_by_its_form(support: Page, served: Served) -> None:
    """One customer, one act after the other; renewal is switched on again between them."""
    assert set(OTHERS) | {"refund", "renewal-on"} == set(DEEDS)
    one = buy(served)
    _change_details(served, one)
    for kind, told in OTHERS.items():
        _act(support, one, kind, told)
        if kind == "renewal-off":
            expect(support.get_by_role("link", name="Switch renewal off")).to_have_count(0)
            _act(support, one, "renewal-on", "Renewal is on.")
    done = rows(
        served.stage,
        "SELECT act FROM audit_log WHERE account_id = :account AND actor = 'support:console:support' ORDER BY id",
        account=one.number,
    )
    assert len(done) == len(OTHERS) + 1
    expect(support.locator("section", has=support.get_by_role("heading", name="Subscription"))).to_contain_text("ended")


def _act(page: Page, one: Bought, kind: str, told: str) -> None:
    deed = DEEDS[kind]
    _open(page, one)
    if "invoice" in deed.fields:
        words = "Send again" if kind == "resend" else "Correct"
        page.get_by_role("link", name=f"{words} {one.invoice}").click()
    else:
        page.get_by_role("link", name=deed.words).click()
    page.get_by_role("heading", level=1, name=deed.words).wait_for()
    if kind == "correct":
        page.get_by_label("Correct name and address only; VAT stays").check()
        page.get_by_role("button", name="Show what it comes to").click()
        expect(page.get_by_text("New invoice, net")).to_be_visible()
    if "amount" in deed.fields:
        page.get_by_label("Sum in EUR").fill("5,00")
    page.get_by_label("Reason, for the audit log").fill("asked by phone")
    if deed.grave:
        page.get_by_label("This cannot be taken back, and I want it").check()
    page.get_by_role("button", name=deed.words).click()
    expect(page.get_by_role("status")).to_contain_text(told)
    expect(page.get_by_role("heading", level=1)).to_contain_text(one.name)


def test_a_double_click_gives_once(support: Page, known: Bought, scripts: bool) -> None:  # noqa: FBT001 - a fixture
    given = "1.11" if scripts else "2.22"
    _open(support, known)
    support.get_by_role("link", name="Give goodwill").click()
    support.get_by_label("Sum in EUR").fill(given)
    support.get_by_label("Reason, for the audit log").fill("a slow night")
    support.get_by_role("button", name="Give goodwill").dblclick()
    expect(support.get_by_role("status")).to_contain_text("The goodwill was given.")
    expect(support.get_by_text(f"goodwill {given} EUR, given")).to_have_count(1)


def test_who_only_reads_sees_nobody_named_and_is_offered_no_act(
    window: BrowserContext, served: Served, known: Bought
) -> None:
    page = log_in(window, served, "reader")
    _search(page, known.company)
    expect(page.get_by_text("Nobody was found.")).to_be_visible()
    _search(page, known.name)
    expect(page.get_by_role("cell", name="•••", exact=True)).to_be_visible()
    page.get_by_role("link", name=known.name, exact=True).click()
    page.get_by_role("heading", level=1, name=known.name).wait_for()
    shown = page.locator("main").inner_text()
    assert known.company not in shown
    assert known.email not in shown
    assert "602 00" not in shown
    assert "b•••@c•••" in shown
    expect(page.get_by_role("heading", name="What support may do")).to_have_count(0)
    expect(page.get_by_role("link", name="PDF")).to_have_count(0)
    for path in (f"customer/{known.number}/act/refund", f"customer/{known.number}/pdf?invoice={known.invoice}"):
        page.goto(f"{served.address}{path}")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")


def test_support_acts_for_customers_and_touches_no_queue(support: Page, known: Bought) -> None:
    for name in ("Tonight", "Queues", "Timetable", "Stuck", "Money", "Audit"):
        menu(support, name)
        acts = support.locator("main form[method=post]")
        expect(acts).to_have_count(0)
    _open(support, known)
    expect(support.get_by_role("heading", name="What support may do")).to_be_visible()
