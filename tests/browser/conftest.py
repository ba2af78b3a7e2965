"""The console in a real browser: Debian's Chromium, driven through Playwright, over two nights of the demo.

These tests stand outside the suite, since a bare machine has no browser: `make browser` runs them.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from worker.sandbox import demo_console
from worker.sandbox.processes import CHECKOUT
from worker.sandbox.stage import Stage

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
"""No sandbox, since tests may run as root; and nothing that calls home."""
PATIENCE_MS = 30_000


@dataclass(frozen=True)
class Served:
    """An installation with its console, and how to come in."""

    stage: Stage
    address: str
    password: str


def chromium() -> str:
    """The machine's browser. Fails with a sentence where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.exit("no chromium on this machine; on Debian: apt install chromium", returncode=3)
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all; each test has a window and cookies of its own."""
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The console over what two nights of the demo left."""
    folder = tmp_path_factory.mktemp("browser") / "demo"
    played = [sys.executable, "-m", "worker.sandbox.demo", "--days", "2", "--folder", str(folder)]
    subprocess.run(played, cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL, timeout=180)
    with demo_console.open_stage(folder) as stage:
        address = demo_console.bring_up(stage, port=0)
        yield Served(stage, address, demo_console.let_in(stage))


@pytest.fixture(params=[True, False], ids=["htmx", "no JavaScript"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Whether the browser runs JavaScript."""
    return bool(request.param)


@pytest.fixture
def window(browser: Browser, scripts: bool) -> Iterator[BrowserContext]:  # noqa: FBT001 - a fixture
    """A window with cookies of its own."""
    context = browser.new_context(java_script_enabled=scripts, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext, served: Served) -> Page:
    """A tab of an operator who has logged in by the form."""
    return log_in(window, served)


def log_in(window: BrowserContext, served: Served, name: str = "operator") -> Page:
    """A tab on the first page, reached through the door."""
    tab = window.new_page()
    tab.goto(served.address)
    tab.get_by_label("Name").fill(name)
    tab.get_by_label("Password").fill(served.password)
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_role("heading", level=1, name="Tonight").wait_for()
    return tab


def menu(page: Page, name: str) -> None:
    """Another page, by the menu."""
    page.get_by_role("navigation", name="Main menu").get_by_role("link", name=name).click()
    page.get_by_role("heading", level=1, name=name).wait_for()
