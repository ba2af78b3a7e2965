"""`odnowa doctor`: one line a check, what to do where one fails, and no end before the last."""

import json
import os
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine

from tests.gateways.scripted_server import scripted
from tests.ops.conftest import Odnowa, Shell
from tests.ops.workers import pretend_alive
from tests.support.mail_sink import MailSink
from tests.support.processes import Listening
from tests.support.servers import own_database

CHECKS = [
    *("settings", "clock", "database", "migrations", "redis", "provider", "webhooks", "mail server", "VIES", "files"),
    *("worker", "scheduler"),
]


def test_a_whole_house_is_well(
    odnowa: Odnowa, engine: Engine, environment: dict[str, str], emulator: Listening, mail_sink: MailSink
) -> None:
    pretend_alive(engine, "worker")
    pretend_alive(engine, "scheduler")
    world = {"STRIPE_API_BASE": emulator.url, "SMTP_PORT": str(mail_sink.port)}
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        well = client.info("memory")["maxmemory_policy"] == "noeviction"
    assert well, "the tests' Redis is one that may be rung with"
    result = odnowa("doctor", env=world)
    assert result.exit_code == 0, result.stdout
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [f"ok    {check}" for check in CHECKS]
    assert f"{emulator.url}, not the real one" in result.stdout
    assert "webhooks: no secret is set" in result.stdout
    assert mail_sink.files == []


def test_every_failing_part_is_named_with_what_to_do(odnowa: Odnowa, engine: Engine, tmp_path: Path) -> None:
    del engine
    env = {
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "CLOCK_FILE": str(tmp_path / "clock"),
        "STRIPE_API_BASE": "https://api.stripe.com",
        "STRIPE_API_KEY": None,
    }
    result = odnowa("doctor", "--json", env=env)
    assert (result.exit_code, result.stderr) == (1, "")
    found = {one["check"]: one for one in json.loads(result.stdout)}
    assert list(found) == CHECKS
    well = [check for check, one in found.items() if one["ok"]]
    assert well == ["database", "migrations", "webhooks", "VIES", "files"]
    assert all(one["advice"] for one in found.values() if not one["ok"])
    assert "STRIPE_API_KEY is not set" in found["settings"]["seen"]
    assert "shifts time while the provider is the real one" in found["clock"]["seen"]
    assert "Redis does not answer" in found["redis"]["seen"]
    assert "does not answer" in found["mail server"]["seen"]
    assert found["worker"]["seen"] == "no worker has been heard of for 20 s"


@pytest.mark.parametrize(
    ("env", "check", "seen"),
    [
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/x"}, "migrations", "the database does not answer"),
        ({"DATABASE_URL": None}, "worker", "DATABASE_URL is not set"),
        ({"REDIS_URL": None}, "redis", "REDIS_URL is not set"),
        ({"LINK_SIGNING_KEY": "short"}, "settings", "LINK_SIGNING_KEY needs at least 32"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:9"}, "provider", "does not answer"),
    ],
)
def test_a_fault_in_one_place(odnowa: Odnowa, env: dict[str, str | None], check: str, seen: str) -> None:
    result = odnowa("doctor", "--json", env=env)
    assert result.exit_code == 1
    [found] = [one for one in json.loads(result.stdout) if one["check"] == check]
    assert not found["ok"]
    assert seen in found["seen"]
    assert "\n" not in found["seen"]


def test_settings_that_cannot_be_read_end_it_at_once(odnowa: Odnowa) -> None:
    result = odnowa("doctor", env={"SMTP_PORT": "many"})
    assert result.exit_code == 1
    assert result.stdout.startswith("FAIL  settings: SMTP_PORT: ")
    assert len(result.stdout.splitlines()) == 2


def test_a_mail_server_that_turns_us_away_and_a_log_that_stays_out_of_the_document(shell: Shell) -> None:
    with scripted(GREETING="554 go away") as server:
        done = shell("doctor --json", SMTP_PORT=str(server.port))
    [one] = [one for one in json.loads(done.stdout) if one["check"] == "mail server"]
    assert (done.returncode, "mail_server_turns_us_away" in done.stderr) == (1, True)
    assert (one["ok"], one["seen"]) == (False, "it turns us away: 554 go away")


def test_an_unmigrated_database(odnowa: Odnowa, postgres_server: str) -> None:
    with own_database(postgres_server, f"odnowa_sick_{os.getpid()}") as url:
        found = {one["check"]: one for one in json.loads(odnowa("doctor", "--json", env={"DATABASE_URL": url}).stdout)}
    assert found["database"]["ok"]
    assert found["migrations"]["advice"] == "run `odnowa db upgrade`"
    assert "the database stands at nothing" in found["worker"]["seen"]


def test_a_redis_that_evicts_is_not_well(odnowa: Odnowa, environment: dict[str, str]) -> None:
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = json.loads(odnowa("doctor", "--json").stdout)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    [one] = [one for one in found if one["check"] == "redis"]
    assert (one["ok"], "allkeys-lru" in one["seen"]) == (False, True)
