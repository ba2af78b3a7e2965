"""The customers' process: each asks by request ids of its own, and asks the same again whenever an answer was lost.

    python -m tests.chaos.customers --log FILE --count N --pause-ms N

The log holds a line for each answer, with its moment; started again, it goes on where it ended.
Exit code 0 when all is answered.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from settings import load_settings
from tests.support.shopping import caller, wish
from worker.clock import monotonic_s, sleep_s
from worker.desk.order import order
from worker.desk.quote import quote
from worker.desk.refund import refund
from worker.desk.renewal import renewal_off
from worker.desk.request import Done
from worker.errors import ActRefusedError, TransientError
from worker.runtime import Runtime, make_runtime

WAIT_S = 0.3
ACTS = ("quote", "order", "raise", "order-raise", "last")
"""What every customer does, one after the other: a purchase, a change, and a refund or the end of renewal."""
PAUSES = frozenset({"payment_under_way", "order_under_way"})


def asked(name: str, act: str) -> str:
    """The request id of an act."""
    return f"chaos:{name}:{act}"


def do(runtime: Runtime, name: str, number: int, act: str, made: Mapping[str, Any]) -> Done:
    """One act; `made` holds the results of the earlier ones."""
    who, request = caller(name), asked(name, act)
    if act == "quote":
        return quote(runtime, who, wish("standard", "month", 2), request_id=request)
    if act == "raise":
        return quote(runtime, who, wish(agents=4 if number % 2 else 1), request_id=request)
    if act in {"order", "order-raise"}:
        quoted = made["quote" if act == "order" else "raise"]
        return order(runtime, who, str(quoted["quote"]), request_id=request)
    if number % 3 == 0:
        return refund(runtime, who, request_id=request)
    return renewal_off(runtime, who, request_id=request)


def read(log: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a log; the last one may have been cut by a death."""
    if not log.exists():
        return
    for line in log.read_text(encoding="utf-8").split("\n")[:-1]:
        if line.startswith("{") and line.endswith("}"):
            yield json.loads(line)


def answers(log: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The answer to each act of each customer, refusals too."""
    return {(line["name"], line["act"]): line for line in read(log)}


def answered_at_s(log: Path) -> float:
    """When the last answer came, on the machine's monotonic clock, which its processes share; 0 before the first."""
    return max((line["at_s"] for line in read(log)), default=0.0)


def main(arguments: list[str]) -> int:
    """Ask until all is answered. Returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.chaos.customers", description="Customers who buy during a storm.")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--pause-ms", type=int, default=0)
    options = parser.parse_args(arguments)
    runtime = make_runtime(load_settings())
    known = answers(options.log)
    for number in range(options.count):
        name = f"buyer-{number}"
        made: dict[str, Any] = {}
        for act in ACTS:
            line = known.get((name, act)) or _until_answered(runtime, options.log, name, number, act, made)
            if "refused" in line:
                break
            made[act] = line["result"]
            sleep_s(options.pause_ms / 1000)
    return 0


def _until_answered(
    runtime: Runtime, log: Path, name: str, number: int, act: str, made: Mapping[str, Any]
) -> dict[str, Any]:
    while True:
        try:
            done = do(runtime, name, number, act, made)
            line = {"name": name, "act": act, "result": dict(done.result), "repeated": done.repeated}
        except ActRefusedError as refusal:
            if refusal.code in PAUSES:
                sleep_s(WAIT_S)
                continue
            line = {"name": name, "act": act, "refused": refusal.code}
        except (SQLAlchemyError, TransientError):
            sleep_s(WAIT_S)
            continue
        with log.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps({**line, "at_s": monotonic_s()}) + "\n")
        return line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
