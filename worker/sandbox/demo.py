"""The demo: a month of nights on real parts, and our books held against the provider's journal at its end.

`make demo`, or `python -m worker.sandbox.demo [--days 31]`. Exit code 0 when the books are equal, 1 on any
difference or broken invariant, 130 after Ctrl-C. Afterwards `var/demo/` holds the mails, the invoices, the logs, and
the data over which `make demo-console` serves the console.
"""

import argparse
import signal
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import text

from worker import boundary, jobs
from worker.charging.pages import read_pages
from worker.clock import monotonic_s, sleep_s
from worker.errors import OdnowaError
from worker.jobs.audit import as_of
from worker.operating.running import Ending, follow, plan_request, ring, start_run
from worker.ops.importing.catalogue_file import load_catalogue_file
from worker.ops.importing.customers import import_customers
from worker.queue.plans import Trigger
from worker.queue.runs import PlannedRun, plan_run
from worker.sandbox import demo_report, sample
from worker.sandbox.books import compare
from worker.sandbox.processes import CHECKOUT
from worker.sandbox.stage import API_KEY, Stage
from worker.store import audit

DAYS = 31
BY = "demo"
NIGHT = time(4, 0)
EVENING = time(20, 0)
NIGHT_JOBS = (
    *("check_vat_numbers", "follow_payments", "renew", "suspend", "issue_invoices", "remind", "deliver_mail"),
)
"""In the order of the timetable's times."""
EVENING_JOBS = ("fetch_exchange_rates", "follow_payments", "deliver_mail")
SELLER = {"SELLER_VAT": "registered", "SELLER_VAT_NUMBER": "CZ25123891", "VIES_CALLS_PER_SECOND": "500"}
"""Registered for VAT, and asking stand-ins for VIES and for the bank of rates."""
OVERRIDES = {"STRIPE_PACED": "false", "RULE_HOLD_MULTIPLE": "50", **SELLER}
"""Among so few shops one that pays by the year is many times a usual day; nobody sits by who would let the day go."""
DATABASE = "odnowa_demo"
FOLDER = CHECKOUT / "var" / "demo"
NOT_CONFIRMED_EVERY = 20
"""VIES does not know the VAT number of every so many-th shop."""
JOB_LIMIT_S = 60.0
POLL_S = 0.02
LOST_ANSWER_EVERY = 7
"""On every seventh day the answer of one confirmation is lost after the charge was made."""
WORKERS_LIMIT_S = 30.0


class DemoError(OdnowaError):
    """The demo could not be played to its end."""


def main(arguments: list[str]) -> int:
    """Play the demo. Returns the process's exit code."""
    parser = argparse.ArgumentParser(description="Play business days up to today and compare the books.")
    parser.add_argument("--days", type=int, default=DAYS, help=f"business days to play (default {DAYS})")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where everything is left")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False)
    started = monotonic_s()
    try:
        return _play(console, options.folder, days=options.days, started=started)
    except OdnowaError as error:
        console.print(f"[red]demo: {error}")
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; every process of the demo has ended")
        return 130


def _interrupt(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise KeyboardInterrupt


def _play(console: Console, folder: Path, *, days: int, started: float) -> int:
    console.print(demo_report.opening(days))
    with Stage(folder, database=DATABASE, shifted=True, overrides=OVERRIDES, kept=True, database_follows=True) as stage:
        today = stage.runtime.clock.today()
        first = today - timedelta(days=days - 1)
        _go_to(stage, first, NIGHT)
        _fill(stage, first)
        stage.start_workers(processes=2, threads=4)
        _wait_for_workers(stage)
        report = demo_report.Report(stage.runtime.engine)
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        ) as progress:
            task = progress.add_task("nights", total=days)
            for number in range(days):
                day = first + timedelta(days=number)
                progress.update(task, description=f"{day:%a %d %b %Y}")
                _night(stage, day, lose_an_answer=number % LOST_ANSWER_EVERY == LOST_ANSWER_EVERY - 1)
                report.close_day(day)
                progress.advance(task)
        _run(stage, "audit", today)
        console.print(report.table())
        books = compare(stage.runtime.engine, stage.emulator.journal(), stage.emulator.journal_refunds())
        invoices = _export_invoices(stage, folder / "invoices")
        mails = len(list(stage.mails.glob("*.eml")))
        console.print(demo_report.books_table(books))
        console.print(demo_report.vat_line(stage.runtime.engine))
        console.print(demo_report.left_behind(folder, invoices=invoices, mails=mails))
        audited = _audit(stage)
        code = demo_report.verdict(console, books, audited, stage.runtime.engine, seconds=monotonic_s() - started)
        stage.leave()
        console.print("\nIts data stays: [bold]make demo-console[/bold] serves the ops console over it")
        return code


