"""The site of a storm: all processes of an installation, started again as a platform would, on servers of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Self

from tests.support.workers import children, lives
from worker.clock import SystemClock, monotonic_s
from worker.sandbox.processes import end, spawn
from worker.sandbox.servers import PrivatePostgres, PrivateRedis
from worker.sandbox.stage import Stage

LEASE_S = 5
REQUESTS = "requests.jsonl"
"""File in the folder to which the emulator writes what it was asked."""
SETTINGS = {
    "LEASE_S": str(LEASE_S),
    "STRIPE_PACED": "false",
    "STRIPE_TIMEOUT_S": "2",
    "SMTP_TIMEOUT_S": "3",
    "STATEMENT_TIMEOUT_S": "10",
    "WORKER_PROCESSES": "2",
    "WORKER_THREADS": "2",
}
"""Short leases and timeouts, so that what outlasts them fits into a minute; all else as in production."""


class Site:
    """An installation that blows may hit.

    Args:
        folder: logs, mails, the clock's file, and what customers asked.
        worker: the module that the dramatiq command loads; a broken build has another one.
        customers: the command of the customers' process.
        machines: how many run a scheduler and a master of workers each.
        overrides: further settings, which win over ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        worker: str,
        customers: list[str],
        machines: int = 2,
        overrides: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self._machines = machines
        self._overrides = overrides
        self._worker = worker
        self._customers = customers
        self._stack = ExitStack()
        self.did: Counter[str] = Counter()
        self._host_off_s = 0
        self._shift_s = 0
        self._trouble_until = 0

    def __enter__(self) -> Self:
        try:
            self.postgres = self._stack.enter_context(PrivatePostgres(durable=True))
            self.postgres.create_database("postgres_of_chaos")
            self.redis = self._stack.enter_context(PrivateRedis())
            self.trouble = self.folder.with_name(f"{self.folder.name}.trouble")
            self.trouble.parent.mkdir(parents=True, exist_ok=True)
            self.trouble.write_text("{}", encoding="ascii")
            self.stage = self._stack.enter_context(
                Stage(
                    self.folder,
                    database="odnowa_chaos",
                    shifted=True,
                    overrides={**SETTINGS, **self._overrides},
                    redis_url=self.redis.url(0),
                    server_url=self.postgres.url("postgres_of_chaos"),
                    sink_flags=("--trouble", str(self.trouble)),
                    emulator_flags=("--requests", str(self.folder / REQUESTS)),
                )
            )
            self._stack.callback(self.stop_all)
        except BaseException:
            self._stack.close()
            raise
        self.roles = self._make_roles()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _make_roles(self) -> dict[str, "Supervised"]:
        workers = [sys.executable, "-m", "worker.workers", self._worker, "--processes", "1", "--threads", "2"]
        made = {}
        numbers = range(1, self._machines + 1)
        for name in (f"worker-{number}" for number in numbers):
            made[name] = Supervised(self, name, workers)
        for name in (f"scheduler-{number}" for number in numbers):
            made[name] = Supervised(self, name, [sys.executable, "-m", "scheduler"])
        made["customers"] = Supervised(self, "customers", self._customers)
        return made

    def start(self) -> None:
        """Start whatever shall run."""
        for role in self.roles.values():
            role.look()

    def look(self, pause_s: float) -> None:
        """Start again what has ended, after a pause."""
        for role in self.roles.values():
            role.look(pause_s)

    def stop_all(self) -> None:
        """End all that was started here, for good and at once: workers that end in order take two seconds for it."""
        for pid in [role.pid for role in self.roles.values() if role.pid is not None]:
            for one in (pid, *children(pid)):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
        end([role.process for role in self.roles.values() if role.process is not None])

    def go_to(self, day: date, at: time) -> None:
        """Move all clocks, the provider's too, to a wall-clock time of a day in the seller's zone."""
        clock = self.stage.runtime.clock
        wanted = datetime.combine(day, at, clock.zone).astimezone(UTC)
        self._shift_s = round((wanted - SystemClock(clock.zone).now()).total_seconds())
        self.stage.set_shift(self._shift_s)
        self.set_host_off(self._host_off_s)

    def go_on(self, seconds: int) -> None:
        """Let so much time pass at once, at the provider too."""
        self._shift_s += seconds
        self.stage.set_shift(self._shift_s)
        self.set_host_off(self._host_off_s)

    def set_host_off(self, seconds: int) -> None:
        """Let the clock of our machines, and of no other, be so many seconds wrong."""
        self._host_off_s = seconds
        self.stage.set_host_shift(self._shift_s + seconds)

    def set_trouble(self, counts: Mapping[str, int], seed: int = 0) -> None:
        """What the mail server does to the next mails: to how many of them `later`, `refuse`, `drop`."""
        self._trouble_until = self.trouble_met().total() + sum(
            counts.get(one, 0) for one in ("later", "refuse", "drop")
        )
        fresh = self.trouble.with_suffix(".new")
        fresh.write_text(json.dumps({"seed": seed, **counts} if counts else {}), encoding="ascii")
        fresh.replace(self.trouble)

    def trouble_is_over(self) -> bool:
        """Whether as many mails have met trouble as shall."""
        return self.trouble_met().total() >= self._trouble_until

    def trouble_met(self) -> Counter[str]:
        """How many mails met each kind of trouble, as the mail server told it."""
        log = (self.folder / "mailsink.log").read_text(encoding="utf-8", errors="replace")
        return Counter(re.findall(r"^trouble: (\w+)$", log, re.MULTILINE))


class Supervised:
    """A process that is started again whenever it has ended, unless it ended well and is not asked for again."""

    def __init__(self, site: Site, name: str, command: list[str]) -> None:
        self._site = site
        self._command = command
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self._back_at = 0.0
        self.starts = 0

    def look(self, pause_s: float = 0.0) -> None:
        """Start it when it has ended and its pause is over."""
        if self.process is not None and self.process.poll() is None:
            return
        if self.process is not None and self.process.returncode == 0 and self.name == "customers":
            return
        if self.process is not None and not self._back_at:
            self._back_at = monotonic_s() + pause_s
        if monotonic_s() >= self._back_at:
            log = self._site.folder / f"{self.name}.log"
            self.process = spawn(self._command, environment=self._site.stage.environment, log=log)
            self.starts += 1
            self._back_at = 0.0

    @property
    def pid(self) -> int | None:
        """Its number while it lives."""
        if self.process is None or self.process.poll() is not None or not lives(self.process.pid):
            return None
        return self.process.pid
