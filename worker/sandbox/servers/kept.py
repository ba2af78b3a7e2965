"""One running server and its keeper: start, stop, kill."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from worker.clock import monotonic_s, sleep_s
from worker.errors import UnreachableError
from worker.sandbox.servers import keeper
from worker.sandbox.servers.place import ENVIRONMENT, Identity, Private

_START_LIMIT_S = 30.0
_STOP_LIMIT_S = 30.0
_LOOK_S = 0.01


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped by init does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return not state.rpartition(")")[2].startswith((" Z", " X"))


class Kept:
    """A server process that dies with us; may be stopped and started again."""

    def __init__(self, name: str, *, home: Private, who: Identity | None, death: signal.Signals) -> None:
        """A server that is not started yet.

        Args:
            name: what to call it in messages.
            home: the private folder; removed when we die, the server's log is in it.
            who: the user to run as, None for ourselves.
            death: what the server gets when we die.
        """
        self._name = name
        self._home = home
        self._who = who
        self._death = death
        self._keeper: subprocess.Popen[bytes] | None = None
        self.pid = 0

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self._home.path / "log"

    def start(self, command: Sequence[str | Path], ready: Callable[[], bool]) -> None:
        """Start the server and wait until `ready` says so.

        Raises:
            UnreachableError: it ended or did not become ready; the message ends with its log.
        """
        # -I and -S: nothing of a person's environment, and up in a few milliseconds.
        line = [sys.executable, "-I", "-S", keeper.__file__]
        line += ["--starter", str(os.getpid()), "--death-signal", self._death.name]
        line += ["--log", str(self.log), "--remove", str(self._home.path)]
        if self._who is not None:
            line += ["--uid", str(self._who.uid), "--gid", str(self._who.gid)]
        self._keeper = subprocess.Popen(
            [*line, "--", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd=self._home.path,
            pass_fds=[self._home.lock],
            # A session of its own: Ctrl-C reaches us, and we end the servers last.
            start_new_session=True,
        )
        try:
            self._wait(self._keeper, ready)
        except BaseException:
            self.kill()
            raise

    def _wait(self, kept_by: "subprocess.Popen[bytes]", ready: Callable[[], bool]) -> None:
        deadline = monotonic_s() + _START_LIMIT_S
        said = kept_by.stdout.readline() if kept_by.stdout is not None else b""
        self.pid = int(said or 0)
        while self.pid and kept_by.poll() is None and monotonic_s() < deadline:
            if ready():
                return
            sleep_s(_LOOK_S)
        raise UnreachableError(f"{self._name} did not start: {self._last_words()}")

    def stop(self, how: signal.Signals) -> None:
        """End the server by a signal and wait until it is gone; nothing happens when it is gone already."""
        self._signal(how)
        self._gone()

    def kill(self) -> None:
        """End the server and all its children as a power cut would, and wait until they are gone."""
        children = self._children()
        self._signal(signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._gone()
        while any(map(alive, children)):
            sleep_s(_LOOK_S)

    def _signal(self, how: signal.Signals) -> None:
        # The keeper reaps the server and ends after it, so while the keeper lives the number is the server's.
        if self._keeper is not None and self.pid and self._keeper.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)

    def _gone(self) -> None:
        if self._keeper is None:
            return
        if not self.pid and self._keeper.stdin is not None:
            self._keeper.stdin.close()  # it did not say which process to end, so it ends it itself
        try:
            self._keeper.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._keeper.wait()
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            if pipe is not None:
                pipe.close()
        self._keeper = None
        self.pid = 0

    def _children(self) -> list[int]:
        try:
            return [int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except OSError:
            return []

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        return " / ".join(lines[-3:]) or "it said nothing"
