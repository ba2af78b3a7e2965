"""`odnowa catalogue`: load a price list, or show what stands."""

from pathlib import Path
from typing import Annotated

import typer

from worker.ops.edge import ExitCode, say
from worker.ops.options import By, Json

app = typer.Typer(help="Prices and allowances, each with the day from which it holds.", rich_markup_mode=None)

File = Annotated[Path, typer.Argument(help="A CSV file, UTF-8.", metavar="FILE")]


@app.command()
def load(file: File, *, by: By, as_json: Json = False) -> None:
    """Add a file's prices and allowances.

    All or none of them; what stands never changes (R3b).
    """
    from worker.ops import show
    from worker.ops.importing import load_catalogue_file
    from worker.ops.session import open_store

    with open_store() as store:
        report = load_catalogue_file(store.engine, file, by)
    if as_json:
        show.document(report)
    else:
        show.line(
            f"{report.file}: {report.rows} rows, {report.prices_added} prices and {report.allowances_added} allowances "
            f"added, {report.unchanged} unchanged, {report.refused} refused"
        )
        if report.refusals:
            refused = [(one.line, one.column, one.reason) for one in report.refusals]
            show.table(("line", "column", "reason"), refused, title="Refused")
    if report.refused:
        say("rows were refused, so nothing was written")
        raise typer.Exit(ExitCode.ERROR)


@app.command("show")
def show_(*, as_json: Json = False) -> None:
    """Show every price and allowance."""
    from worker import boundary
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.store.catalogue import load_catalogue

    with open_store() as store, boundary.transaction(store.engine, "ops.catalogue") as connection:
        catalogue = load_catalogue(connection)
    prices = sorted(catalogue.prices, key=lambda p: (p.package, p.interval, p.currency, p.valid_from))
    allowances = sorted(catalogue.allowances, key=lambda a: (a.package, a.valid_from))
    if as_json:
        show.document({"prices": prices, "allowances": allowances})
        return
    show.table(
        ("package", "interval", "from", "an agent", "a block of conversations"),
        [
            (
                price.package,
                price.interval,
                price.valid_from,
                show.money(price.agent_price_minor, price.currency),
                show.money(price.conversation_price_minor, price.currency),
            )
            for price in prices
        ],
        title="Prices, net",
    )
    show.table(
        ("package", "from", "included a month", "at most", "block"),
        [(one.package, one.valid_from, one.included, one.limit, one.block) for one in allowances],
        title="Conversations",
    )
