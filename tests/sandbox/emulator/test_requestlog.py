"""With `--requests` the emulator tells afterwards what it was asked, what struck, and what it answered."""

import json
from pathlib import Path

from tests.sandbox.emulator.desk import Desk
from tests.support.processes import listening


def test_each_request_to_the_api_leaves_a_line_with_its_key_its_fault_and_its_answer(tmp_path: Path) -> None:
    told = tmp_path / "requests.jsonl"
    with listening("worker.sandbox.emulator", "--requests", told, folder=tmp_path) as process:
        desk = Desk(process.url, tmp_path / "none", iter(range(99)), "told")
        desk.control("POST", "faults", {"kind": "error_before_execution", "endpoint": "payment_intents.create"})
        for key in ("first", "first", "second"):
            desk.wire("POST", "/v1/payment_intents", "amount=500&currency=eur", key=key)
        desk.close()
    lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    shown = [(one["key"], one["fault"], one["code"], one["kept"]) for one in lines]
    fault = "error_before_execution"
    assert shown == [("first", fault, 500, False), ("first", None, 500, True), ("second", None, 200, False)]
    assert lines[-1]["id"].startswith("pi_")
    assert lines[-1]["status"] == "requires_payment_method"
    assert {one["path"] for one in lines} == {"/v1/payment_intents"}
