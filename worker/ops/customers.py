"""`odnowa import`: a company's existing customers from a CSV file."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.ops.edge import ExitCode, say
from worker.ops.options import By, Json, day

if TYPE_CHECKING:
    from worker.ops.importing import ImportReport

File = Annotated[Path, typer.Argument(help="A CSV file, UTF-8.", metavar="FILE")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Write the good rows although others are refused.")]
GoLive = Annotated[
    date | None,
    typer.Option(
        "--go-live",
        parser=day,
        metavar="YYYY-MM-DD",
        help="The first business date of money jobs; terms that ended before it come in suspended. Today if not given.",
    ),
]
SHOWN_MAX = 50


def import_(file: File, *, skip_bad: SkipBad = False, go_live: GoLive = None, by: By, as_json: Json = False) -> None:
    """Import existing customers, all or none.

    Exit code 1 when rows were refused, also with --skip-bad.
    """
    from worker.ops import show
    from worker.ops.importing import import_customers
    from worker.ops.session import open_store

    with open_store() as store:
        report = import_customers(
            store.engine,
            file,
            clock=store.clock,
            skip_bad=skip_bad,
            go_live_on=go_live,
            by=by,
            catch_up_days=store.settings.rule_catch_up_days,
        )
    if as_json:
        show.document(report)
    else:
        _show(report)
    if report.refused:
        raise typer.Exit(ExitCode.ERROR)


def _show(report: "ImportReport") -> None:
    from worker.ops import show

    show.line(
        f"{report.file}: {report.rows} rows, {report.imported} imported ({report.live} live, "
        f"{report.suspended} suspended), {report.unchanged} unchanged, {report.refused} refused, "
        f"{report.incomplete} with billing details missing"
    )
    show.line(f"live from {report.live_from}; money jobs begin on {report.go_live_on or 'their first day'}")
    if report.refusals:
        rows = [(one.line, one.column, one.reason) for one in report.refusals[:SHOWN_MAX]]
        more = "" if report.refused <= SHOWN_MAX else f", the first {SHOWN_MAX}; --json lists more"
        show.table(("line", "column", "reason"), rows, title=f"Refused{more}")
    if report.refused_whole:
        say("rows were refused, so nothing was written; mend them, or use --skip-bad")
