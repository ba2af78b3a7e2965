"""No secret leaves in words: not in logs, errors, rows, mails or messages, whoever repeats it to us.

The secrets are made when the tests begin. The provider and the mail server of these tests say them back.
"""

import io
import json
import logging
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import pytest
import redis
import structlog
from sqlalchemy import Engine, make_url

from settings import Settings
from tests.gateways.scripted_provider import error, saying
from tests.gateways.scripted_server import scripted
from tests.ops.conftest import Odnowa, environment, odnowa
from tests.support.builders import catalogue, insert, rows, subscriber
from tests.support.processes import CHECKOUT
from tests.support.waiting import wait_until
from tests.support.workers import SCHEDULER, started, worker_command
from tests.support.workers import environment as of_processes
from worker import telemetry
from worker.clock import SystemClock
from worker.runtime import make_clock, make_runtime
from worker.store.schema import metadata

__all__ = ["environment", "odnowa"]


@dataclass(frozen=True, slots=True)
class Planted:
    """The secrets of this run; that of the database has characters that addresses and JSON write differently."""

    api_key: str
    smtp: str
    signing_key: str
    database: str
    redis: str
    webhook: str
    metrics: str

    @property
    def all(self) -> tuple[str, ...]:
        """Every form in which one could be found."""
        plain = (self.api_key, self.smtp, self.signing_key, self.database, self.redis, self.webhook, self.metrics)
        return (*plain, *(quote(one, safe="") for one in plain))

    def found_in(self, words: str) -> list[str]:
        """Which of them stand in a text, by the name of the field, so that a failure does not print them either."""
        names = ("api_key", "smtp", "signing_key", "database", "redis", "webhook", "metrics") * 2
        return [name for name, one in zip(names, self.all, strict=True) if one in words]


@pytest.fixture(scope="module")
def planted() -> Planted:
    def made() -> str:
        return secrets.token_urlsafe(24)

    return Planted(f"sk_test_{made()}", made(), made() * 2, f'{made()}"é%+@', made(), f"whsec_{made()}", made())


@pytest.fixture
def secretive(planted: Planted, engine: Engine, redis_url: str) -> Iterator[Mapping[str, str]]:
    """Variables with which everything works, and every secret is in them; Redis knows a user for it."""
    address = make_url(engine.url.render_as_string(hide_password=False)).set(password=planted.database)
    place, _, number = redis_url.partition("?")
    scheme, _, rest = place.partition("://")
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "planted", "on", f">{planted.redis}", "~*", "&*", "+@all")
        yield {
            "DATABASE_URL": address.render_as_string(hide_password=False),
            "REDIS_URL": f"{scheme}://planted:{planted.redis}@{rest}?{number}",
            "STRIPE_API_KEY": planted.api_key,
            "SMTP_USER": "planted",
            "SMTP_PASSWORD": planted.smtp,
            "LINK_SIGNING_KEY": planted.signing_key,
            "STRIPE_WEBHOOK_SECRETS": json.dumps([planted.webhook]),
            "METRICS_TOKEN": planted.metrics,
        }
        client.execute_command("ACL", "DELUSER", "planted")


def everything_in(engine: Engine) -> str:
    """All rows of all tables."""
    read = [rows(engine, f"SELECT to_jsonb(t) AS row FROM {table} t") for table in metadata.tables]  # noqa: S608 - of the schema
    return "\n".join(str(row["row"]) for found in read for row in found)


def everything_in_redis(url: str) -> str:
    """All keys and what is under them, as Redis would write it to disk."""
    with redis.Redis.from_url(url) as client:
        return "\n".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter())


def test_processes_whose_servers_say_their_secrets_back_tell_nobody(
    planted: Planted, secretive: Mapping[str, str], engine: Engine, redis_url: str, tmp_path: Path, odnowa: Odnowa
) -> None:
    """A renewal that is refused with the key in the sentence, a mail whose login is refused with the password."""
    today = SystemClock(make_clock(Settings(_env_file=None)).zone).today()
    catalogue(engine)
    of = subscriber(engine, ends_on=today)
    data = {"company": "Nová s.r.o.", "package": "standard", "ended_on": today.isoformat()}
    data |= {"account_url": "https://shop.example/", "cause": "renewal_off"}
    insert(engine, "mails", account_id=of.account_id, kind="suspended", subject_key="term:1", data=data)
    key = error(400, "invalid_request_error", None, f"Invalid API Key provided: {planted.api_key}")
    password = f"535 5.7.8 {planted.smtp} is no password"
    offer = "250-hello\r\n250 AUTH PLAIN LOGIN"
    with saying(key) as provider, scripted(EHLO=offer, AUTH=password) as server:
        more = {**secretive, "STRIPE_API_BASE": provider.url, "SMTP_PORT": str(server.port), "LOG_LEVEL": "debug"}
        settings = of_processes(engine, redis_url, **more)
        said = ""
        with (
            started(worker_command(), settings=settings, log=tmp_path / "worker") as worker,
            started(SCHEDULER, settings={**settings, "LOG_FORMAT": "json"}, log=tmp_path / "scheduler") as scheduler,
        ):
            for line in ("run renew", "run deliver_mail", "doctor", "doctor --json", "stuck", "jobs", "explain 1"):
                told = odnowa(*line.split(), env=more)
                said += told.stdout + told.stderr
            wait_until(lambda: len(failures(engine)) >= 2)
            assert (worker.ask_to_end(), scheduler.ask_to_end()) == (0, 0)
            said += worker.said + scheduler.said
        told = odnowa("stuck", env=more)
        said += told.stdout + told.stderr
    assert provider.asked
    assert "AUTH" in server.verbs
    kept = everything_in(engine)
    assert telemetry.HIDDEN in kept, "what was said back was kept, without the secret"
    for where, words in {"words": said, "rows": kept, "Redis": everything_in_redis(redis_url)}.items():
        assert planted.found_in(words) == [], where


