"""Child processes that never outlive us: the kernel ends them when we are killed, we end them when we finish."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from worker.clock import monotonic_s, sleep_s
from worker.errors import UnreachableError

CHECKOUT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
GRACE_S = 10.0
START_LIMIT_S = 20.0


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, folder: Path = CHECKOUT
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, so that Ctrl-C reaches only us; call it from the main thread.

    Args:
        command: program and arguments.
        environment: all that it sees of one.
        log: where its output goes, appended.
        folder: where it works, which is the checkout whose code it runs.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as said:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one C call, and no other thread forks here
        )


def wait_for_port(process: "subprocess.Popen[bytes]", *, port_file: Path, log: Path) -> int:
    """The port that a program of ours wrote. Raises UnreachableError with the end of its log when none comes."""
    deadline = monotonic_s() + START_LIMIT_S
    while monotonic_s() < deadline and process.poll() is None:
        if port_file.exists() and (said := port_file.read_text(encoding="ascii").strip()):
            return int(said)
        sleep_s(0.01)
    raise UnreachableError(f"{process.args!r} did not start: {log.read_text(encoding='utf-8')[-500:]}")


def end(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Ask all to end, wait, and kill those that do not."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = monotonic_s() + GRACE_S
    for process in processes:
        try:
            process.wait(max(0.1, deadline - monotonic_s()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
