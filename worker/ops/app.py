"""`odnowa`: the operator's command line. Commands import what they need when they run, so that --help is quick."""

import contextlib
import io
import sys

import typer

from worker.ops import accounts, catalogue, customers, db, doctor, explain, jobs, run, runs, stuck
from worker.ops.edge import EXIT_CODES, OneLineErrors

app = typer.Typer(
    name="odnowa",
    cls=OneLineErrors,
    help=f"Renews, reminds, suspends and invoices subscriptions, by hand where need be. {EXIT_CODES}",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("jobs")(jobs.jobs)
app.command("run")(run.run)
app.command("runs")(runs.runs)
app.command("release")(runs.release)
app.command("stuck")(stuck.stuck)
app.command("requeue")(stuck.requeue)
app.command("explain")(explain.explain)
app.command("account")(accounts.account)
app.command("doctor")(doctor.doctor)
app.command("import")(customers.import_)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(db.app, name="db")


def main() -> None:
    """What the shell calls: logs to stderr, and text that a narrow terminal encoding cannot stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    _quiet_logs()
    app()


def _quiet_logs() -> None:
    """Warnings only: a command speaks for itself. Wrong settings are the command's to report."""
    from pydantic import ValidationError

    from settings import load_settings
    from worker import telemetry

    with contextlib.suppress(ValidationError):
        telemetry.configure_logging(level="warning", style=load_settings().log_format)


if __name__ == "__main__":
    main()