def failures(engine: Engine) -> list[dict[str, Any]]:
    """What renewal and mail came to."""
    return rows(
        engine,
        """SELECT last_error FROM work_items WHERE last_error IS NOT NULL
           UNION ALL SELECT parked_detail FROM charges WHERE parked_detail IS NOT NULL""",
    )


NOWHERE = "postgresql://planted:{password}@127.0.0.1:9/nothing"
ACTS = ("run renew", "runs", "doctor --json", "db status", "db upgrade", "requeue --all-dead --reason x")
WRONG: tuple[dict[str, str], ...] = (
    {"DATABASE_URL": NOWHERE},
    {"DATABASE_URL": "postgresql://planted:{password}@127.0.0.1:port/nothing"},
    {"DATABASE_URL": "mysql://planted:{password}@127.0.0.1/nothing"},
    {"DATABASE_URL": "planted:{password}@127.0.0.1"},
    {"DATABASE_URL": "postgresql://planted:{password}@127.0.0.1:9/nothing?sslmode=perhaps"},
    {"REDIS_URL": "redis://planted:{password}@127.0.0.1:9/0"},
    {"REDIS_URL": "redis://planted:{password}@127.0.0.1:port/0"},
    {"REDIS_URL": "http://planted:{password}@127.0.0.1"},
    {"LOG_LEVEL": "{password}"},
    {"SMTP_PORT": "{password}"},
    {"SELLER_COUNTRY": "{password}"},
)


@pytest.mark.parametrize("wrong", WRONG, ids="-".join)
def test_commands_that_cannot_work_tell_no_secret(
    planted: Planted, secretive: Mapping[str, str], odnowa: Odnowa, wrong: dict[str, str]
) -> None:
    changed = {name: value.format(password=quote(planted.database, safe="")) for name, value in wrong.items()}
    for line in ACTS:
        told = odnowa(*line.split(), env={**secretive, **changed})
        assert planted.found_in(told.stdout + told.stderr) == [], line


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_provider_that_says_our_key_back_is_told_of_without_it(
    planted: Planted, secretive: Mapping[str, str], odnowa: Odnowa, status: int
) -> None:
    said = error(status, "api_error", "wrong", f"{planted.api_key} is wrong, and so is Bearer {planted.api_key}")
    with saying(said) as provider:
        told = odnowa("doctor", env={**secretive, "STRIPE_API_BASE": provider.url, "SMTP_PORT": "9"})
    assert "FAIL  provider" in told.stdout
    assert planted.found_in(told.stdout + told.stderr) == []


def settings_of(secretive: Mapping[str, str]) -> Settings:
    given: dict[str, Any] = {name.lower(): value for name, value in secretive.items()}
    given["stripe_webhook_secrets"] = json.loads(given["stripe_webhook_secrets"])
    return Settings(_env_file=None, **given)


def test_parts_that_are_printed_keep_their_secrets(planted: Planted, secretive: Mapping[str, str]) -> None:
    settings = settings_of(secretive)
    runtime = make_runtime(settings)
    parts = (
        settings,
        runtime,
        runtime.door_keys,
        runtime.links,
        runtime.payments,
        runtime.engine,
        runtime.engine.url,
        runtime.bell,
    )
    assert [planted.found_in(f"{part!r} {part}") for part in parts] == [[]] * len(parts)
    runtime.engine.dispose()


def fail(words: str) -> NoReturn:
    raise ValueError(words)


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_log_line_with_a_secret_in_it_is_scrubbed(
    planted: Planted, secretive: Mapping[str, str], style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_runtime(settings_of(secretive)).engine.dispose()
    stream, root = io.StringIO(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before = structlog.get_config()
    try:
        telemetry.configure_logging(level="info", style=style, stream=stream)
        log = structlog.get_logger("planted")
        for one in planted.all:
            log.warning("said", words=f"the server says {one}", more=[{"deep": one}])
            logging.getLogger("a library").error("it says %s", one)
            try:
                fail(one)
            except ValueError:
                log.exception("failed")
                logging.getLogger("a library").exception("failed")
        assert stream.getvalue().count(telemetry.HIDDEN) >= 5 * len(planted.all)
        assert planted.found_in(stream.getvalue()) == []
    finally:
        structlog.configure(**before)
        monkeypatch.undo()


def test_what_ends_a_process_is_told_without_secrets(planted: Planted) -> None:
    code = (
        "import sys; from worker import telemetry; telemetry.configure_logging(level='info', style='text')\n"
        "said = sys.stdin.read(); telemetry.hide(said); raise RuntimeError(said)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=planted.smtp, capture_output=True, text=True, cwd=CHECKOUT, check=False
    )
    assert done.returncode == 1
    assert f"RuntimeError: {telemetry.HIDDEN}" in done.stderr
    assert planted.found_in(done.stderr + done.stdout) == []


def test_short_words_are_no_secrets() -> None:
    telemetry.hide("", None, "ab", "abcde")
    assert telemetry.scrubbed("abcde ab") == "abcde ab"
