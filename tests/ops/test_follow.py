"""Following a run: it and all that it caused, to the end or to whatever stands in the way."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.ops.workers import pretend_alive
from tests.support.builders import rows, subscriber, update
from tests.support.work import charge, item, run
from worker.errors import RefusedError
from worker.operating.running import Ending, Progress, follow, start_run
from worker.runtime import Runtime


@pytest.fixture
def root(engine: Engine) -> int:
    return run(engine, trigger="manual")


def test_a_run_without_work_has_ended(runtime: Runtime, root: int) -> None:
    found = follow(runtime, root)
    assert (found.state, found.counts, found.dead, found.parked, found.open) == (Ending.DONE, {}, 0, 0, 0)


def test_what_the_family_counted_is_added_up_by_job(runtime: Runtime, engine: Engine, root: int) -> None:
    item(engine, run_id=root, state="done", result={"succeed": 2, "priced": 3})
    item(engine, run_id=root, state="done", result={"succeed": 1, "note": "text is not counted"})
    caused = run(engine, job="deliver_mail", trigger="rung", root_run_id=root)
    item(engine, run_id=caused, job="deliver_mail", state="done", result={"sent": 4})
    stranger = run(engine, job="deliver_mail", trigger="rung", root_run_id=run(engine))
    item(engine, run_id=stranger, job="deliver_mail", state="done", result={"sent": 100})
    found = follow(runtime, root)
    assert found.counts == {"deliver_mail": {"sent": 4}, "renew": {"priced": 3, "succeed": 3}}


def test_what_was_caused_is_waited_for(runtime: Runtime, engine: Engine, root: int) -> None:
    pretend_alive(engine, "worker")
    caused = run(engine, job="issue_invoices", trigger="rung", root_run_id=root)
    item(engine, run_id=root, state="done")
    last = item(engine, run_id=caused, job="issue_invoices")
    seen: list[Progress] = []

    def end_it(now: Progress) -> None:
        seen.append(now)
        if len(seen) == 2:
            update(engine, "work_items", last, state="done")

    found = follow(runtime, root, poll_s=0.01, on_progress=end_it)
    assert found.state is Ending.DONE
    assert [(now.runs, now.items, now.open) for now in seen] == [(2, 2, 1), (2, 2, 1), (2, 2, 0)]


def test_nobody_waits_for_workers_that_do_not_live(runtime: Runtime, engine: Engine, root: int) -> None:
    item(engine, run_id=root)
    pretend_alive(engine, "scheduler")
    found = follow(runtime, root, timeout_s=30)
    assert (found.state, found.open) == (Ending.NO_WORKER, 1)
    assert found.seconds < 5


def test_a_worker_that_was_heard_of_long_ago_does_not_live(runtime: Runtime, engine: Engine, root: int) -> None:
    item(engine, run_id=root)
    pretend_alive(engine, "worker")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE heartbeats SET beat_at = now() - interval '21 seconds'")
    assert follow(runtime, root, timeout_s=30).state is Ending.NO_WORKER


def test_patience_has_a_limit(runtime: Runtime, engine: Engine, root: int) -> None:
    item(engine, run_id=root)
    pretend_alive(engine, "worker")
    found = follow(runtime, root, timeout_s=0.05, poll_s=0.01)
    assert (found.state, found.open) == (Ending.TIMEOUT, 1)


def test_a_held_run_is_not_waited_for(runtime: Runtime, engine: Engine) -> None:
    pretend_alive(engine, "worker")
    held = run(engine, held_reason="5 times the usual day")
    item(engine, run_id=held, not_before="infinity")
    found = follow(runtime, held, timeout_s=30)
    assert (found.state, found.because) == (Ending.HELD, "5 times the usual day")


def test_dead_items_weigh_more_than_parked_charges(runtime: Runtime, engine: Engine, root: int) -> None:
    worked = item(engine, run_id=root, state="done")
    charge(engine, subscriber(engine), parked_reason="books_refuse", work_item_id=worked)
    charge(engine, subscriber(engine), state="unknown", work_item_id=worked)
    charge(engine, subscriber(engine), parked_reason="books_refuse", work_item_id=item(engine, state="done"))
    found = follow(runtime, root)
    assert (found.state, found.parked, found.unsettled, found.dead) == (Ending.PARKED, 1, 1, 0)
    item(engine, run_id=run(engine, job="deliver_mail", trigger="rung", root_run_id=root), state="dead")
    found = follow(runtime, root)
    assert (found.state, found.parked, found.dead) == (Ending.DEAD, 1, 1)


def test_a_run_that_does_not_exist(runtime: Runtime) -> None:
    with pytest.raises(RefusedError, match="there is no run 4711"):
        follow(runtime, 4711)


def test_waiting_rings_again_for_what_is_due(
    runtime: Runtime, engine: Engine, root: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.operating.running.SWEEP_EVERY_S", 0.02)
    pretend_alive(engine, "worker")
    waiting = item(engine, run_id=root)
    follow(runtime, root, timeout_s=0.1, poll_s=0.01)
    [row] = rows(engine, "SELECT dispatches FROM work_items WHERE id = :id", id=waiting)
    assert row["dispatches"] == 1
    assert runtime.bell.broker.client.llen("odnowa:odnowa") == 1


def test_starting_a_run_rings_even_if_redis_is_away(make: Callable[..., Runtime], engine: Engine) -> None:
    runtime = make(redis_url="redis://127.0.0.1:9/0")
    ends_on = runtime.clock.today()
    subscriber(engine, ends_on=ends_on)
    planned = start_run(runtime, "renew", business_date=ends_on, by="jana", reason="a test")
    assert rows(engine, "SELECT state, dispatches FROM work_items") == [{"state": "ready", "dispatches": 1}]
    [audit] = rows(engine, "SELECT actor, act, reason, details FROM audit_log")
    details = {"run": planned.run_id, "job": "renew", "business_date": ends_on.isoformat(), "items": 1}
    assert audit == {"actor": "jana", "act": "run", "reason": "a test", "details": details}
