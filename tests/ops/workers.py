"""Real worker processes for tests, started as the Procfile does, and living rows without a process."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from tests.support.builders import rows
from tests.support.processes import CHECKOUT
from worker.queue.heartbeats import beat

_LIMIT_S = 30.0


def pretend_alive(engine: Engine, kind: str) -> None:
    """A heartbeat of a process that does nothing."""
    beat(engine, process=f"{kind}:tests:1", kind=kind)


@contextmanager
def working(engine: Engine, environment: Mapping[str, str], *, folder: Path) -> Iterator[None]:
    """One worker process with two threads until the block ends; fails with its log when it does not begin to live."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "worker.log"
    command = [sys.executable, "-m", "worker.workers", "worker.main", "--processes", "1", "--threads", "2"]
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            env={**environment, "PYTHONPATH": str(CHECKOUT), "dramatiq_worker_timeout": "100"},
            cwd=folder,
            stdout=said,
            stderr=said,
        )
    try:
        deadline = time.monotonic() + _LIMIT_S
        while not rows(engine, "SELECT 1 AS one FROM heartbeats WHERE kind = 'worker'"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no worker came to life: {log.read_text(encoding='utf-8')}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
