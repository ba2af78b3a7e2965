"""Pictures of the console over what the demo left: `make pictures` writes docs/pictures/console-*.png with Chromium.

Each page of the menu, light and dark, as a desk and as a phone show it, on the day after a night was played.
"""

from datetime import UTC, date
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text

from tests.browser.conftest import FLAGS, PATIENCE_MS, Served, log_in
from tests.support.nights import until
from worker.sandbox import demo_console
from worker.sandbox.stage import Stage
from worker.web.app import PAGES

SIZES = {"desk": (1280, 900), "phone": (390, 844)}
_OVER = text("""
    SELECT NOT EXISTS (SELECT FROM work_items WHERE state IN ('ready', 'leased')) AND EXISTS (
        SELECT FROM runs WHERE job = :job AND business_date = :day AND finished_at IS NOT NULL)
""")
SCHEMES = ("light", "dark")


def draw(folder: Path, *, demo: Path, chromium: str) -> int:
    """Draw all pages over the demo's data, whose next night is played first. Returns how many were drawn.

    Raises:
        RefusedError: no demo was played in that folder.
    """
    with demo_console.open_stage(demo) as stage:
        served = Served(stage, demo_console.bring_up(stage, port=0), demo_console.let_in(stage))
        _play(stage)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
            drawn = sum(_draw(browser, served, folder, size, scheme) for size in SIZES for scheme in SCHEMES)
            browser.close()
        stage.leave()
    return drawn


def _play(stage: Stage) -> None:
    """A night more, until its last job of the morning has ended."""
    morning = demo_console.next_night(stage)
    _until_over(stage, morning.date(), job="renew")
    stage.go_to(morning.replace(hour=10, minute=2).astimezone(UTC))
    _until_over(stage, morning.date(), job="audit")


def _until_over(stage: Stage, day: date, *, job: str) -> None:
    def is_over() -> bool:
        with stage.runtime.engine.connect() as connection:
            return bool(connection.execute(_OVER, {"day": day, "job": job}).scalar_one())

    until(is_over, limit_s=240, what=f"{job} and all that goes with it has ended")


def _draw(browser: Browser, served: Served, folder: Path, size: str, scheme: str) -> int:
    width, height = SIZES[size]
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        viewport={"width": width, "height": height},
    )
    context.set_default_timeout(PATIENCE_MS)
    page: Page = log_in(context, served)
    pages = [(one.path, one.menu.lower()) for group in PAGES for one in group if one.menu is not None]
    for path, name in pages:
        page.goto(f"{served.address}{path.removeprefix('/')}")
        page.screenshot(path=folder / f"console-{name}-{size}-{scheme}.png")
    context.close()
    return len(pages)
