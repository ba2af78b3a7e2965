"""The control plane, the process itself, and form encoding."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.sandbox.emulator.desk import Desk
from tests.support.processes import CHECKOUT, listening, wait_for_port
from worker.sandbox.emulator.errors import ApiError
from worker.sandbox.emulator.form import decode, fingerprint, nest


def test_it_seeds_thousands_at_once(desk: Desk) -> None:
    run = desk.name("bulk")
    people = [{"id": f"cus_{run}_{n}", "email": f"{n}@example.com"} for n in range(10_000)]
    means = [{"id": f"pm_{run}_{n}", "customer": f"cus_{run}_{n}", "last4": f"{n:04}"} for n in range(10_000)]
    made = desk.control("POST", "seed", {"customers": people, "payment_methods": means})
    assert made == {"customers": 10_000, "payment_methods": 10_000}
    (method,) = desk.stripe.v1.payment_methods.list({"customer": f"cus_{run}_9999"}).data
    assert method.card is not None
    assert (method.id, method.card.last4) == (f"pm_{run}_9999", "9999")


@pytest.mark.parametrize(
    "method",
    [
        {"id": "pm_x", "customer": "cus_nobody"},
        {"id": "pm_x", "customer": "cus_good", "type": "cheque"},
        {"id": "pm_x", "customer": "cus_good", "colour": "red"},
        {"id": "pm_x", "customer": "cus_good", "script": ["typo"]},
    ],
)
def test_a_seed_with_a_fault_in_it_changes_nothing(desk: Desk, method: dict[str, object]) -> None:
    seed = {"customers": [{"id": "cus_good"}], "payment_methods": [method]}
    assert desk.raw_control("POST", "seed", seed).status_code == 400
    assert desk.wire("GET", "/v1/customers/cus_good").status_code == 404


def test_the_clock_is_put_moved_and_shifted(tmp_path: Path) -> None:
    with listening("worker.sandbox.emulator", folder=tmp_path) as process:
        desk = Desk(process.url, tmp_path / "none", iter(range(99)), "own")
        now = desk.control("PUT", "clock", {"now": "2030-01-31T05:00:00+00:00"})["now"]
        assert datetime.fromisoformat(now) - datetime(2030, 1, 31, 5, tzinfo=UTC) < timedelta(seconds=5)
        made = desk.stripe.v1.customers.create()
        assert abs(made.created - datetime(2030, 1, 31, 5, tzinfo=UTC).timestamp()) < 10
        assert desk.control("PUT", "clock", {"advance_s": 86_400})["now"].startswith("2030-02-01")
        assert desk.control("PUT", "clock", {"shift_s": 0})["shift_s"] == 0
        assert desk.control("GET", "health")["ok"] is True
        assert desk.raw_control("PUT", "clock", {"now": "2030-01-01T00:00:00", "advance_s": 1}).status_code == 400
        assert desk.raw_control("PUT", "clock", {"now": "soon"}).status_code == 400
        assert desk.raw_control("GET", "nothing").status_code == 404
        desk.close()


def test_it_says_what_it_is_and_listens_on_loopback_only(tmp_path: Path) -> None:
    with listening("worker.sandbox.emulator", folder=tmp_path) as process:
        assert "EMULATOR" in process.log.read_text(encoding="utf-8")
        assert "NO REAL MONEY" in process.log.read_text(encoding="utf-8")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", process.port), timeout=1).close()
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(5) == 0


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    port_file, log = tmp_path / "port", tmp_path / "log"
    parent = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-m', 'worker.sandbox.emulator', '--die-with-parent', "
        f"'--port-file', {str(port_file)!r}]); print(child.pid, flush=True); time.sleep(60)"
    )
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, "-c", parent], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=said)
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
        wait_for_port(process, port_file=port_file, log=log)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 5
        while _alive(child) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not _alive(child)


def _alive(number: int) -> bool:
    try:
        os.kill(number, 0)
        state = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def test_forms_nest() -> None:
    pairs = decode("metadata[a%20b]=x+y%26z&expand[]=p&expand[]=q&types[1]=n&types[0]=m&plain=&created[gte]=5")
    assert nest(pairs) == {
        "metadata": {"a b": "x y&z"},
        "expand": {"0": "p", "1": "q"},
        "types": {"1": "n", "0": "m"},
        "plain": "",
        "created": {"gte": "5"},
    }
    for wrong in ("a[b=1", "a=1&a[b]=2", "a[b]=2&a=1", "[a]=1"):
        with pytest.raises(ApiError):
            nest(decode(wrong))


def test_a_fingerprint_knows_path_and_parameters_not_their_order() -> None:
    first = fingerprint("/a", decode("x=1&y=2"))
    assert first == fingerprint("/a", decode("y=2&x=1"))
    assert first != fingerprint("/b", decode("x=1&y=2"))
    assert first != fingerprint("/a", decode("x=1&y=3"))
