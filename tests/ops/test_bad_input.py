"""Bad input of every kind: one line, an exit code, no traceback, nothing written."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa, Shell
from tests.support.builders import counts, subscriber
from tests.support.servers import own_database
from tests.support.work import charge, item
from worker.runtime import Runtime

NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"
ASKING = ["jobs", "runs", "stuck", "doctor", "explain 1", "account shop-1", "catalogue show", "db status"]
DOING = ["run renew", "run renew --dry-run", "requeue --all-dead --reason x", "release 1 --reason x", "db upgrade"]


def one_line(stderr: str, words: str) -> None:
    assert stderr.startswith("odnowa: "), stderr
    assert stderr.count("\n") == 1, stderr
    assert words in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("", 2, "Missing command"),
        ("sing", 2, "No such command"),
        ("run", 2, "Missing argument"),
        ("run renew --date 2026-02-30", 2, "no date like"),
        ("run renew --date tomorrow", 2, "no date like"),
        ("run renew --timeout soon", 2, "'--timeout'"),
        ("run renew --dry-run --wait", 2, "not both"),
        ("run renew --loudly", 2, "No such option"),
        ("runs --limit 0", 2, "'--limit'"),
        ("runs --date 1.4.2026", 2, "no date like"),
        ("release 1", 2, "--reason"),
        ("release one --reason x", 2, "'RUN'"),
        ("requeue --reason x", 2, "name what to requeue"),
        ("requeue --item 1", 2, "--reason"),
        ("import", 2, "Missing argument"),
        ("import x.csv --go-live soon", 2, "no date like"),
        ("run sing", 1, "no job is called sing; there are: "),
        ("runs --job sing", 1, "no job is called sing"),
        ("run renew --only 4711", 1, "no subscription and no account is called 4711"),
        ("run renew --only 99999999999999999999999", 1, "no subscription and no account"),
        ("run suspend --date 2026-01-01", 1, "`renew` of that date must be planned first"),
        ("release 4711 --reason x", 1, "run 4711 is not held"),
        ("requeue --item 4711 --reason x", 1, "no dead item: 4711"),
        ("requeue --charge 4711 --reason x", 1, "no parked charge: 4711"),
        ("requeue --mail 4711 --reason x", 1, "no failed mail: 4711"),
        ("requeue --all-dead --reason x", 1, "nothing is dead"),
        ("explain 4711", 1, "no subscription and no account"),
        ("account nobody", 1, "no account is called nobody"),
        ("import nowhere.csv", 1, "nowhere.csv"),
        ("catalogue load nowhere.csv", 1, "nowhere.csv"),
    ],
)
@pytest.mark.parametrize("form", ["", "--json"])
def test_what_cannot_be_is_refused(odnowa: Odnowa, engine: Engine, line: str, code: int, words: str, form: str) -> None:
    subscriber(engine)
    before = counts(engine)
    result = odnowa(*line.split(), *([form] if form and line else []))
    assert (result.exit_code, result.stdout) == (code, "")
    one_line(result.stderr, words)
    assert counts(engine) == before


def test_a_day_to_come_is_refused(odnowa: Odnowa, engine: Engine, runtime: Runtime) -> None:
    tomorrow = runtime.clock.today() + timedelta(days=1)
    subscriber(engine, ends_on=tomorrow)
    before = counts(engine)
    for job in ("renew", "remind", "suspend"):
        result = odnowa("run", job, "--date", tomorrow.isoformat())
        assert result.exit_code == 1
        one_line(result.stderr, "that day has not come")
    assert counts(engine) == before


@pytest.mark.parametrize("line", [*(one for one in ASKING if one != "doctor"), *DOING])
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATABASE_URL", None, "DATABASE_URL is not set"),
        ("DATABASE_URL", "mysql://x/y", "DATABASE_URL must name a PostgreSQL database"),
        ("DATABASE_URL", "::", "DATABASE_URL is not an address"),
        ("DATABASE_URL", NOWHERE, "the database does not answer"),
        ("DATABASE_POOL_MAX", "many", "DATABASE_POOL_MAX: "),
        ("SMTP_PORT", "0", "SMTP_PORT: "),
    ],
)
def test_settings_that_cannot_be(odnowa: Odnowa, line: str, variable: str, value: str | None, words: str) -> None:
    result = odnowa(*line.split(), env={variable: value})
    assert (result.exit_code, result.stdout) == (1, "")
    one_line(result.stderr, words)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("REDIS_URL", None, "REDIS_URL is not set"),
        ("REDIS_URL", "http://x", "REDIS_URL is not an address"),
        ("STRIPE_API_KEY", None, "STRIPE_API_KEY is not set"),
        ("LINK_SIGNING_KEY", "short", "LINK_SIGNING_KEY needs at least 32"),
        ("SELLER_TIMEZONE", "Europe/Atlantis", "SELLER_TIMEZONE Europe/Atlantis is no time zone"),
    ],
)
def test_settings_that_a_run_needs(
    odnowa: Odnowa, engine: Engine, variable: str, value: str | None, words: str
) -> None:
    before = counts(engine)
    result = odnowa("run", "renew", env={variable: value})
    assert (result.exit_code, result.stdout) == (1, "")
    one_line(result.stderr, words)
    assert counts(engine) == before


@pytest.fixture(scope="module")
def unmigrated(postgres_server: str) -> Iterator[str]:
    with own_database(postgres_server, f"odnowa_unmigrated_{os.getpid()}") as url:
        yield url


@pytest.mark.parametrize("line", [one for one in (*ASKING, *DOING) if not one.startswith(("doctor", "db "))])
def test_an_unmigrated_database(odnowa: Odnowa, unmigrated: str, line: str) -> None:
    result = odnowa(*line.split(), env={"DATABASE_URL": unmigrated})
    assert (result.exit_code, result.stdout) == (1, "")
    one_line(result.stderr, "run `odnowa db upgrade`")


def test_one_that_is_not_stuck_keeps_all_others_where_they_are(odnowa: Odnowa, engine: Engine) -> None:
    one = subscriber(engine)
    parked = charge(engine, one, parked_reason="term_already_over")
    dead, living = item(engine, state="dead"), item(engine)
    before = counts(engine)
    line = f"requeue --item {dead} --item {living} --charge {parked} --reason x"
    result = odnowa(*line.split())
    assert result.exit_code == 1
    one_line(result.stderr, f"no dead item: {living}; nothing was requeued")
    assert counts(engine) == before


@pytest.mark.parametrize(
    ("line", "changes", "code", "words"),
    [
        ("run sing", {}, 1, "no job is called sing"),
        ("run renew --date x", {}, 2, "no date like"),
        ("run renew", {"DATABASE_URL": NOWHERE}, 1, "the database does not answer"),
        ("runs", {"LOG_LEVEL": "loud"}, 1, "LOG_LEVEL: "),
    ],
)
def test_what_the_shell_is_told(
    shell: Shell,
    line: str,
    changes: dict[str, str],
    code: int,
    words: str,
) -> None:
    done = shell(line, **changes)
    assert (done.returncode, done.stdout) == (code, "")
    one_line(done.stderr, words)


def test_help_needs_no_settings_and_names_the_exit_codes(odnowa: Odnowa) -> None:
    for command in ([], ["run"]):
        result = odnowa(*command, "--help", env={"DATABASE_URL": None, "SMTP_PORT": "x"})
        assert result.exit_code == 0
        assert "7 no worker is" in " ".join(result.stdout.split())
