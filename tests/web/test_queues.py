"""Queues: what waits, who works, and jobs paused and resumed."""

from sqlalchemy import Engine

from tests.support.builders import rows
from tests.support.work import item
from tests.web.conftest import Browser
from worker.queue import heartbeats


def test_depth_age_and_processes_are_shown(operator: Browser, engine: Engine) -> None:
    for state in ("ready", "ready", "dead"):
        item(engine, job="renew", state=state)
    heartbeats.beat(engine, process="worker:here:7", kind="worker")
    text = operator.get("/queues").text
    assert "worker:here:7" in text
    assert "alive" in text
    assert '<td class="n">2</td>' in text
    assert operator.get("/queues/live").text in text


def test_a_job_is_paused_and_resumed_with_name_and_reason(operator: Browser, engine: Engine) -> None:
    answer = operator.post("/queues/pause", job="renew", reason="wrong prices")
    assert answer.headers["location"] == "/queues?done=paused"
    assert "renew is paused by console:operator since" in operator.get("/queues?done=paused").text
    assert operator.post("/queues/pause", job="renew", reason="again").status_code == 409
    assert operator.post("/queues/resume", job="renew", reason="right again").status_code == 303
    assert rows(engine, "SELECT * FROM paused_jobs") == []
    found = rows(engine, "SELECT actor, act, reason, details FROM audit_log ORDER BY id")
    assert found == [
        {"actor": "console:operator", "act": "pause", "reason": "wrong prices", "details": {"job": "renew"}},
        {"actor": "console:operator", "act": "resume", "reason": "right again", "details": {"job": "renew"}},
    ]


def test_without_a_reason_or_for_no_job_nothing_is_paused(operator: Browser, engine: Engine) -> None:
    assert operator.post("/queues/pause", job="renew", reason=" ").status_code == 409
    assert operator.post("/queues/pause", job="dance", reason="x").status_code == 409
    assert operator.post("/queues/resume", job="renew", reason="x").status_code == 409
    assert rows(engine, "SELECT * FROM paused_jobs") == []
    assert rows(engine, "SELECT * FROM audit_log") == []
