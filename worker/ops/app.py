"""`odnowa`: the operator's command line. Commands import what they need when they run, so that --help is quick."""

import io
import sys

import typer

from worker import telemetry
from worker.ops import (
    accounts,
    audit,
    catalogue,
    customers,
    db,
    desk,
    desk_money,
    desk_orders,
    desk_support,
    doctor,
    explain,
    invoices,
    jobs,
    rates,
    run,
    runs,
    stuck,
    users,
    vat,
)
from worker.ops.edge import EXIT_CODES, OneLineErrors

app = typer.Typer(
    name="odnowa",
    cls=OneLineErrors,
    help=f"Renews, reminds, suspends and invoices subscriptions, by hand where need be. {EXIT_CODES}",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(jobs.app, name="jobs")
app.command("run")(run.run)
app.command("runs")(runs.runs)
app.command("release")(runs.release)
app.command("drop")(runs.drop)
app.command("stuck")(stuck.stuck)
app.command("requeue")(stuck.requeue)
app.command("cancel")(stuck.cancel)
app.command("explain")(explain.explain)
app.command("doctor")(doctor.doctor)
app.command("audit")(audit.audit)
app.command("import")(customers.import_)
app.add_typer(accounts.app, name="account")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(invoices.app, name="invoice")
app.add_typer(vat.app, name="vat")
app.add_typer(rates.app, name="rates")
app.add_typer(db.app, name="db")
app.add_typer(users.app, name="user")
desk_support.register(desk.app)
desk_orders.register(desk.app)
desk_money.register(desk.app)
app.add_typer(desk.app, name="desk")


def main() -> None:
    """What the shell calls: logs to stderr, and text that a narrow terminal encoding cannot stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # a command speaks for itself; only what is wrong is worth a log line
    telemetry.configure_logging(level="warning", style="text")
    app()


if __name__ == "__main__":
    main()
