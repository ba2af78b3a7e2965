"""What a person does in the console, by mouse and keyboard, with JavaScript and without."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from sqlalchemy import text

from tests.browser.conftest import PATIENCE_MS, Served, log_in, menu
from tests.support.nights import rows, until
from tests.support.work import item, run
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
        broken = connection.execute(_BREAK).scalar_one()
    menu(page, "Stuck")
    page.get_by_role("link", name=f"item {broken}", exact=True).click()
    expect(page.locator("details[open]")).to_contain_text("Traceback (most recent call last)")
    page.get_by_label("Reason, for the audit log").fill("looked at, harmless")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Stuck")
    state = text("SELECT state FROM work_items WHERE id = :id")

    def done() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(state, {"id": broken}).scalar_one() == "done")

    until(done, limit_s=60, what="the item is done")
    page.reload()
    expect(page.get_by_role("link", name=f"item {broken}", exact=True)).to_have_count(0)


def test_R8d_tomorrow_is_rehearsed_and_cannot_be_run(page: Page, served: Served) -> None:
    menu(page, "Timetable")
    page.get_by_label("Job", exact=True).select_option("renew")
    page.get_by_label("Business day").fill(_tomorrow(served).isoformat())
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rehearsal")
    expect(page.get_by_text("Nothing was written.")).to_be_visible()
    expect(page.get_by_text("that day has not come")).to_be_visible()
    expect(page.get_by_role("button", name="Run it now")).to_have_count(0)


def test_a_run_by_hand_follows_its_rehearsal(page: Page, served: Served) -> None:
    del served
    menu(page, "Timetable")
    page.get_by_label("Job", exact=True).select_option("follow_payments")
    page.get_by_role("button", name="Rehearse").click()
    page.get_by_label("Reason, for the audit log").fill("a customer is on the phone")
    page.get_by_role("button", name="Run it now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Timetable")
    expect(page.get_by_role("status")).to_be_visible()


def test_a_job_is_paused_and_resumed(page: Page) -> None:
    menu(page, "Queues")
    page.get_by_label("Job", exact=True).select_option("remind")
    page.get_by_label("Reason, for the audit log").fill("the mail server is moved")
    page.get_by_role("button", name="Pause").click()
    told = page.get_by_text("remind is paused by console:operator")
    expect(told).to_be_visible()
    page.get_by_label("Job", exact=True).select_option("remind")
    page.get_by_label("Reason, for the audit log").fill("it has moved")
    page.get_by_role("button", name="Resume").click()
    expect(told).to_have_count(0)


def _dead(served: Served, many: int) -> list[int]:
    """Items that are dead, of a job that finds nothing to do in them."""
    return [item(served.stage.runtime.engine, job="suspend", state="dead", key=f"test:{uuid4()}") for _ in range(many)]


def _gone(page: Page, items: list[int]) -> None:
    for number in items:
        expect(page.get_by_role("link", name=f"item {number}", exact=True)).to_have_count(0)


def _states(served: Served, items: list[int]) -> set[str]:
    found = rows(served.stage, "SELECT DISTINCT state FROM work_items WHERE id = ANY(:items)", items=items)
    return {str(row["state"]) for row in found}


def test_one_dead_item_is_given_up_on_its_page(page: Page, served: Served) -> None:
    dead = _dead(served, 1)
    menu(page, "Stuck")
    page.get_by_role("link", name=f"item {dead[0]}", exact=True).click()
    page.get_by_label("Reason, for the audit log").fill("said by phone")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_have_text("Cancelled. It is not tried any more.")
    _gone(page, dead)
    assert _states(served, dead) == {"cancelled"}


@pytest.mark.parametrize("act", ["Retry what is ticked", "Cancel ticked items"])
def test_many_are_retried_or_given_up_at_once(page: Page, served: Served, act: str, scripts: bool) -> None:  # noqa: FBT001 - a fixture
    """With JavaScript one box ticks them all; without it each is ticked."""
    dead = _dead(served, 3)
    menu(page, "Stuck")
    page.get_by_role("link", name="item", exact=False).and_(page.locator("nav.kinds a")).click()
    if scripts:
        page.get_by_label("All rows").check()
    else:
        for number in dead:
            page.get_by_label(f"item {number}", exact=True).check()
    page.get_by_role("button", name=act).click()
    expect(page.get_by_role("status")).to_have_count(0)  # a reason is demanded by the browser itself
    page.get_by_label("Reason, for the audit log").fill("the server is back")
    page.get_by_role("button", name=act).click()
    expect(page.get_by_role("status")).to_be_visible()
    _gone(page, dead)
    wanted = {"done"} if act.startswith("Retry") else {"cancelled"}
    until(lambda: _states(served, dead) == wanted, limit_s=60, what=f"the items are {wanted}")


@pytest.mark.parametrize(
    ("button", "told", "became"),
    [
        ("Let it go", "The run was let go.", "done"),
        ("Drop it", "The run was dropped. The next run of the job takes what it held.", "cancelled"),
    ],
)
def test_R8d_a_held_run_is_let_go_or_dropped(page: Page, served: Served, button: str, told: str, became: str) -> None:
    engine = served.stage.runtime.engine
    why = f"5 times the usual day {uuid4()}"
    held = run(engine, job="suspend", trigger="manual", held_reason=why)
    waiting = item(engine, run_id=held, job="suspend", key=f"test:{uuid4()}", not_before="infinity")
    menu(page, "Stuck")
    page.get_by_role("link", name=f"run {held}", exact=True).click()
    row = page.get_by_role("row").filter(has_text=why)
    row.get_by_label("Reason, for the audit log").fill("looked at")
    row.get_by_role("button", name=button).click()
    expect(page.get_by_role("status")).to_have_text(told)
    until(lambda: _states(served, [waiting]) == {became}, limit_s=60, what=f"the item is {became}")


def test_a_job_is_paused_by_the_keyboard_alone(page: Page) -> None:
    """From the top of the page: the skip link, the menu by Tab, the form, Enter; never the mouse."""
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("navigation", name="Main menu").get_by_role("link", name="Queues"), back=True)
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Queues").wait_for()
    for act, told in (("Pause", "The job is paused."), ("Resume", "The job goes on.")):
        _tab_to(page, page.get_by_label("Job", exact=True))
        page.keyboard.type("pay_")
        expect(page.get_by_label("Job", exact=True)).to_have_value("pay_refunds")
        page.keyboard.press("Tab")
        page.keyboard.type("by the keyboard")
        _tab_to(page, page.get_by_role("button", name=act))
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text(told)


def _tab_to(page: Page, aim: Locator, *, back: bool = False) -> None:
    for _ in range(60):
        if aim.and_(page.locator(":focus")).count():
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"the keyboard does not come to {aim}")


def test_who_only_reads_is_offered_no_act(window: BrowserContext, served: Served) -> None:
    page = log_in(window, served, "reader")
    for name in ("Tonight", "Queues", "Timetable", "Stuck", "Money", "Customer", "Audit"):
        menu(page, name)
        expect(page.locator("main form[method=post]")).to_have_count(0)
