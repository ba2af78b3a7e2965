"""The blows, each a function that hits and says what it did, and gives back how the harm ends."""

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg
import redis

from tests.chaos.plan import Blow
from tests.chaos.site import Site
from tests.support.workers import children, lives

Heal = Callable[[], None]
Struck = tuple[str, Heal | None]
"""What was hit, and what ends the harm; None where nobody needs to end it."""

FAULTS = {
    "drop_before_execution": 0.03,
    "drop_after_execution": 0.05,
    "reset_after_execution": 0.03,
    "error_before_execution": 0.02,
    "error_after_execution": 0.03,
    "bad_gateway": 0.03,
    "truncated": 0.03,
    "rate_limit": 0.05,
    "stall": 0.02,
}
TROUBLE = {"mails": 20, "later": 4, "refuse": 2, "drop": 3}
"""What the next mails meet. A time instead would mostly find none: they go out in bursts of a second."""


def _send(pid: int, how: signal.Signals) -> bool:
    if not lives(pid):
        return False
    os.kill(pid, how)
    return True


def _one(site: Site, blow: Blow, prefix: str) -> tuple[str, int] | None:
    living = [(role.name, role.pid) for role in site.roles.values() if role.name.startswith(prefix)]
    found = [(name, pid) for name, pid in living if pid is not None]
    return found[blow.pick % len(found)] if found else None


def _kill_role(prefix: str) -> Callable[[Site, Blow], Struck]:
    def strike(site: Site, blow: Blow) -> Struck:
        one = _one(site, blow, prefix)
        if one is None:
            return "nobody lived", None
        _send(one[1], signal.SIGKILL)
        return f"{one[0]}, pid {one[1]}", None

    return strike


def _worker_kill(site: Site, blow: Blow) -> Struck:
    one = _one(site, blow, "worker-")
    forked = sorted(children(one[1])) if one else []
    if one is None or not forked:
        return "nobody lived", None
    pid = forked[blow.pick % len(forked)]
    _send(pid, signal.SIGKILL)
    return f"a child of {one[0]}, pid {pid}", None


def _stop(pids: Sequence[int], lasts_ms: int) -> None:
    """Stop processes for a while. Another thread ends it: ours may be waiting for one of them meanwhile."""
    stopped = [pid for pid in pids if _send(pid, signal.SIGSTOP)]

    def go_on() -> None:
        for pid in stopped:
            _send(pid, signal.SIGCONT)

    threading.Timer(lasts_ms / 1000, go_on).start()


def _stop_role(prefix: str) -> Callable[[Site, Blow], Struck]:
    def strike(site: Site, blow: Blow) -> Struck:
        one = _one(site, blow, prefix)
        if one is None:
            return "nobody lived", None
        _stop([one[1], *children(one[1])], blow.lasts_ms)
        return f"{one[0]} for {blow.lasts_ms} ms", None

    return strike


def _client(site: Site) -> redis.Redis:
    return redis.Redis.from_url(site.redis.url(0), socket_timeout=2)


def _redis_flush(site: Site, _blow: Blow) -> Struck:
    if not site.redis.pid:
        return "Redis was down", None
    keys = _client(site).dbsize()
    _client(site).flushall()
    return f"{keys} keys", None


def _redis_kill(site: Site, blow: Blow) -> Struck:
    if not site.redis.pid:
        return "Redis was down", None
    site.redis.kill()
    return f"away for {blow.lasts_ms} ms", site.redis.start


def _redis_full(site: Site, blow: Blow) -> Struck:
    if not site.redis.pid:
        return "Redis was down", None
    _client(site).config_set("maxmemory", "1")

    def empty_again() -> None:
        if site.redis.pid:
            _client(site).config_set("maxmemory", "0")

    return f"writes refused for {blow.lasts_ms} ms", empty_again


def _postgres_kill(site: Site, blow: Blow) -> Struck:
    if not site.postgres.pid:
        return "PostgreSQL was down", None
    site.postgres.kill()
    return f"away for {blow.lasts_ms} ms", site.postgres.restart


def _postgres_terminate(site: Site, blow: Blow) -> Struck:
    if not site.postgres.pid:
        return "PostgreSQL was down", None
    address = site.postgres.url("postgres").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True, connect_timeout=2) as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = 'odnowa_chaos' AND pid <> pg_backend_pid() AND (pid + %s) %% 2 = 0",
            [blow.pick],
        ).fetchone()
    return f"{ended[0] if ended else 0} connections", None


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _postgres_stall(site: Site, blow: Blow) -> Struck:
    if not site.postgres.pid:
        return "PostgreSQL was down", None
    forked = {pid: _title(pid) for pid in children(site.postgres.pid)}
    writers = [pid for pid, title in forked.items() if "walwriter" in title or "checkpointer" in title]
    backends = [pid for pid, title in forked.items() if "odnowa_chaos" in title and (pid + blow.pick) % 2 == 0]
    _stop([*writers, *backends], blow.lasts_ms)
    return f"{len(writers)} writers and {len(backends)} backends for {blow.lasts_ms} ms", None


def _provider_faults(site: Site, blow: Blow) -> Struck:
    site.stage.emulator.chances(blow.pick, FAULTS, seconds=3.0)
    return f"for {blow.lasts_ms} ms", site.stage.emulator.no_faults


def _provider_stop(site: Site, blow: Blow) -> Struck:
    _stop([site.stage.listening["emulator"].pid], blow.lasts_ms)
    return f"for {blow.lasts_ms} ms", None


def _mail_trouble(site: Site, blow: Blow) -> Struck:
    site.set_trouble(TROUBLE, blow.pick)
    return f"for the next {TROUBLE['mails']} mails", None


def _mail_kill(site: Site, blow: Blow) -> Struck:
    sink = site.stage.listening["mailsink"]
    if sink.poll() is not None:
        return "it was down", None
    sink.kill()
    sink.wait()
    return f"away for {blow.lasts_ms} ms", site.stage.restart_mail_sink


def _clock(seconds: int) -> Callable[[Site, Blow], Struck]:
    def strike(site: Site, blow: Blow) -> Struck:
        site.set_host_off(seconds)
        return f"{seconds:+} s for {blow.lasts_ms} ms", lambda: site.set_host_off(0)

    return strike


BLOWS: Mapping[str, Callable[[Site, Blow], Struck]] = {
    "worker-kill": _worker_kill,
    "master-kill": _kill_role("worker-"),
    "scheduler-kill": _kill_role("scheduler-"),
    "worker-stop": _stop_role("worker-"),
    "scheduler-stop": _stop_role("scheduler-"),
    "redis-flush": _redis_flush,
    "redis-kill": _redis_kill,
    "redis-full": _redis_full,
    "postgres-kill": _postgres_kill,
    "postgres-terminate": _postgres_terminate,
    "postgres-stall": _postgres_stall,
    "provider-faults": _provider_faults,
    "provider-stop": _provider_stop,
    "mail-trouble": _mail_trouble,
    "mail-kill": _mail_kill,
    "customer-kill": _kill_role("customers"),
    "clock-ahead": _clock(3600),
    "clock-behind": _clock(-3600),
}
