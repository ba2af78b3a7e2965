"""What a person does in the console, by mouse and keyboard, with JavaScript and without."""

from datetime import date, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import text

from tests.browser.conftest import PATIENCE_MS, Served, log_in
from tests.support.nights import until
from worker import boundary
from worker.operating import pausing
from worker.sandbox.demo_console import next_night

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=PATIENCE_MS)

_BREAK = text("""
    WITH broken AS (
        UPDATE work_items SET state = 'dead', attempts = 5, last_error = 'KeyError: gone', done_at = NULL, result = NULL
        WHERE id = (SELECT max(id) FROM work_items WHERE state = 'done' AND job = 'suspend') RETURNING id
    )
    INSERT INTO item_failures (item_id, attempt, error, traceback)
    SELECT id, 5, 'KeyError: gone', 'Traceback (most recent call last): somewhere' FROM broken RETURNING item_id
""")


def _tomorrow(served: Served) -> date:
    return served.stage.runtime.clock.today() + timedelta(days=1)


def _menu(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Main menu").get_by_role("link", name=name).click()
    page.get_by_role("heading", level=1, name=name).wait_for()


def test_a_wrong_password_is_refused_and_the_right_one_lets_in_until_the_logout(
    window: BrowserContext, served: Served
) -> None:
    page = window.new_page()
    page.goto(f"{served.address}queues")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    page.get_by_label("Password").fill(served.password)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Queues").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.goto(served.address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_a_night_is_watched_from_planned_to_ended(window: BrowserContext, served: Served) -> None:
    """Held back by a pause until the page shows it waiting; then it ends before the eyes of whoever looks on."""
    engine = served.stage.runtime.engine
    pausing.pause(engine, "renew", by="test", reason="nothing moves until the page was seen")
    try:
        next_night(served.stage)
        page = log_in(window, served)
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="renew", exact=True)).first
        expect(row).to_contain_text("working")
        with_scripts = page.evaluate("() => { window.stayed = true; return true }") if _scripts(window) else False
    finally:
        pausing.resume(engine, "renew", by="test", reason="now it may")
    if with_scripts:
        expect(row).to_contain_text("ended")
        assert page.evaluate("() => window.stayed"), "the page was loaded anew, not polled"
    else:
        assert page.locator("noscript meta[http-equiv=refresh]").count() or "refresh" in page.content()
        until(lambda: _is_over(served), limit_s=60, what="renew has ended")
        page.reload()
        expect(row).to_contain_text("ended")


def _scripts(window: BrowserContext) -> bool:
    probe = window.new_page()
    probe.set_content("<noscript><p>off</p></noscript>")
    off = probe.get_by_text("off").is_visible()
    probe.close()
    return not off


def _is_over(served: Served) -> bool:
    waiting = text("SELECT count(*) FROM work_items WHERE job = 'renew' AND state IN ('ready', 'leased')")
    with served.stage.runtime.engine.connect() as connection:
        return not connection.execute(waiting).scalar_one()


def test_a_dead_item_is_opened_read_and_retried(page: Page, served: Served) -> None:
    engine = served.stage.runtime.engine
    with boundary.transaction(engine, "test.break") as connection:
        item = connection.execute(_BREAK).scalar_one()
    _menu(page, "Stuck")
    page.get_by_role("link", name=f"item {item}", exact=True).click()
    expect(page.locator("details[open]")).to_contain_text("Traceback (most recent call last)")
    page.get_by_label("Reason, for the audit log").fill("looked at, harmless")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Stuck")
    state = text("SELECT state FROM work_items WHERE id = :id")

    def done() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(state, {"id": item}).scalar_one() == "done")

    until(done, limit_s=60, what="the item is done")
    page.reload()
    expect(page.get_by_role("link", name=f"item {item}", exact=True)).to_have_count(0)


def test_R8d_tomorrow_is_rehearsed_and_cannot_be_run(page: Page, served: Served) -> None:
    _menu(page, "Timetable")
    page.get_by_label("Job", exact=True).select_option("renew")
    page.get_by_label("Business day").fill(_tomorrow(served).isoformat())
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rehearsal")
    expect(page.get_by_text("Nothing was written.")).to_be_visible()
    expect(page.get_by_text("that day has not come")).to_be_visible()
    expect(page.get_by_role("button", name="Run it now")).to_have_count(0)


def test_a_run_by_hand_follows_its_rehearsal(page: Page, served: Served) -> None:
    del served
    _menu(page, "Timetable")
    page.get_by_label("Job", exact=True).select_option("follow_payments")
    page.get_by_role("button", name="Rehearse").click()
    page.get_by_label("Reason, for the audit log").fill("a customer is on the phone")
    page.get_by_role("button", name="Run it now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Timetable")
    expect(page.get_by_role("status")).to_be_visible()


def test_a_job_is_paused_and_resumed(page: Page) -> None:
    _menu(page, "Queues")
    page.get_by_label("Job", exact=True).select_option("remind")
    page.get_by_label("Reason, for the audit log").fill("the mail server is moved")
    page.get_by_role("button", name="Pause").click()
    told = page.get_by_text("remind is paused by console:operator")
    expect(told).to_be_visible()
    page.get_by_label("Job", exact=True).select_option("remind")
    page.get_by_label("Reason, for the audit log").fill("it has moved")
    page.get_by_role("button", name="Resume").click()
    expect(told).to_have_count(0)


def test_who_only_reads_is_offered_no_act(window: BrowserContext, served: Served) -> None:
    page = log_in(window, served, "reader")
    for name in ("Queues", "Timetable", "Stuck"):
        _menu(page, name)
        expect(page.get_by_role("button").filter(has_not_text="Log out").filter(has_not_text="Change")).to_have_count(0)
