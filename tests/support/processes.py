"""Programs of ours that tests start as processes of their own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Listening:
    """A program that listens on a loopback port."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address for HTTP."""
        return f"http://127.0.0.1:{self.port}"


def wait_for_port(process: "subprocess.Popen[bytes]", *, port_file: Path, log: Path) -> int:
    """The port that a program wrote to its file. Fails with the program's log when none comes."""
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            said = port_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            said = ""
        if said:
            return int(said)
        time.sleep(0.01)
    raise AssertionError(f"{process.args!r} did not listen: {log.read_text(encoding='utf-8')}")


@contextmanager
def listening(module: str, *arguments: str | Path, folder: Path) -> Iterator[Listening]:
    """Run a module of ours until the block ends; it takes a port, a file to write it to, and dies with us.

    Args:
        module: its name for `python -m`.
        arguments: what follows on its command line.
        folder: where its log and its port file go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port_file, log = folder / "port", folder / "log"
    command = [sys.executable, "-m", module, "--port", "0", "--port-file", str(port_file)]
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*command, "--die-with-parent", *map(str, arguments)], cwd=CHECKOUT, stdout=said, stderr=said
        )
    try:
        yield Listening(process, wait_for_port(process, port_file=port_file, log=log), log)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
