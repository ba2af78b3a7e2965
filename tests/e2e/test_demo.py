"""The demo itself: it ends with equal books, and whatever ends it leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.nights import until
from tests.support.workers import children, lives
from worker.sandbox.processes import CHECKOUT
from worker.store.audit import INVARIANTS


def _demo(folder: Path, *, days: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "worker.sandbox.demo", "--days", str(days), "--folder", str(folder)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _family(pid: int) -> set[int]:
    found, waiting = set(), [pid]
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting += children(one)
    return found


@pytest.mark.timeout(120)
def test_three_nights_end_with_equal_books_and_paper_to_open(tmp_path: Path) -> None:
    demo = _demo(tmp_path / "demo", days=3)
    said, _ = demo.communicate(timeout=80)
    assert demo.returncode == 0, said
    assert "books = journal" in said
    assert "DIFFERENT" not in said
    assert f"audit: {len(INVARIANTS)} invariants, nothing broken" in said
    assert list((tmp_path / "demo" / "mails").glob("*.eml"))
    invoices = list((tmp_path / "demo" / "invoices").glob("*.pdf"))
    assert invoices
    assert all(path.read_bytes().startswith(b"%PDF") for path in invoices)
    _the_console_goes_on_from_there(tmp_path / "demo")


def _the_console_goes_on_from_there(folder: Path) -> None:
    """Up over the demo's data, a night more on Enter, and gone with all its servers on Ctrl-C."""
    console = subprocess.Popen(
        [sys.executable, "-m", "worker.sandbox.demo_console", "--folder", str(folder), "--port", "0"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert console.stdin is not None
    assert console.stdout is not None
    try:
        said = "".join(iter(console.stdout.readline, "\n"))
        said += "".join(console.stdout.readline() for _ in range(4))
        [address] = re.findall(r"http://127\.0\.0\.1:\d+/", said)
        with urlopen(f"{address}readyz") as answer:  # noqa: S310 - always http on loopback
            assert answer.status == 200
        console.stdin.write("\n")
        console.stdin.flush()
        assert "the night begins" in console.stdout.readline(), said
        family = _family(console.pid)
        console.send_signal(signal.SIGINT)
        assert console.wait(20) == 0
        assert "ended" in console.stdout.read()
        assert not any(lives(pid) for pid in family)
    finally:
        console.kill()
        console.communicate()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
def test_whatever_ends_it_no_process_stays(tmp_path: Path, how: signal.Signals) -> None:
    demo = _demo(tmp_path / "demo", days=3)
    try:
        until(lambda: _asked(tmp_path) and len(_family(demo.pid)) > 8, limit_s=40, what="workers that are up")
        family = _family(demo.pid)
        assert len(family) > 8, "servers, emulator, sink, workers"
        os.kill(demo.pid, how)
        until(lambda: not any(lives(pid) for pid in family - {demo.pid}), limit_s=15, what="nothing of it runs")
        demo.wait(15)
        if how is signal.SIGINT:
            assert demo.returncode == 130
    finally:
        if demo.poll() is None:
            demo.kill()
        demo.communicate()


def _asked(folder: Path) -> bool:
    """Whether the workers have begun: the first nights follow at once."""
    log = folder / "demo" / "worker.log"
    return log.exists() and "ready for action" in log.read_text(encoding="utf-8", errors="replace")
