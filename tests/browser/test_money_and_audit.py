"""Money and Audit as a person reads them: sums by currency, what must hold, and who did what, found again."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Served, menu
from tests.support.builders import insert
from worker.store.audit import INVARIANTS
from worker.web.audit import ROWS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=PATIENCE_MS)


def test_money_is_told_by_currency(page: Page) -> None:
    menu(page, "Money")
    for currency in ("CZK", "EUR", "PLN", "USD"):
        part = page.get_by_role("region", name=currency, exact=True)
        expect(part.get_by_role("img", name=f"Charged in twelve months, {currency}")).to_be_visible()
        months = part.get_by_role("group", name=f"Months {currency}").get_by_role("row")
        expect(months.nth(1)).to_contain_text(currency)
    expect(page.get_by_text("Months are summed by the job audit, last at")).to_be_visible()


def test_the_audit_says_what_holds(page: Page) -> None:
    menu(page, "Audit")
    expect(page.get_by_role("status")).to_contain_text(f"All {len(INVARIANTS)} invariants held")
    page.get_by_text("All invariants", exact=True).click()
    expect(page.get_by_role("cell", name="holds", exact=True)).to_have_count(len(INVARIANTS))


def test_who_did_what_is_found_by_person_and_account_and_read_on(page: Page, served: Served) -> None:
    engine = served.stage.runtime.engine
    with engine.connect() as connection:
        one = connection.exec_driver_sql("SELECT id, external_id FROM accounts ORDER BY id LIMIT 1").one()
    for number in range(ROWS + 1):
        noted = {"actor": "console:zofia", "act": "requeue", "reason": f"zofia's number {number};", "details": {}}
        insert(engine, "audit_log", **noted, account_id=one.id if number == 0 else None)
    menu(page, "Audit")
    page.get_by_label("Person").fill("zofia")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("zofia's number").first).to_be_visible()
    expect(page.locator("ol.story li")).to_have_count(ROWS)
    page.get_by_role("link", name="Older ones").click()
    expect(page.get_by_text("zofia's number 0;").first).to_be_visible()
    page.get_by_label("Account").fill(one.external_id)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("zofia's number 0;").first).to_be_visible()
    page.get_by_label("Person").fill("nobody of that name")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
