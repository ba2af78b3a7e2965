"""`odnowa requeue`: another life for dead items, parked charges and failed mails, with who and why."""

import json
from collections.abc import Callable

from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import rows, size, subscriber
from tests.support.work import charge, item, mail, run
from worker.operating.requeueing import Chosen, requeue
from worker.queue.items import lease
from worker.queue.runs import is_planned
from worker.runtime import Runtime


def test_dead_items_live_again_and_are_rung_for(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    done = run(engine, trigger="manual", finished_at="2026-03-15T12:00:00Z")
    dead = [item(engine, run_id=done, state="dead") for _ in range(2)]
    living = item(engine, state="done")
    result = odnowa("requeue", "--all-dead", "--reason", "mended", "--by", "jana", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "items": dead,
        "charges": [],
        "mails": [],
        "payouts": [],
        "runs": [],
        "rung": True,
    }
    states = rows(engine, "SELECT id, state, attempts, dispatches FROM work_items ORDER BY id")
    again = {"state": "ready", "attempts": 0, "dispatches": 1}
    assert states[:2] == [{"id": number, **again} for number in dead]
    assert states[2] == {"id": living, "state": "done", "attempts": 0, "dispatches": 0}
    assert rows(engine, "SELECT finished_at FROM runs WHERE id = :id", id=done) == [{"finished_at": None}]
    [audit] = rows(engine, "SELECT actor, act, reason, details FROM audit_log")
    assert audit == {"actor": "jana", "act": "requeue", "reason": "mended", "details": {"items": dead}}
    assert runtime.bell.broker.client.llen("odnowa:odnowa") == 2


def test_a_parked_charge_goes_on_in_an_item_of_its_own(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    one = subscriber(engine)
    parked = charge(engine, one, state="unknown", parked_reason="books_refuse", checks=100)
    other = charge(engine, subscriber(engine), parked_reason="books_refuse")
    assert odnowa("requeue", "--charge", str(parked), "--reason", "looked into it").exit_code == 0
    assert rows(engine, "SELECT id FROM charges WHERE parked_at IS NOT NULL") == [{"id": other}]
    [held] = rows(engine, "SELECT checks, work_item_id FROM charges WHERE id = :id", id=parked)
    leased = lease(runtime.engine, held["work_item_id"], lease_s=30)
    assert held["checks"] == 0
    assert leased is not None
    assert (leased.job, leased.ids) == ("renew", (parked,))
    [audit] = rows(engine, "SELECT act, reason, details FROM audit_log")
    assert audit == {"act": "requeue", "reason": "looked into it", "details": {"charges": [parked]}}


def test_a_requeued_charge_does_not_count_as_that_days_run(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    parked = charge(engine, subscriber(engine), parked_reason="books_refuse")
    odnowa("requeue", "--charge", str(parked), "--reason", "x")
    with engine.begin() as connection:
        assert not is_planned(connection, job="renew", business_date=runtime.clock.today())


def test_a_failed_mail_waits_again(odnowa: Odnowa, engine: Engine) -> None:
    one = subscriber(engine)
    failed = mail(engine, one.account_id, state="failed", attempts=12, last_answer="550 unknown user")
    assert odnowa("requeue", "--mail", str(failed), "--reason", "new address").exit_code == 0
    [again] = rows(engine, "SELECT state, attempts, work_item_id IS NOT NULL AS held FROM mails")
    assert again == {"state": "waiting", "attempts": 0, "held": True}
    assert rows(engine, "SELECT job, payload FROM work_items") == [
        {"job": "deliver_mail", "payload": {"ids": [failed]}}
    ]


def test_all_kinds_in_one_command(odnowa: Odnowa, engine: Engine) -> None:
    one = subscriber(engine)
    dead, parked = item(engine, state="dead"), charge(engine, one, parked_reason="books_refuse")
    failed = mail(engine, one.account_id, state="failed")
    line = f"requeue --item {dead} --charge {parked} --charge {parked} --mail {failed} --reason x"
    result = odnowa(*line.split())
    assert result.stdout == "requeued: 1 items, 1 charges, 1 mails, 0 payouts\n"
    assert size(engine, "audit_log") == 3


def test_twice_is_refused_the_second_time(odnowa: Odnowa, engine: Engine) -> None:
    parked = charge(engine, subscriber(engine), parked_reason="books_refuse")
    line = f"requeue --charge {parked} --reason x".split()
    assert [odnowa(*line).exit_code for _ in range(2)] == [0, 1]
    assert size(engine, "audit_log") == 1


def test_redis_that_is_away_changes_nothing_but_the_time(make: Callable[..., Runtime], engine: Engine) -> None:
    dead = item(engine, state="dead")
    runtime = make(redis_url="redis://127.0.0.1:9/0")
    done = requeue(runtime, Chosen(items=[dead]), by="jana", reason="x")
    assert (done.items, done.rung) == ([dead], False)
    assert rows(engine, "SELECT state FROM work_items") == [{"state": "ready"}]
