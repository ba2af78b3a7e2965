"""Worker and scheduler processes of ours over the servers of the tests, ended with the test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from worker.sandbox.processes import CHECKOUT, spawn

KILL_S = 15.0
SCHEDULER = (sys.executable, "-m", "scheduler")


def worker_command(*, processes: int = 1, threads: int = 2) -> tuple[str, ...]:
    """The command of the Procfile's `worker` line."""
    return (
        *(sys.executable, "-m", "worker.workers", "worker.main"),
        *("--processes", str(processes), "--threads", str(threads)),
    )


def environment(engine: Engine, redis_url: str, **more: str) -> dict[str, str]:
    """All settings that a process of ours needs; nothing behind the provider's address and the mail server's."""
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "REDIS_URL": redis_url,
        "STRIPE_API_KEY": "sk_test_emulator",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "SMTP_PORT": "1",
        "FILES_URL": "memory://nobody-prints",
        "LINK_SIGNING_KEY": "only-for-tests-and-not-a-secret-at-all",
        "LOG_FORMAT": "text",
        "dramatiq_worker_timeout": "100",
        **more,
    }


def older_worker_command(*, processes: int = 1, threads: int = 2) -> tuple[str, ...]:
    """The same for releases whose Procfile had dramatiq's own command."""
    program = str(Path(sys.executable).with_name("dramatiq"))
    return (program, "worker.main", "--processes", str(processes), "--threads", str(threads))


@dataclass(frozen=True, slots=True)
class Started:
    """A process of ours and its log."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def said(self) -> str:
        """Its output so far."""
        return self.log.read_text(encoding="utf-8")

    def ask_to_end(self) -> int:
        """SIGTERM; returns the exit code. Fails when it takes longer than a platform would wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(KILL_S)


@contextmanager
def started(
    command: tuple[str, ...], *, settings: dict[str, str], log: Path, folder: Path = CHECKOUT
) -> Iterator[Started]:
    """Run a command until the block ends, with the code of a folder."""
    process = spawn(command, environment=settings, log=log, folder=folder)
    try:
        yield Started(process, log)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(KILL_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children(pid: int) -> set[int]:
    """The direct children of a process."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _state(int(entry.name))[1] == pid:
            found.add(int(entry.name))
    return found


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet collected does not."""
    return _state(pid)[0] not in {"", "Z", "X"}


def kill_at_once(pid: int) -> None:
    """As the kernel does when memory runs out."""
    os.kill(pid, signal.SIGKILL)


def _state(pid: int) -> tuple[str, int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return fields[0], int(fields[1])
