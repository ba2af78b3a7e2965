"""A whole installation on one machine: private servers, the emulator, a mail sink, workers, a scheduler.

What DATABASE_URL and REDIS_URL name is used instead of private servers: on that PostgreSQL server a database of the
stage's own is made, on that Redis a namespace of its own.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self
from urllib.request import Request, urlopen

from sqlalchemy import create_engine, text

from settings import Settings, load_settings
from worker.billing.vat import SellerVat
from worker.clock import SystemClock
from worker.errors import RefusedError
from worker.runtime import Runtime, make_runtime
from worker.sandbox.emulated import Emulated
from worker.sandbox.processes import end, spawn, wait_for_port
from worker.sandbox.servers import PrivatePostgres, PrivateRedis
from worker.store import migrations
from worker.store.engine import database_url

API_KEY = "sk_test_emulator"
SIGNING_KEY = "only-for-the-sandbox-and-not-a-secret"
LEFT = "left"
NOBODY = "http://127.0.0.1:9"
"""Where nobody listens, for what is never asked."""


class Stage:
    """An installation under a folder, from `with` to its end.

    Args:
        folder: logs, mails and the clock's file; emptied first.
        database: name of the database to make.
        shifted: whether all processes take their time from a file that `set_shift` writes.
        overrides: settings of all processes, by their environment names.
        emulator_flags: extra flags of the emulator.
        redis_url: a Redis to use instead of a private or given one.
        server_url: a PostgreSQL server to use instead of a private or given one.
        sink_flags: extra flags of the mail sink.
        kept: whether the database and the provider's account stay in the folder when it ends.
        again: whether to go on with what a kept stage left there, instead of emptying the folder.
    """

    def __init__(  # noqa: PLR0913 - all but the first are named, and each is one part of the installation
        self,
        folder: Path,
        *,
        database: str = "odnowa",
        shifted: bool = False,
        overrides: Mapping[str, str] | None = None,
        emulator_flags: tuple[str, ...] = (),
        redis_url: str | None = None,
        server_url: str | None = None,
        sink_flags: tuple[str, ...] = (),
        kept: bool = False,
        again: bool = False,
    ) -> None:
        self.folder = folder
        self._kept = kept or again
        self._again = again
        self.mails = folder / "mails"
        self._database = database
        self._clock_file = folder / "clock" if shifted else None
        self._overrides = dict(overrides or {})
        self._emulator_flags = emulator_flags
        self._redis_url = redis_url
        self._server_url = server_url
        self._sink_flags = sink_flags
        self._stack = ExitStack()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.listening: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            self._take()
            if not self._again:
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir(parents=True)
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        end(self.processes)
        self._stack.close()

    def _take(self) -> None:
        """The folder is ours while we run. Raises RefusedError when another stage stands on it."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = self._stack.enter_context((self.folder.parent / f".{self.folder.name}.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"another process works in {self.folder}: end it first") from None

    def _open(self) -> None:
        given = load_settings()
        server = self._server_url or given.database_url
        database = self._own_database(server) if server else self._private_database()
        redis_url = self._redis_url or given.redis_url or self._stack.enter_context(PrivateRedis()).url(0)
        if self._clock_file is not None:
            self._clock_file.write_text("0", encoding="ascii")
        self._stack.callback(lambda: end(self.processes))
        keep = ("--keep", str(self.folder / "provider")) if self._kept else ()
        self.emulator = Emulated(f"http://127.0.0.1:{self._listen('emulator', *keep, *self._emulator_flags)}")
        smtp_port = self._listen("mailsink", "--folder", str(self.mails), *self._sink_flags)
        self.environment: dict[str, str] = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "DATABASE_URL": database,
            "REDIS_URL": redis_url,
            "REDIS_NAMESPACE": f"odnowa-stage-{os.getpid()}",
            "STRIPE_API_KEY": API_KEY,
            "STRIPE_API_BASE": self.emulator.url,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(smtp_port),
            "FILES_URL": str(self.folder.absolute() / "files"),
            "RATES_API_BASE": self._bank(),
            "VIES_BASE_URL": self._register(),
            "LINK_SIGNING_KEY": SIGNING_KEY,
            "LOG_FORMAT": "text",
            # an idle worker looks this often, in milliseconds; Dramatiq's own second is a second for every job
            "dramatiq_worker_timeout": "100",
            **({"CLOCK_FILE": str(self._clock_file)} if self._clock_file else {}),
            **self._overrides,
        }
        migrations.upgrade(database)
        self.settings = Settings(_env_file=None, **{name.lower(): value for name, value in self.environment.items()})  # type: ignore[arg-type]  # pydantic reads the texts
        self.runtime: Runtime = make_runtime(self.settings)
        self._stack.callback(self.runtime.engine.dispose)
        self._stack.callback(self.runtime.payments.close)

    def _bank(self) -> str:
        """Where rates come from: a stand-in on the stage's clock; only a registered seller asks for any."""
        if self._overrides.get("SELLER_VAT") != SellerVat.REGISTERED.value:
            return NOBODY
        clock = ("--clock-file", str(self._clock_file)) if self._clock_file else ()
        return f"http://127.0.0.1:{self._listen('cnb_stand_in', *clock)}"

    def _register(self) -> str:
        """Who knows VAT numbers: a stand-in; only a registered seller asks it."""
        if self._overrides.get("SELLER_VAT") != SellerVat.REGISTERED.value:
            return NOBODY
        self._vies_url = f"http://127.0.0.1:{self._listen('vies_stand_in')}"
        return self._vies_url

    def tell_register(self, numbers: Mapping[str, str]) -> None:
        """What the stand-in for VIES shall say of numbers: VALID, INVALID or an error of the service."""
        request = Request(  # noqa: S310 - always http on loopback
            f"{self._vies_url}/_vies/numbers", data=json.dumps(dict(numbers)).encode(), method="POST"
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            answer.read()

    def _private_database(self) -> str:
        if self._kept:
            kept = self._stack.enter_context(PrivatePostgres(self.folder / "postgres", durable=False))
            return self._own_database(kept.url("postgres"))
        server = self._stack.enter_context(PrivatePostgres(durable=False))
        server.create_database(self._database)
        return server.url(self._database)

    def _own_database(self, given: str) -> str:
        server = database_url(given)
        if not self._again:
            engine = create_engine(server, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)'))
                connection.execute(text(f'CREATE DATABASE "{self._database}"'))
            engine.dispose()
        return server.set(database=self._database).render_as_string(hide_password=False)

    def _listen(self, name: str, *flags: str, port: int = 0) -> int:
        port_file, log = self.folder / f"{name}.port", self.folder / f"{name}.log"
        port_file.unlink(missing_ok=True)
        module = f"worker.sandbox.{name}"
        command = [sys.executable, "-m", module, "--port", str(port), "--port-file", str(port_file), *flags]
        process = spawn(command, environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, log=log)
        self.processes.append(process)
        self.listening[name] = process
        return wait_for_port(process, port_file=port_file, log=log)

    def restart_mail_sink(self) -> None:
        """Start the mail sink again at the port that it had."""
        port = int(self.environment["SMTP_PORT"])
        self._listen("mailsink", "--folder", str(self.mails), *self._sink_flags, port=port)

    def set_shift(self, seconds: int) -> None:
        """Move the clocks of all processes, the emulator's too."""
        self.set_host_shift(seconds)
        self.emulator.shift_clock(seconds)

    def set_host_shift(self, seconds: int) -> None:
        """Move the clocks of our own processes; the provider keeps its time."""
        assert self._clock_file is not None, "the stage was made with the machine's clock"
        fresh = self._clock_file.with_suffix(".new")
        fresh.write_text(str(seconds), encoding="ascii")
        fresh.replace(self._clock_file)

    def go_to(self, instant: datetime) -> None:
        """Move the clocks of all processes to an instant, from which they run on."""
        shift = instant - SystemClock(self.runtime.clock.zone).now()
        self.set_shift(round(shift.total_seconds()))

    def leave(self) -> None:
        """Write down where the clocks stand; who opens the folder again goes on from there."""
        (self.folder / LEFT).write_text(self.runtime.clock.now().isoformat(), encoding="ascii")

    def left_at(self) -> datetime:
        """Where the clocks stood when the folder was left. Raises RefusedError when it never was."""
        try:
            return datetime.fromisoformat((self.folder / LEFT).read_text(encoding="ascii"))
        except FileNotFoundError:
            raise RefusedError(f"nothing was played to its end in {self.folder}") from None

    def start_workers(self, *, processes: int = 2, threads: int = 4) -> "subprocess.Popen[bytes]":
        """Start real `dramatiq` workers; they are alive when their heartbeats say so."""
        command = [
            str(Path(sys.executable).with_name("dramatiq")),
            "worker.main",
            *("--processes", str(processes), "--threads", str(threads), "--worker-shutdown-timeout", "5000"),
        ]
        master = spawn(command, environment=self.environment, log=self.folder / "worker.log")
        self.processes.append(master)
        return master

    def start_scheduler(self) -> "subprocess.Popen[bytes]":
        """Start a scheduler process."""
        command = [sys.executable, "-m", "scheduler"]
        process = spawn(command, environment=self.environment, log=self.folder / "scheduler.log")
        self.processes.append(process)
        return process

    def start_web(self, *, port: int) -> "subprocess.Popen[bytes]":
        """Start the process that serves the console, on loopback; it is up when its port answers."""
        environment = {**self.environment, "WEB_PORT": str(port)}
        process = spawn([sys.executable, "-m", "worker.web"], environment=environment, log=self.folder / "web.log")
        self.processes.append(process)
        return process
