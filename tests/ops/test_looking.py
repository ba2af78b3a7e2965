"""Commands that look: jobs, runs, catalogue, db; and --json, which is one document and nothing else."""

import json
import os
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine

from tests.ops.conftest import Odnowa
from tests.support.builders import catalogue, rows, subscriber
from tests.support.servers import own_database
from tests.support.work import attempt, charge, item, mail, run
from worker.operating.timetable import next_daily

PRAGUE = ZoneInfo("Europe/Prague")


def test_jobs_tell_their_timetable_last_run_and_next(odnowa: Odnowa, engine: Engine) -> None:
    old = run(engine, business_date=date(2026, 3, 14), planned={"charges": 1})
    newest = run(engine, business_date=date(2026, 3, 15), planned={"charges": 2})
    item(engine, run_id=newest, state="dead")
    read = {one["job"]: one for one in json.loads(odnowa("jobs", "--json").stdout)}
    assert set(read) >= {"renew", "suspend", "remind", "follow_payments"}
    assert (read["renew"]["last"]["id"], read["renew"]["last"]["state"]) == (newest, "dead")
    assert read["remind"]["last"] is None
    assert read["suspend"]["timetable"] == "daily at 06:30, after renew"
    assert old < newest
    said = odnowa("jobs").stdout
    assert "times in Europe/Prague" in said
    assert "2026-03-15  dead  charges 2" in said


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 3, 28, 3, 59, tzinfo=UTC), datetime(2026, 3, 28, 5, 0, tzinfo=PRAGUE)),
        (datetime(2026, 3, 28, 4, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=PRAGUE)),
        (datetime(2026, 10, 25, 3, 59, tzinfo=UTC), datetime(2026, 10, 25, 5, 0, tzinfo=PRAGUE)),
    ],
)
def test_the_next_run_is_counted_on_the_sellers_clock(now: datetime, expected: datetime) -> None:
    found = next_daily(time(5), now=now, zone=PRAGUE)
    assert found == expected
    assert found.utcoffset() == expected.utcoffset()


def test_runs_newest_first_by_job_and_date_with_what_came_of_them(odnowa: Odnowa, engine: Engine) -> None:
    renew = run(engine)
    item(engine, run_id=renew, state="done", result={"succeed": 2})
    item(engine, run_id=renew, state="done", result={"succeed": 3})
    caused = run(engine, job="deliver_mail", trigger="rung", root_run_id=renew)
    minutely = run(engine, job="follow_payments", trigger="minutely")
    held = run(engine, job="renew", business_date=date(2026, 3, 16), held_reason="too much")

    def listed(*options: str) -> list[int]:
        return [one["id"] for one in json.loads(odnowa("runs", "--json", *options).stdout)]

    assert listed() == [held, renew]
    assert listed("--all") == [held, minutely, caused, renew]
    assert listed("--job", "deliver_mail") == [caused]
    assert listed("--date", "2026-03-16") == [held]
    assert listed("--all", "--limit", "1") == [held]
    [first, second] = json.loads(odnowa("runs", "--json").stdout)
    assert (first["state"], second["state"], second["results"]) == ("held", "done", {"succeed": 5})
    said = odnowa("runs").stdout
    assert "held: too much" in said
    assert "succeed 5" in said


def test_the_catalogue_is_shown(odnowa: Odnowa, engine: Engine) -> None:
    assert "Prices, net: none" in odnowa("catalogue", "show").stdout
    catalogue(engine)
    said = odnowa("catalogue", "show").stdout
    assert "19.00 EUR" in said
    assert len(json.loads(odnowa("catalogue", "show", "--json").stdout)["prices"]) == 16


def test_a_database_is_brought_up_to_date_once_and_that_is_noted(odnowa: Odnowa, postgres_server: str) -> None:
    with own_database(postgres_server, f"odnowa_upgraded_{os.getpid()}") as url:
        env = {"DATABASE_URL": url, "REDIS_URL": None}
        stands = odnowa("db", "status", env=env)
        assert (stands.exit_code, "run `odnowa db upgrade`" in stands.stdout) == (1, True)
        first = json.loads(odnowa("db", "upgrade", "--by", "jana", "--json", env=env).stdout)
        again = odnowa("db", "upgrade", env=env)
        assert first["from"] is None
        assert again.stdout == f"the database stands at {first['to']} already\n"
        assert json.loads(odnowa("db", "status", "--json", env=env).stdout)["migrated"]
        engine = create_engine(url)
        audit = rows(engine, "SELECT actor, act, details FROM audit_log")
        engine.dispose()
    assert audit == [{"actor": "jana", "act": "db upgrade", "details": first}]


@pytest.mark.parametrize(
    "line",
    [
        "jobs",
        "runs",
        "stuck",
        "explain shop-1",
        "account shop-1",
        "catalogue show",
        "db status",
        "db upgrade",
        "run remind",
        "run renew --dry-run",
        "requeue --all-dead --reason x",
        "release 1 --reason x",
    ],
)
def test_json_is_one_document_and_nothing_else(odnowa: Odnowa, engine: Engine, line: str) -> None:
    catalogue(engine)
    assert run(engine, held_reason="too much") == 1
    one = subscriber(engine, external_id="shop-1", company="Žluťoučký kůň")
    attempt(engine, charge(engine, one, state="declined", parked_reason="books_refuse"), one)
    mail(engine, one.account_id, state="failed")
    item(engine, state="dead")
    result = odnowa(*line.split(), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    json.loads(result.stdout)
    assert odnowa(*line.split()).stderr in {"", "odnowa: nothing is dead\n", "odnowa: run 1 is not held\n"}