def _audit(stage: Stage) -> list[audit.Finding]:
    """All that must hold over the whole store; nothing is left to do, so nothing needs its grace."""
    with boundary.transaction(stage.runtime.engine, "demo.audit") as connection:
        return audit.look(connection, as_of(stage.runtime, grace=timedelta(0)))


def _fill(stage: Stage, go_live_on: date) -> None:
    customers = stage.folder / "customers.csv"
    sample.redate(sample.SAMPLE_CUSTOMERS, customers, from_on=sample.SAMPLE_GO_LIVE_ON, go_live_on=go_live_on)
    seed = sample.emulator_seed(customers)
    stage.emulator.seed(seed["customers"], seed["payment_methods"])
    numbers = sample.vat_numbers(customers)
    stage.tell_register(dict.fromkeys(numbers[::NOT_CONFIRMED_EVERY], "INVALID"))
    runtime = stage.runtime
    load_catalogue_file(runtime.engine, sample.SAMPLE_CATALOGUE, BY)
    imported = import_customers(
        runtime.engine, customers, clock=runtime.clock, skip_bad=False, go_live_on=go_live_on, by=BY
    )
    if imported.refused:
        raise DemoError(f"{imported.refused} rows of the sample were refused, first {imported.refusals[0]}")


def _wait_for_workers(stage: Stage) -> None:
    beats = text("SELECT count(*) FROM heartbeats WHERE kind = 'worker'")
    deadline = monotonic_s() + WORKERS_LIMIT_S
    while True:
        with stage.runtime.engine.connect() as connection:
            if connection.execute(beats).scalar_one():
                return
        if monotonic_s() > deadline:
            raise DemoError(f"no worker came up; see {stage.folder / 'worker.log'}")
        sleep_s(POLL_S)


def _go_to(stage: Stage, day: date, at: time) -> None:
    """Move all clocks to a wall-clock time of a day in the seller's zone."""
    stage.go_to(datetime.combine(day, at, stage.runtime.clock.zone).astimezone(UTC))


def _night(stage: Stage, day: date, *, lose_an_answer: bool) -> None:
    _go_to(stage, day, NIGHT)
    if lose_an_answer:
        stage.emulator.fault("drop_after_execution", "payment_intents.confirm", times=1)
    for job in NIGHT_JOBS:
        _run(stage, job, day)
    _customers_act(stage, day)
    _go_to(stage, day, EVENING)
    for job in EVENING_JOBS:
        _run(stage, job, day)


def _run(stage: Stage, job: str, day: date) -> None:
    run = _planned(stage, job, day)
    ended = follow(stage.runtime, run.run_id, timeout_s=JOB_LIMIT_S, poll_s=POLL_S)
    if ended.state is not Ending.DONE:
        raise DemoError(f"{job} of {day} ended {ended.state.value}: {ended.because or dict(ended.counts)}")


def _planned(stage: Stage, job: str, day: date) -> PlannedRun:
    """The timetable's run at its time of day; by hand what has none, and what it ran for that day already."""
    spec = jobs.load()[job].spec(stage.runtime)
    clock = stage.runtime.clock
    if spec.daily_at is not None:
        if clock.now().astimezone(clock.zone).time() < spec.daily_at:
            _go_to(stage, day, spec.daily_at)
        request = replace(plan_request(stage.runtime, business_date=day, only=None), trigger=Trigger.TIMETABLE)
        run = plan_run(stage.runtime.engine, spec, request, trigger=Trigger.TIMETABLE, by="timetable")
        if run is not None:
            ring(stage.runtime, run.items)
            return run
    return start_run(stage.runtime, job, business_date=day, by=BY)


_ASKED = text("""
    SELECT c.provider_intent FROM charges c
    WHERE c.state = 'declined' AND c.decline_kind = 'needs_action' AND c.first_declined_on = :day AND c.id % 2 = 0
""")


def _customers_act(stage: Stage, day: date) -> None:
    """Every second customer whose bank asks for a confirmation gives it during the day; the others never do."""
    with stage.runtime.engine.connect() as connection:
        intents = list(connection.execute(_ASKED, {"day": day}).scalars())
    for intent in intents:
        stage.emulator.approve_at_bank(intent, api_key=API_KEY)


def _export_invoices(stage: Stage, folder: Path) -> int:
    folder.mkdir()
    query = text("""
        SELECT DISTINCT ON (i.id) i.number, d.pdf, d.pdf_sha256
        FROM invoices i JOIN invoice_documents d ON d.invoice_id = i.id
        ORDER BY i.id, d.edition DESC, d.template_version DESC
    """)
    with stage.runtime.engine.connect() as connection:
        found = connection.execute(query).all()
    for row in found:
        pages = read_pages(stage.runtime.files, sha256=row.pdf_sha256, kept=row.pdf)
        (folder / f"{row.number}.pdf").write_bytes(pages)
    return len(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
