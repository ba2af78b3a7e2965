"""Keeps one server process: it ends when its starter ends, however that happens.

Runs as a process of its own between starter and server, by path and with the standard library only, so that
it is up in milliseconds. It notices the starter's death by its standard input and by its parent's number (a
forked sibling may hold the pipe open), and the kernel ends the server should the keeper itself be killed.
Because the keeper has one thread, servers may be started from any thread of the starter.
"""

import argparse
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.2
_GRACE_S = 10.0


def _dying_with(keeper: int, death: signal.Signals) -> Callable[[], None]:
    """What the new process does before it becomes the server; the C library is loaded before the fork."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ask_kernel() -> None:
        if libc.prctl(_PR_SET_PDEATHSIG, death, 0, 0, 0) != 0:
            os._exit(126)
        if os.getppid() != keeper:
            os._exit(125)  # the keeper died before the kernel knew

    return ask_kernel


def _start(options: argparse.Namespace) -> "subprocess.Popen[bytes]":
    with options.log.open("ab") as log:
        return subprocess.Popen(
            options.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Set after the identity is dropped, since that would clear it again.
            preexec_fn=_dying_with(os.getpid(), options.death_signal),  # noqa: PLW1509 - one thread only
            user=options.uid,
            group=options.gid,
            extra_groups=None if options.uid is None else [],
        )


def _wait(server: "subprocess.Popen[bytes]", *, starter: int, wakeup: int) -> bool:
    """Wait for the first end. True: the server's own; False: the starter's."""
    while server.poll() is None:
        readable, _, _ = select.select([0, wakeup], [], [], _LOOK_S)
        if wakeup in readable:
            os.read(wakeup, 512)
        if 0 in readable and not os.read(0, 512):
            return False
        if os.getppid() != starter:
            return False
    return True


def _stop(server: "subprocess.Popen[bytes]", death: signal.Signals) -> None:
    server.send_signal(death)
    try:
        server.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The wake-up pipe tells that a child ended; Python needs a handler for it to be written to."""


def _told(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starter", type=int, required=True)
    parser.add_argument("--death-signal", type=lambda name: signal.Signals[name], required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--remove", type=Path, help="folder to remove when the starter has ended")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Start the server, print its process number, stay until one of the two ends."""
    options = _options(arguments)
    wakeup, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.signal(signal.SIGTERM, _told)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = _start(options)
    by_itself = False
    try:
        os.write(1, f"{server.pid}\n".encode())
        by_itself = _wait(server, starter=options.starter, wakeup=wakeup)
    finally:
        if server.poll() is None:
            _stop(server, options.death_signal)
        # A server that ended while its starter lives is started again in the same folder.
        if options.remove is not None and not by_itself:
            shutil.rmtree(options.remove, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
