"""`odnowa run` and `release`: what is planned, what is rung for, and every exit code."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from tests.ops.conftest import Odnowa
from tests.ops.workers import pretend_alive, working
from tests.support.builders import rows, size, subscriber, update
from tests.support.mail_sink import MailSink
from tests.support.work import run
from worker.runtime import Runtime
from worker.store import charges

RINGS = "odnowa:odnowa"
"""The list in Redis that workers take messages from."""


def _rung(runtime: Runtime) -> int:
    return int(runtime.bell.broker.client.llen(RINGS))


def test_a_run_is_planned_rung_for_and_noted(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    today = runtime.clock.today()
    one = subscriber(engine, external_id="shop-1", ends_on=today)
    subscriber(engine, external_id="shop-2", ends_on=today)
    result = odnowa("run", "renew", "--only", "shop-1", "--reason", "asked", "--by", "jana", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    read = json.loads(result.stdout)
    assert (read["job"], read["business_date"], read["items"]) == ("renew", today.isoformat(), 1)
    [planned] = rows(engine, "SELECT trigger, requested_by, reason, selection FROM runs")
    selection = {"only_subscription": one.subscription_id}
    assert planned == {"trigger": "manual", "requested_by": "jana", "reason": "asked", "selection": selection}
    assert rows(engine, "SELECT subscription_id FROM charges") == [{"subscription_id": one.subscription_id}]
    [audit] = rows(engine, "SELECT actor, act, reason, subscription_id FROM audit_log")
    assert audit == {"actor": "jana", "act": "run", "reason": "asked", "subscription_id": one.subscription_id}
    assert _rung(runtime) == 1


def test_the_login_name_is_noted_where_nobody_gives_another(odnowa: Odnowa, engine: Engine) -> None:
    assert odnowa("run", "renew", env={"LOGNAME": "night-shift"}).exit_code == 0
    assert rows(engine, "SELECT actor FROM audit_log") == [{"actor": "night-shift"}]


def test_redis_that_is_away_is_told_and_no_error(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    subscriber(engine, ends_on=runtime.clock.today())
    result = odnowa("run", "renew", env={"REDIS_URL": "redis://127.0.0.1:9/0"})
    assert result.exit_code == 0
    assert result.stderr == "odnowa: Redis does not take messages; the scheduler will ring later, nothing is lost\n"
    assert rows(engine, "SELECT state FROM work_items") == [{"state": "ready"}]


def test_a_number_that_is_also_a_name_must_be_told_apart(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    today = runtime.clock.today()
    other = subscriber(engine, external_id="somebody", ends_on=today)
    named = subscriber(engine, external_id=str(other.subscription_id), ends_on=today)
    number = str(other.subscription_id)
    assert "write id:" in odnowa("run", "renew", "--only", number).stderr
    for name, wanted in ((f"id:{number}", other), (f"account:{number}", named)):
        assert odnowa("run", "renew", "--only", name).exit_code == 0
        newest = "SELECT selection FROM runs ORDER BY id DESC LIMIT 1"
        assert rows(engine, newest)[0]["selection"] == {"only_subscription": wanted.subscription_id}


def test_without_a_worker_waiting_ends_at_once(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    subscriber(engine, ends_on=runtime.clock.today())
    result = odnowa("run", "renew", "--wait", "--json")
    assert (result.exit_code, result.stderr) == (7, "")
    assert json.loads(result.stdout)["followed"]["state"] == "no_worker"
    result = odnowa("run", "renew", "--wait")
    assert result.exit_code == 0, "the first run holds the charge, the second found nothing to do"


def test_a_worker_that_does_nothing_makes_it_a_timeout(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    pretend_alive(engine, "worker")
    subscriber(engine, ends_on=runtime.clock.today())
    result = odnowa("run", "renew", "--wait", "--timeout", "0.1")
    assert result.exit_code == 5
    assert "the run goes on" in result.stderr


def test_a_day_out_of_proportion_is_held_until_released(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    today = runtime.clock.today()
    for days in range(1, 8):
        sums = {"sums": {"EUR": {"charges": 1, "sum_minor": 100}}}
        run(engine, business_date=today - timedelta(days=days), planned=sums)
    subscriber(engine, ends_on=today)
    held = odnowa("run", "renew", "--wait", "--json")
    assert held.exit_code == 6
    number = json.loads(held.stdout)["run"]
    assert _rung(runtime) == 0
    said = odnowa("release", str(number), "--reason", "the sale of last year", "--by", "jana")
    assert (said.exit_code, said.stdout) == (0, f"run {number} goes on\n")
    assert _rung(runtime) == 1
    [audit] = rows(engine, "SELECT actor, reason, details FROM audit_log WHERE act = 'release'")
    assert audit == {"actor": "jana", "reason": "the sale of last year", "details": {"run": number, "items": 1}}
    again = odnowa("release", str(number), "--reason", "once more")
    assert (again.exit_code, size(engine, "audit_log")) == (1, 2)


def test_R8d_a_dropped_run_leaves_all_to_the_next_and_is_no_usual_day(
    odnowa: Odnowa, engine: Engine, runtime: Runtime
) -> None:
    today = runtime.clock.today()
    for days in range(1, 8):
        sums = {"sums": {"EUR": {"charges": 1, "sum_minor": 100}}}
        run(engine, business_date=today - timedelta(days=days), planned=sums)
    subscriber(engine, ends_on=today)
    number = json.loads(odnowa("run", "renew", "--json").stdout)["run"]
    said = odnowa("drop", str(number), "--reason", "an import went wrong", "--by", "jana")
    assert (said.exit_code, said.stdout) == (
        0,
        f"run {number} is dropped; the next run of the job takes what it held\n",
    )
    [audit] = rows(engine, "SELECT actor, reason, details ->> 'run' AS run FROM audit_log WHERE act = 'drop'")
    assert audit == {"actor": "jana", "reason": "an import went wrong", "run": str(number)}
    listed = json.loads(odnowa("runs", "--job", "renew", "--json").stdout)
    assert next(one["state"] for one in listed if one["id"] == number) == "dropped"
    assert odnowa("stuck").exit_code == 0
    assert odnowa("release", str(number), "--reason", "after all").exit_code == 1
    next_one = json.loads(odnowa("run", "renew", "--json").stdout)
    assert next_one["held"] is not None, "the charge is the next run's, and its sum is as unusual as before"
    update(engine, "runs", number, trigger="timetable", business_date=str(today - timedelta(days=8)))
    with engine.begin() as connection:
        earlier = charges.earlier_sums(connection, currency="EUR", before=today, most=30)
    assert earlier == [100] * 7


def test_a_real_worker_ends_runs_as_done_parked_and_dead(
    odnowa: Odnowa,
    engine: Engine,
    environment: dict[str, str],
    runtime: Runtime,
    mail_sink: MailSink,
    tmp_path: Path,
) -> None:
    today = runtime.clock.today()
    world: Mapping[str, str] = {**environment, "SMTP_PORT": str(mail_sink.port), "ITEM_ATTEMPTS_MAX": "1"}
    with working(engine, world, folder=tmp_path / "worker"):
        subscriber(engine, ends_on=today + timedelta(days=7), auto_renew=False)
        done = odnowa("run", "remind", "--wait", "--timeout", "30", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["followed"]["counts"]["remind"] == {"ending": 1}
        assert len(mail_sink.mails) == 1, "what the run caused is waited for as well"

        subscriber(engine, ends_on=today - timedelta(days=60))
        parked = odnowa("run", "renew", "--wait", "--timeout", "30")
        assert parked.exit_code == 4, parked.output
        assert "see `odnowa stuck`" in parked.stderr

        subscriber(engine, ends_on=today)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE credit_entries RENAME TO credit_entries_elsewhere"))
        dead = odnowa("run", "renew", "--wait", "--timeout", "30")
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE credit_entries_elsewhere RENAME TO credit_entries"))
        assert dead.exit_code == 3, dead.output
        assert "1 items dead" in dead.stdout
