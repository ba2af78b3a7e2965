"""`make bench`: what a renewal costs, beside the floor of the same two provider calls by the bare client.

10,000 renewals due on one day, no latency, limits off, two worker processes, PostgreSQL without fsync, everything
on one machine. Paper (invoices and mails) is held back until every charge is settled, then measured by itself.
Run it several times and compare ratios: the machine is shared with the provider, the database and the client.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from bench.cpu import seconds
from worker.operating.running import start_run
from worker.sandbox.books import compare
from worker.sandbox.crowd import gather
from worker.sandbox.processes import CHECKOUT
from worker.sandbox.stage import Stage

LIMIT_S = 900.0
_HOLD_PAPER = """
    CREATE FUNCTION hold_paper() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.not_before := 'infinity'; RETURN NEW; END $$;
    CREATE TRIGGER hold_paper BEFORE INSERT ON work_items FOR EACH ROW
        WHEN (NEW.job = 'issue_invoices') EXECUTE FUNCTION hold_paper();
"""
_LET_PAPER_GO = "UPDATE work_items SET not_before = now(), next_dispatch_at = now() WHERE not_before = 'infinity'"


@dataclass(frozen=True, slots=True)
class Phase:
    """One measured stretch: what it was for, how long it took, CPU seconds by part."""

    name: str
    renewals: int
    wall_s: float
    cpu_s: Mapping[str, float]


def main(arguments: list[str]) -> int:
    """Measure and print. Returns 1 when the books differ afterwards."""
    parser = argparse.ArgumentParser(description="Measure what a renewal costs.")
    parser.add_argument("--renewals", type=int, default=10_000)
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        floor = _floor(Path(folder) / "floor", options.renewals)
        overrides = {"STRIPE_PACED": "false", "LOG_LEVEL": "warning"}
        with Stage(Path(folder) / "stage", database="odnowa_bench", overrides=overrides) as stage:
            phases = _renewals(stage, options.renewals)
            books = compare(stage.runtime.engine, stage.emulator.journal())
    console.print(_table([floor, *phases]))
    ratio = (phases[0].wall_s / options.renewals) / (floor.wall_s / options.renewals)
    console.print(f"a charge through the pipeline takes {ratio:.2f} times the floor's wall time")
    console.print("books = journal" if books.equal else f"books differ: {list(books.differences)[:3]}")
    return 0 if books.equal else 1


def _day(stage: Stage) -> date:
    today = stage.runtime.clock.today()
    return today - timedelta(days=max(0, today.day - 28))


def _floor(folder: Path, renewals: int) -> Phase:
    with Stage(folder, database="odnowa_bench") as stage:
        gather(stage.runtime.engine, stage.emulator, count=renewals, due=_day(stage))
        emulator = stage.processes[0].pid
        before, started = seconds(emulator), time.monotonic()
        half = renewals // 2
        clients = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.floor", stage.emulator.url, str(first), str(last)],
                cwd=CHECKOUT,
                stdout=subprocess.PIPE,
            )
            for first, last in ((1, half), (half + 1, renewals))
        ]
        used = sum(float(client.communicate()[0]) for client in clients)
        wall = time.monotonic() - started
        return Phase("floor (bare client)", renewals, wall, {"worker": used, "emulator": seconds(emulator) - before})


def _renewals(stage: Stage, renewals: int) -> list[Phase]:
    day = _day(stage)
    engine = stage.runtime.engine
    gather(engine, stage.emulator, count=renewals, due=day)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
        connection.execute(text(_HOLD_PAPER))
    roots = {"emulator": stage.processes[0].pid}
    if (postgres := _server_pid(engine)) is not None:
        roots["postgres"] = postgres
    roots["worker"] = stage.start_workers(processes=2, threads=4).pid
    roots["scheduler"] = stage.start_scheduler().pid
    _until(engine, "SELECT count(*) >= 2 FROM heartbeats WHERE kind = 'worker'")
    before, started = _cpu(roots), time.monotonic()
    start_run(stage.runtime, "renew", business_date=day, by="bench")
    _until(engine, "SELECT count(*) = (SELECT count(*) FROM accounts) FROM charges WHERE state = 'succeeded'")
    middle, settled = _cpu(roots), time.monotonic()
    with engine.begin() as connection:
        connection.execute(text(_LET_PAPER_GO))
    _until(engine, "SELECT count(*) = (SELECT count(*) FROM accounts) FROM mails WHERE state = 'sent'")
    end, ended = _cpu(roots), time.monotonic()
    return [
        Phase("charges", renewals, settled - started, {name: middle[name] - before[name] for name in roots}),
        Phase("invoices and mails", renewals, ended - settled, {name: end[name] - middle[name] for name in roots}),
    ]


def _cpu(roots: Mapping[str, int]) -> dict[str, float]:
    return {name: seconds(pid) for name, pid in roots.items()}


def _server_pid(engine: Engine) -> int | None:
    """The postmaster, when it runs on this machine: the parent of our own backend."""
    with engine.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    try:
        return int(Path(f"/proc/{backend}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()[1])
    except OSError:
        return None


def _until(engine: Engine, question: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if connection.execute(text(question)).scalar_one():
                return
        time.sleep(0.1)
    raise SystemExit(f"not within {LIMIT_S} s: {question}")


def _table(phases: list[Phase]) -> Table:
    title = f"{phases[0].renewals:,} renewals, no latency, limits off; CPU milliseconds per renewal"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("phase")
    for name in ("per second", "wall s"):
        table.add_column(name, justify="right")
    parts = ("worker", "postgres", "emulator", "scheduler")
    for part in parts:
        table.add_column(part, justify="right")
    for phase in phases:
        each = [f"{1000 * phase.cpu_s[part] / phase.renewals:.2f}" if part in phase.cpu_s else "" for part in parts]
        table.add_row(phase.name, f"{phase.renewals / phase.wall_s:,.0f}", f"{phase.wall_s:.1f}", *each)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
