"""The first screen: its four answers, the jobs of the day, the money, the last nights."""

import re
from collections.abc import Callable
from datetime import time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.support.builders import NOON, rows, subscriber
from tests.support.work import charge, item, mail, run
from tests.web.conftest import TODAY, Browser
from worker.operating.people import Role
from worker.queue import heartbeats
from worker.queue.plans import JobSpec, Plan
from worker.web.tonight import state_of

_VERDICT = re.compile(
    r'<li class="(\w+)">\s*<span class="question">([^<]+)</span>\s*<strong>([^<]+)</strong>', re.DOTALL
)


def verdicts(browser: Browser, path: str = "/") -> dict[str, tuple[str, str]]:
    """By question, the colour and the answer."""
    found = {one[1]: (one[0], one[2]) for one in _VERDICT.findall(browser.get(path).text)}
    assert len(found) == 4
    return found


def night(engine: Engine) -> None:
    """Every daily job ran and ended."""
    for job in ("renew", "suspend", "remind", "audit", "check_vat_numbers", "fetch_exchange_rates", "issue_invoices"):
        run(engine, job=job, planned={"items": 0}, finished_at=NOON)
    for kind in ("worker", "scheduler"):
        heartbeats.beat(engine, process=f"{kind}:here", kind=kind)


def test_a_good_night_is_seen_at_one_look(operator: Browser, engine: Engine) -> None:
    night(engine)
    charge(engine, subscriber(engine), state="succeeded", business_date=TODAY)
    assert verdicts(operator, f"/?date={TODAY}") == {
        "Did every job end?": ("good", "Yes"),
        "Was money left uncharged?": ("good", "None"),
        "Is anything stuck?": ("good", "Nothing"),
        "How long does the oldest item wait?": ("good", "Nothing waits"),
    }


def test_what_went_wrong_is_seen_at_one_look(operator: Browser, engine: Engine) -> None:
    night(engine)
    item(engine, run_id=run(engine, job="remind", trigger="manual"), job="remind", state="dead")
    charge(engine, subscriber(engine), state="created", business_date=TODAY, parked_reason="provider_refused")
    item(engine, job="deliver_mail", created_at=NOON)
    mail(engine, subscriber(engine).account_id, state="failed")
    found = verdicts(operator, f"/?date={TODAY}")
    assert found["Did every job end?"] == ("bad", "No")
    assert found["Was money left uncharged?"][1] == "1"
    assert found["Is anything stuck?"] == ("bad", "3")
    assert found["How long does the oldest item wait?"][0] == "bad"


def test_a_job_that_the_timetable_forgot_is_missing(operator: Browser) -> None:
    answer = operator.get(f"/?date={TODAY}").text
    assert "not planned" in answer


def test_no_worker_alive_is_told(operator: Browser, engine: Engine) -> None:
    assert "no worker is alive" in operator.get("/").text
    night(engine)
    assert "workers and scheduler are alive" in operator.get("/").text


def test_money_of_the_day_by_currency_and_outcome(operator: Browser, engine: Engine) -> None:
    for state, amount in (("succeeded", 5_700), ("declined", 1_200), ("processing", 900)):
        charge(engine, subscriber(engine, agent_price_minor=amount), state=state, business_date=TODAY)
    charge(engine, subscriber(engine), state="planned", business_date=TODAY)
    text = operator.get(f"/?date={TODAY}").text.replace("\xa0", " ")
    money = {(row["state"], row["amount_minor"], row["currency"]) for row in rows(engine, "SELECT * FROM charges")}
    for state, amount_minor, currency in money:
        if state != "planned":
            assert f"{amount_minor // 100:,}.{amount_minor % 100:02} {currency}" in text, state
    assert "no price yet" in text


def test_the_polled_part_shows_what_changed(operator: Browser, engine: Engine) -> None:
    text = operator.get("/").text
    (aim,) = re.findall(r'hx-get="([^"]+)"', text)
    assert "<html" not in operator.get(aim).text
    before = verdicts(operator, aim)["Is anything stuck?"]
    item(engine, job="renew", state="dead")
    assert before == ("good", "Nothing")
    assert verdicts(operator, aim)["Is anything stuck?"] == ("bad", "1")


def test_the_last_nights_are_charts_with_a_table(operator: Browser, engine: Engine) -> None:
    for days in range(3):
        run(engine, business_date=TODAY - timedelta(days=days), planned={"items": 7 + days}, finished_at=NOON)
    text = operator.get(f"/?date={TODAY}").text
    assert text.count("<svg class=&#34;") == 0
    assert "nights that ran: 3 of 30; with dead items: 0" in text
    assert 'role="img"' in text


def test_a_date_that_is_none_is_refused(operator: Browser) -> None:
    assert operator.get("/?date=yesterday").status_code == 409


def spec(*, daily_at: time | None) -> JobSpec:
    return JobSpec("renew", lambda _c, _r: Plan([]), daily_at, False, 31, None, True)  # noqa: FBT003 - a spec's own order


@pytest.mark.parametrize(
    ("counts", "daily_at", "now", "state"),
    [
        ({"held": 1, "dead": 1}, time(5), time(9), "held"),
        ({"dead": 1, "waiting": 4}, time(5), time(9), "dead"),
        ({"waiting": 1, "whole_runs": 1}, time(5), time(9), "working"),
        ({"whole_runs": 1}, time(5), time(9), "ended"),
        ({}, time(5), time(9), "missing"),
        ({}, time(5), time(4, 59), "to come"),
        ({}, None, time(9), "quiet"),
        ({"items": 3}, None, time(9), "ended"),
    ],
)
def test_a_jobs_state_in_a_word(counts: dict[str, int], daily_at: time | None, now: time, state: str) -> None:
    row: Any = SimpleNamespace(**({"held": 0, "dead": 0, "waiting": 0, "items": 0, "whole_runs": 0} | counts))
    local = NOON.replace(hour=now.hour, minute=now.minute, tzinfo=None)
    found = state_of(row, spec(daily_at=daily_at), business_date=TODAY, now=local, today=TODAY)
    assert found == state


@pytest.mark.parametrize("role", list(Role))
def test_everybody_inside_sees_it(enter: Callable[[Role], Browser], role: Role) -> None:
    assert enter(role).get("/").status_code == 200
