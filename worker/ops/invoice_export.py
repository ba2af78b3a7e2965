"""`odnowa invoice export`: the accountant's month in one file."""

from datetime import date
from typing import Annotated

import typer

from worker.ops.invoice_pages import To
from worker.ops.options import Json


def month(value: str) -> date:
    """The first day of a month. Raises BadParameter, which is wrong usage."""
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no month like 2026-11") from None


Month = Annotated[date, typer.Option("--month", parser=month, metavar="YYYY-MM", help="The month of the issue.")]


def register(app: typer.Typer) -> None:
    """Add this command to `odnowa invoice`."""
    app.command("export")(export)


def export(*, month: Month, to: To, as_json: Json = False) -> None:
    """Write all documents of a month into a new ZIP.

    Their pages as sent, a CSV of all of them, the EC sales list and the one-stop shop by country; README.txt in it
    tells how to read them.
    """
    from worker.errors import RefusedError
    from worker.ops import show
    from worker.ops.edge import say
    from worker.ops.exporting import export_month
    from worker.ops.session import open_store
    from worker.runtime import make_files

    with open_store() as store:
        today = store.clock.today()
        if month > today:
            raise RefusedError(f"the month {month:%Y-%m} has not come")
        done = export_month(
            store.engine,
            make_files(store.settings),
            month=month,
            to=to,
            home_currency=store.settings.seller_currency,
        )
    if (month.year, month.month) == (today.year, today.month):
        say(f"the month {done.month} is not over: more documents may follow")
    if as_json:
        show.document(done)
    else:
        show.line(f"{done.file}: {done.invoices} invoices and {done.credit_notes} credit notes of {done.month}")
