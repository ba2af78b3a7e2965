"""What axe-core finds on each page: nothing serious, light and dark, on a desk and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PATIENCE_MS, Served, log_in
from worker.web.app import PAGES
from worker.web.customer_acts import DEEDS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

AXE = Path(__file__).with_name("axe.min.js")
"""axe-core 4.14.1 as npm has it; its license is beside it."""
_IS_NOT_WIDER = "() => document.documentElement.scrollWidth <= innerWidth"
SERIOUS = {"serious", "critical"}
SHOWN = [one.path for group in PAGES for one in group if one.menu is not None]


@pytest.fixture(scope="module", params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """The colours that the person prefers."""
    return str(request.param)


@pytest.fixture(scope="module", params=[(1280, 900), (390, 844)], ids=["desk", "phone"])
def inside(request: pytest.FixtureRequest, browser: Browser, scheme: Any, served: Served) -> Iterator[Page]:
    """A tab of an operator, of that size and in those colours."""
    width, height = request.param
    context = browser.new_context(color_scheme=scheme, locale="en-GB", viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE_MS)
    yield log_in(context, served)
    context.close()


def _look(page: Page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run()")
    return [
        f"{one['impact']} {one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("path", SHOWN)
def test_axe_finds_nothing_serious(inside: Page, served: Served, path: str) -> None:
    inside.goto(f"{served.address}{path.removeprefix('/')}")
    assert not _look(inside)
    assert inside.evaluate(_IS_NOT_WIDER), "the page itself scrolls aside"


def test_axe_finds_nothing_serious_on_what_is_opened(inside: Page, served: Served) -> None:
    with served.stage.runtime.engine.connect() as connection:
        item = connection.exec_driver_sql("SELECT max(id) FROM work_items").scalar_one()
        charge = connection.exec_driver_sql("SELECT max(id) FROM charges").scalar_one()
        account = connection.exec_driver_sql("SELECT min(account_id) FROM invoices").scalar_one()
        paper = connection.exec_driver_sql("SELECT min(number) FROM invoices WHERE account_id = %s", (account,))
        number = paper.scalar_one()
    acts = [f"customer/{account}/act/{kind}?invoice={number}" for kind in DEEDS]
    opened = [f"stuck/item/{item}", f"stuck/charge/{charge}", f"customer/{account}", "customer?q=shop-", *acts]
    wrong = ["?date=soon", "customer/0", "nowhere"]
    for path in (*opened, *wrong):
        inside.goto(f"{served.address}{path}")
        assert not _look(inside), path
        assert inside.evaluate(_IS_NOT_WIDER), path
    inside.goto(f"{served.address}timetable")
    inside.get_by_role("button", name="Rehearse").click()
    inside.get_by_role("heading", level=1, name="Rehearsal").wait_for()
    assert not _look(inside)


def test_axe_finds_nothing_serious_at_the_door(browser: Browser, served: Served, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme, locale="en-GB")
    page = context.new_page()
    page.goto(served.address)
    assert not _look(page)
    context.close()
