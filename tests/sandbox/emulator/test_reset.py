"""After a reset the emulator cannot be told from one that was just started, and nothing of before reaches it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.emulator.desk import Desk
from tests.support.processes import listening
from tests.support.waiting import wait_until
from worker.sandbox.emulated import Emulated

FLAGS = ("--rate-limit-per-endpoint", "500", "--latency-ms", "1")
LISTS = ("payment_intents", "events", "refunds")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Desk]:
    """An emulator of the test's own, started with flags; its journal's file holds a line of an earlier run."""
    journal = tmp_path / "journal.jsonl"
    journal.write_text('{"of": "an earlier run"}\n', encoding="utf-8")
    with listening("worker.sandbox.emulator", "--journal", journal, *FLAGS, folder=tmp_path) as process:
        desk = Desk(process.url, journal, iter(range(999)), "own")
        yield desk
        desk.close()


def _portrait(desk: Desk) -> dict[str, Any]:
    """All that can be asked of it without making anything, but for ids of requests and the moment."""
    seen: dict[str, Any] = {name: desk.control("GET", name) for name in ("faults", "limits", "attempts", "journal")}
    seen |= {"stats": desk.control("GET", "stats"), "shift": desk.control("GET", "clock")["shift_s"]}
    for name in LISTS:
        seen[name] = desk.wire("GET", f"/v1/{name}?limit=100").json()
    seen["customer"] = desk.wire("GET", "/v1/customers/cus_own").status_code
    seen["method"] = desk.raw_control("PUT", "scripts/pm_own", {"script": ["ok"]}).status_code
    return seen


def _live(desk: Desk) -> str:
    """A life under known names and keys; returns the id of a PaymentIntent, new and paid."""
    card = {"id": "pm_own", "customer": "cus_own", "refund_script": ["pending:succeeded:9"]}
    desk.control("POST", "seed", {"customers": [{"id": "cus_own"}], "payment_methods": [card]})
    wish = "amount=4999&currency=pln&customer=cus_own&payment_method=pm_own&allowed_payment_method_types[0]=card"
    intent = desk.wire("POST", "/v1/payment_intents", wish, key="create")
    assert "Idempotent-Replayed" not in intent.headers
    paid = desk.wire("POST", f"/v1/payment_intents/{intent.json()['id']}/confirm", "off_session=true", key="confirm")
    assert paid.json()["status"] == "succeeded", paid.text
    assert desk.wire("POST", "/v1/refunds", f"payment_intent={paid.json()['id']}&amount=1").status_code == 200
    return str(paid.json()["id"])


def test_after_a_reset_it_is_as_just_started(own: Desk) -> None:
    fresh = _portrait(own)
    assert (fresh["limits"], fresh["shift"], fresh["journal"]["count"]) == ({"per_endpoint": 500, "global": None}, 0, 0)
    first = _live(own)
    own.control("POST", "faults", {"kind": "stall", "endpoint": "customers.create"})
    own.control("PUT", "limits", {"per_endpoint": 100, "global": 100})
    own.control("PUT", "clock", {"advance_s": 86_400})
    lived = _portrait(own)
    assert all(lived[name] != fresh[name] for name in fresh), "there is something to forget in each"
    Emulated(own.url).reset()
    assert own.journal_path.read_bytes() == b"", "the file says what the journal says"
    assert _portrait(own) == fresh
    assert _live(own) != first, "the keys are forgotten, and ids of two worlds never meet"
    (line,) = own.control("GET", "journal")["charges"]
    assert line["sequence"] == 1
    assert len(own.journal_path.read_text(encoding="utf-8").splitlines()) == 2, "charge and refund"


def test_what_was_to_come_does_not_come(own: Desk) -> None:
    _live(own)
    Emulated(own.url).reset()
    own.control("PUT", "clock", {"advance_s": 3600})
    assert own.wire("GET", "/v1/events").json()["data"] == []
    assert own.journal_path.read_bytes() == b""


def test_an_answer_held_back_ends_in_the_old_world(own: Desk) -> None:
    emulated = Emulated(own.url)
    own.control("PUT", "latency", {"ms": 1500})
    late: list[str] = []

    def call() -> None:
        made = own.client(timeout_s=20).v1.customers.create({}, {"idempotency_key": "held"})
        late.append(made.id)

    calling = threading.Thread(target=call)
    calling.start()
    wait_until(lambda: own.control("GET", "stats")["all"]["requests"] == 1)
    emulated.reset()
    answer = own.wire("POST", "/v1/customers", key="held")
    assert answer.status_code == 200, "no key of the old world is in flight here"
    emulated.fault("drop_after_execution", "customers.create")
    calling.join()
    assert own.control("GET", "faults")["faults"][0]["struck"] == 0, "the late answer met its own world's faults"
    assert late != [answer.json()["id"]]
    assert own.wire("GET", f"/v1/customers/{late[0]}").status_code == 404
    assert own.wire("GET", f"/v1/customers/{answer.json()['id']}").status_code == 200


def test_it_goes_back_to_what_was_kept_as_often_as_wanted(desk: Desk) -> None:
    emulated = Emulated(desk.url)
    emulated.reset()
    held = desk.raw_control("PUT", "kept/x")
    assert held.status_code == 400, "a journal's file cannot be taken back"


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Desk]:
    """An emulator of the test's own, without a journal's file."""
    with listening("worker.sandbox.emulator", folder=tmp_path) as process:
        desk = Desk(process.url, tmp_path, iter(range(999)), "own")
        yield desk
        desk.close()


def test_whoever_goes_back_finds_objects_keys_faults_and_what_is_to_come(forgetful: Desk) -> None:
    own, emulated = forgetful, Emulated(forgetful.url)
    assert own.raw_control("POST", "kept/lived").status_code == 404
    paid = _live(own)
    own.control("POST", "faults", {"kind": "rate_limit", "endpoint": "balance.retrieve", "nth": 2})
    emulated.keep("lived")
    kept = _portrait(own)
    for _ in range(2):
        assert [own.wire("GET", "/v1/balance").status_code for _ in range(2)] == [200, 429]
        own.wire("POST", "/v1/refunds", f"payment_intent={paid}&amount=1", key="another")
        own.control("PUT", "clock", {"advance_s": 3600})
        assert _portrait(own) != kept
        emulated.go_back("lived")
        now = _portrait(own)
        assert now | {"shift": 0} == kept | {"shift": 0}
        again = own.wire("POST", f"/v1/payment_intents/{paid}/confirm", "off_session=true", key="confirm")
        assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (paid, "true")
        own.control("PUT", "clock", {"advance_s": 10})
        assert own.wire("GET", "/v1/refunds").json()["data"][0]["status"] == "succeeded"
        emulated.go_back("lived")
    emulated.reset()
    assert own.wire("GET", "/v1/payment_intents").json()["data"] == []
