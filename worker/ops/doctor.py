"""`odnowa doctor`: is everything there that a night shift needs, and what to do where it is not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from worker.errors import SettingsError
from worker.ops.edge import ExitCode, explained
from worker.ops.options import Json
from worker.telemetry import scrubbed

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from settings import Settings

POSTGRES_OLDEST = 15
LIVE_API = "https://api.stripe.com"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether all is well, what was seen, and what to do if it is not."""

    check: str
    ok: bool
    seen: str
    advice: str = ""


class NotWellError(Exception):
    """What a check found wrong, in one line; never leaves this file."""


Check = Callable[["Settings"], str]


def doctor(*, as_json: Json = False) -> None:
    """Check all that a night shift needs, and say what to do.

    Exit code 1 if anything fails.
    """
    from worker.ops import show

    findings = list(examine())
    if as_json:
        show.document(findings)
    else:
        for one in findings:
            show.line(f"{'ok  ' if one.ok else 'FAIL'}  {one.check}: {one.seen}")
            if not one.ok:
                show.line(f"      -> {one.advice}")
    if not all(one.ok for one in findings):
        raise typer.Exit(ExitCode.ERROR)


def examine() -> Iterator[Finding]:
    """Every check in turn; one that fails never stops the next. Without readable settings there is only the first."""
    from settings import load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("settings", ok=False, seen=str(error), advice="correct that variable")
        return
    for name, check, advice in _CHECKS:
        yield _examined(name, check, advice, settings)


def _examined(name: str, check: Check, advice: str, settings: "Settings") -> Finding:
    try:
        return Finding(name, ok=True, seen=check(settings))
    except NotWellError as error:
        return Finding(name, ok=False, seen=scrubbed(str(error)), advice=advice)
    except Exception as error:
        seen = explained(error)
        if seen is None:
            raise
        return Finding(name, ok=False, seen=scrubbed(seen), advice=advice)


def _settings(settings: "Settings") -> str:
    from worker.runtime import make_clock, make_policy, make_runtime

    make_policy(settings)
    runtime = make_runtime(settings)
    runtime.engine.dispose()
    runtime.bell.broker.client.close()
    return f"complete; business days are those of {make_clock(settings).zone.key}"


def _clock(settings: "Settings") -> str:
    if settings.clock_file is None:
        return "the machine's own"
    if settings.stripe_api_base == LIVE_API:
        raise NotWellError(f"CLOCK_FILE {settings.clock_file} shifts time while the provider is the real one")
    return f"shifted by {settings.clock_file}, for a rehearsal"


def _with_engine(settings: "Settings", look: "Callable[[Engine], str]") -> str:
    from worker.runtime import make_database

    engine = make_database(settings, name="odnowa-doctor")
    try:
        return look(engine)
    finally:
        engine.dispose()


def _database(settings: "Settings") -> str:
    def look(engine: "Engine") -> str:
        from worker import boundary
        from worker.store import operations

        with boundary.transaction(engine, "ops.doctor") as connection:
            version = operations.server_version(connection)
        if version < POSTGRES_OLDEST:
            raise NotWellError(f"PostgreSQL {version} is too old, {POSTGRES_OLDEST} is the oldest")
        return f"PostgreSQL {version} answers"

    return _with_engine(settings, look)


def _migrations(settings: "Settings") -> str:
    def look(engine: "Engine") -> str:
        from worker.store.migrations import check_migrated, head_revision

        check_migrated(engine)
        return f"database and code agree: {head_revision()}"

    return _with_engine(settings, look)


def _redis(settings: "Settings") -> str:
    from worker.queue.doorbell import WANTED_POLICY, memory_policy

    if not settings.redis_url:
        raise NotWellError("REDIS_URL is not set")
    policy = memory_policy(settings.redis_url)
    if policy != WANTED_POLICY:
        raise NotWellError(f"it answers, but its maxmemory-policy is {policy}: it would throw messages away")
    return f"answers, maxmemory-policy {policy}"


def _provider(settings: "Settings") -> str:
    from worker.runtime import make_payments

    make_payments(settings).ping()
    where = "the real one" if settings.stripe_api_base == LIVE_API else f"{settings.stripe_api_base}, not the real one"
    return f"answers and knows our key: {where}"


def _webhooks(settings: "Settings") -> str:
    count = len(settings.stripe_webhook_secrets)
    if not count:
        return "no secret is set: none are taken, and events are read each minute"
    return f"{count} secret{'s are' if count > 1 else ' is'} set"


def _mail(settings: "Settings") -> str:
    from worker.runtime import make_mailer

    with make_mailer(settings) as mailer:
        refusal = mailer.greet()
    if refusal is not None:
        raise NotWellError(f"it turns us away: {refusal.code or ''} {refusal.text}".replace("  ", " "))
    return f"{settings.smtp_host}:{settings.smtp_port} greets us"


def _vies(settings: "Settings") -> str:
    from worker.gateways.vies import ViesOutcome
    from worker.runtime import make_clock, make_vies

    if settings.seller_vat != "registered":
        return "not asked: the seller is not registered for VAT"
    answer = make_vies(settings, make_clock(settings)).check(settings.seller_vat_number)
    if answer.outcome is ViesOutcome.UNKNOWN:
        assert answer.reason is not None, "an unknown answer has a reason"
        raise NotWellError(f"it cannot say: {answer.reason.value} {answer.code or ''}".rstrip())
    if answer.outcome is ViesOutcome.INVALID:
        raise NotWellError(f"it says that our own number {settings.seller_vat_number} is not valid")
    return f"answers, and knows {settings.seller_vat_number}"


def _files(settings: "Settings") -> str:
    from worker.runtime import make_files

    make_files(settings).try_out()
    return f"{settings.files_url} can be written and read back"


def _living(settings: "Settings", kind: str) -> str:
    def look(engine: "Engine") -> str:
        from worker import boundary
        from worker.queue import heartbeats
        from worker.store.migrations import check_migrated

        check_migrated(engine)
        with boundary.transaction(engine, "ops.doctor") as connection:
            alive = heartbeats.alive(connection, kind)
        if not alive:
            raise NotWellError(f"no {kind} has been heard of for {heartbeats.ALIVE_S} s")
        return f"{alive} alive"

    return _with_engine(settings, look)


def _worker(settings: "Settings") -> str:
    return _living(settings, "worker")


def _scheduler(settings: "Settings") -> str:
    return _living(settings, "scheduler")


_CHECKS: tuple[tuple[str, Check, str], ...] = (
    ("settings", _settings, "set that variable; settings.py lists every one with its unit"),
    ("clock", _clock, "unset CLOCK_FILE in production"),
    ("database", _database, "start PostgreSQL 15 or newer, or correct DATABASE_URL"),
    ("migrations", _migrations, "run `odnowa db upgrade`"),
    ("redis", _redis, "start Redis with `maxmemory-policy noeviction`, or correct REDIS_URL"),
    ("provider", _provider, "check STRIPE_API_KEY and STRIPE_API_BASE, and the way out of this network"),
    ("webhooks", _webhooks, "set STRIPE_WEBHOOK_SECRETS to what the provider shows for the endpoint"),
    ("mail server", _mail, "check SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_PASSWORD and SMTP_STARTTLS"),
    ("VIES", _vies, "if VIES is away, wait; else check SELLER_VAT_NUMBER and the way out of this network"),
    ("files", _files, "check FILES_URL: the same place for all processes, which may write there"),
    ("worker", _worker, "start the `worker` line of the Procfile, or `make run`"),
    ("scheduler", _scheduler, "start the `scheduler` line of the Procfile, or `make run`"),
)
