"""Timetable: last and next runs; a run by hand is rehearsed first; a held run is let go."""

import re
from datetime import timedelta

from sqlalchemy import Engine

from tests.support.builders import rows, subscriber
from tests.support.work import item, run
from tests.web.conftest import TODAY, Browser

_SEEN = re.compile(r'name="seen" value="([^"]+)"')


def test_every_job_with_its_last_and_next_run(operator: Browser, engine: Engine) -> None:
    run(engine, job="renew", trigger="manual", requested_by="jan", reason="late")
    text = operator.get("/timetable").text.replace("\xa0", " ")
    assert "daily at 05:00" in text
    assert "05:00 CE" in text  # the next one, with its zone
    assert "by hand: jan" in text


def rehearse(browser: Browser, job: str, day: object) -> str:
    return str(browser.post("/timetable/preview", job=job, date=day).text)


def test_a_rehearsal_shows_what_would_be_charged_and_writes_nothing(operator: Browser, engine: Engine) -> None:
    one = subscriber(engine, ends_on=TODAY)
    text = rehearse(operator, "renew", TODAY).replace("\xa0", " ")
    assert f"{one.list_minor // 100:,}.{one.list_minor % 100:02} {one.currency}" in text
    assert rows(engine, "SELECT * FROM runs") == []
    assert rows(engine, "SELECT * FROM charges") == []


def test_a_run_needs_its_own_rehearsal_and_a_reason(operator: Browser, engine: Engine) -> None:
    subscriber(engine, ends_on=TODAY)
    (seen,) = _SEEN.findall(rehearse(operator, "renew", TODAY))
    refused = [
        operator.post("/timetable/run", job="renew", date=TODAY, reason="x"),
        operator.post("/timetable/run", job="remind", date=TODAY, reason="x", seen=seen),
        operator.post("/timetable/run", job="renew", date=TODAY - timedelta(days=1), reason="x", seen=seen),
        operator.post("/timetable/run", job="renew", date=TODAY, reason="", seen=seen),
        operator.post("/timetable/run", job="dance", date=TODAY, reason="x", seen=seen),
        operator.post("/timetable/run", job="renew", date="soon", reason="x", seen=seen),
    ]
    assert [one.status_code for one in refused] == [409] * 6
    assert rows(engine, "SELECT * FROM runs") == []
    answer = operator.post("/timetable/run", job="renew", date=TODAY, reason="the night was lost", seen=seen)
    assert answer.headers["location"] == "/timetable?done=started"
    assert rows(engine, "SELECT job, trigger, requested_by, reason FROM runs") == [
        {"job": "renew", "trigger": "manual", "requested_by": "console:operator", "reason": "the night was lost"}
    ]
    assert rows(engine, "SELECT actor, act FROM audit_log") == [{"actor": "console:operator", "act": "run"}]


def test_tomorrow_may_be_rehearsed_and_not_run(operator: Browser, engine: Engine) -> None:
    day = TODAY + timedelta(days=1)
    subscriber(engine, ends_on=day)
    text = rehearse(operator, "renew", day)
    assert "A real run would be refused: that day has not come" in text
    assert _SEEN.findall(text) == []


def test_a_held_run_is_let_go_with_a_reason(operator: Browser, engine: Engine) -> None:
    held = run(engine, job="renew", held_reason="5 times the usual day")
    waiting = item(engine, run_id=held, job="renew", not_before="infinity")
    assert "5 times the usual day" in operator.get("/timetable").text
    assert operator.post("/timetable/release", run=held, reason="").status_code == 409
    answer = operator.post("/timetable/release", run=held, reason="new prices")
    assert answer.headers["location"] == "/timetable?done=released"
    assert rows(engine, "SELECT held_at FROM runs WHERE id = :id", id=held) == [{"held_at": None}]
    due = rows(engine, "SELECT not_before <= now() AS due FROM work_items WHERE id = :id", id=waiting)
    assert due == [{"due": True}]
    assert operator.post("/timetable/release", run=held, reason="again").status_code == 409


def test_R8d_a_held_run_is_dropped_with_a_reason(operator: Browser, engine: Engine) -> None:
    held = run(engine, job="renew", held_reason="5 times the usual day")
    waiting = item(engine, run_id=held, job="renew", not_before="infinity")
    assert operator.post("/timetable/drop", run=held, reason="").status_code == 409
    answer = operator.post("/timetable/drop", run=held, reason="wrong prices")
    assert answer.headers["location"] == "/timetable?done=dropped"
    assert rows(engine, "SELECT state FROM work_items WHERE id = :id", id=waiting) == [{"state": "cancelled"}]
    shown = operator.get("/timetable").text
    assert "dropped" in shown
    assert "Drop it" not in shown
    assert operator.post("/timetable/release", run=held, reason="after all").status_code == 409
