"""Servers end with their starter, whatever ends it, and leave neither process nor folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import CHECKOUT
from worker.sandbox.servers.kept import alive

_STARTER = """
import signal, sys, threading, time
from worker.sandbox.servers import PrivatePostgres, PrivateRedis

servers = [PrivatePostgres(durable=False), PrivateRedis()]
if "thread" in sys.argv:  # the thread that starts them ends before the process does
    threads = [threading.Thread(target=server.__enter__) for server in servers]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    print(*[f"{server.pid} {server.folder}" for server in servers], flush=True)
    time.sleep(60)
with servers[0], servers[1]:
    print(*[f"{server.pid} {server.folder}" for server in servers], flush=True)
    time.sleep(60)
"""


class Started:
    """A program with both servers, and what must be gone after it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _STARTER, *arguments],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline().decode().split()
        self.process.stdout.close()
        self.servers = [int(said[0]), int(said[2])]
        self.folders = [Path(said[1]), Path(said[3])]
        self.keepers = _children(self.process.pid)
        self.pids = [*self.servers, *self.keepers, *_children(self.servers[0])]

    def left(self) -> list[object]:
        """Processes and folders that are still there."""
        return [*filter(alive, self.pids), *(folder for folder in self.folders if folder.exists())]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def one(*arguments: str) -> Started:
        started.append(Started(*arguments))
        return started[-1]

    yield one
    for each in started:
        each.process.kill()
        each.process.wait()


def test_sigkill_of_the_starter_leaves_nothing(start: Callable[..., Started]) -> None:
    started = start()
    assert len(started.keepers) == 2
    assert all(map(alive, started.pids))
    started.process.kill()
    started.process.wait()
    assert _soon(lambda: not started.left()), started.left()


def test_ctrl_c_leaves_nothing(start: Callable[..., Started]) -> None:
    started = start()
    os.killpg(started.process.pid, signal.SIGINT)
    started.process.wait(10)
    assert started.left() == []


def test_sigterm_without_a_handler_leaves_nothing(start: Callable[..., Started]) -> None:
    started = start()
    started.process.terminate()
    started.process.wait(10)
    assert _soon(lambda: not started.left()), started.left()


def test_servers_outlive_the_thread_that_started_them_but_not_the_process(
    start: Callable[..., Started],
) -> None:
    started = start("thread")
    time.sleep(0.3)
    assert all(map(alive, started.servers))
    started.process.kill()
    started.process.wait()
    assert _soon(lambda: not started.left()), started.left()


def test_servers_die_with_a_killed_keeper(start: Callable[..., Started]) -> None:
    started = start()
    for keeper in started.keepers:
        os.kill(keeper, signal.SIGKILL)
    assert _soon(lambda: not any(map(alive, started.servers)))
