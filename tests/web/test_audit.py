"""Audit: what the last run found, in sentences with the runbook's heading; who did what, filtered and paged by key."""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from tests.support.builders import insert, subscriber
from tests.support.work import item, run
from tests.web.conftest import Browser
from worker.operating.people import Role
from worker.store.audit import INVARIANTS
from worker.web.audit import ROWS

MARKUP = '"><script>alert(1)</script>'


def noted(engine: Engine, **more: Any) -> int:
    return insert(engine, "audit_log", **{"actor": "console:ania", "act": "requeue", "details": {}, **more})


def test_before_and_after_a_run_the_page_says_what_is_known(operator: Browser, engine: Engine) -> None:
    assert "No audit has run yet." in operator.get("/audit").text
    made = run(engine, job="audit")
    item(engine, run_id=made, job="audit", state="done", result={"invariants": 50, "broken": 0, "compared": 12})
    text = operator.get("/audit").text
    assert f"All {len(INVARIANTS)} invariants held" in text
    assert "<dt>compared</dt><dd>12</dd>" in text


def test_what_is_broken_comes_with_its_sentence_its_runbook_and_the_first_violations(
    operator: Browser, engine: Engine
) -> None:
    name, one = next(iter(INVARIANTS.items()))
    made = run(engine, job="audit")
    item(engine, run_id=made, job="audit", state="done", result={"invariants": 50, "broken": 1, name: 3})
    found = {"run": made, "broken": {name: 3}, "first": {name: [f"shop-1: {MARKUP}"]}}
    noted(engine, actor="audit", act="audit", details=found)
    text = operator.get("/audit").text
    assert "1 broken" in text
    assert one.page in text
    assert "shop-1: &#34;&gt;&lt;script&gt;" in text
    assert "<script>alert" not in text


def test_acts_are_found_by_person_and_by_account(operator: Browser, engine: Engine) -> None:
    one = subscriber(engine, external_id="shop-1")
    noted(engine, reason="by ania at the console")
    noted(engine, actor="support:console:ania", reason="ania for shop-1", account_id=one.account_id)
    noted(engine, actor="support:piotr", reason="piotr for shop-1", account_id=one.account_id)
    expected = {
        "": {"by ania at the console", "ania for shop-1", "piotr for shop-1"},
        "?person=ania": {"by ania at the console", "ania for shop-1"},
        "?account=shop-1": {"ania for shop-1", "piotr for shop-1"},
        "?person=piotr&account=shop-1": {"piotr for shop-1"},
        "?person=nobody": set(),
    }
    for query, reasons in expected.items():
        text = operator.get(f"/audit{query}").text
        assert {one for one in expected[""] if one in text} == reasons, query


def test_pages_go_on_by_key_without_a_gap(operator: Browser, engine: Engine) -> None:
    for number in range(ROWS + 3):
        noted(engine, reason=f"number {number};")
    first = operator.get("/audit?person=ania").text
    on = re.search(r'href="(/audit\?[^"#]+)', first)
    assert on is not None
    second = operator.get(on[1].replace("&amp;", "&")).text
    seen = [int(one) for text in (first, second) for one in re.findall(r"number (\d+);", text)]
    assert seen == list(reversed(range(ROWS + 3)))


def test_markup_is_text_and_addresses_are_masked_for_read_only(
    enter: Callable[[Role], Browser], engine: Engine
) -> None:
    noted(engine, actor=MARKUP, reason=f"jan.novak@shop.example {MARKUP}", details={"what": MARKUP})
    browser = enter(Role.READ_ONLY)
    for path in ("/audit", "/audit?person=" + MARKUP, "/audit?account=" + MARKUP):
        assert "<script>alert" not in browser.get(path).text, path
    assert "jan.novak" not in browser.get("/audit").text
