"""`odnowa rates`: the exchange rates on documents, as the bank published them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.ops.edge import say
from worker.ops.options import By, Json, Limit

if TYPE_CHECKING:
    from worker.gateways.rate_lists import PublishedList
    from worker.runtime import Runtime

app = typer.Typer(help="Exchange rates of the Czech National Bank; they never change.", rich_markup_mode=None)

File = Annotated[
    Path, typer.Argument(help="The bank's list of a day: its text with | between, or its JSON.", metavar="FILE")
]


@app.command("import")
def import_(file: File, *, by: By, as_json: Json = False) -> None:
    """Add the rates of a published list, and issue the invoices that waited for them.

    All of its rates or none; the same list twice changes nothing, and what stands never changes.
    """
    from worker.errors import RefusedError
    from worker.gateways.rate_lists import BYTES_MAX, read_list
    from worker.ops import show
    from worker.ops.session import open_runtime

    with file.open("rb") as opened:
        content = opened.read(BYTES_MAX + 1)
    try:
        published = read_list(content)
    except RefusedError as error:
        raise RefusedError(f"{file}: {error}; nothing was written") from None
    with open_runtime() as runtime:
        if published.published_on > runtime.clock.today():
            raise RefusedError(f"{file}: the list is of {published.published_on}, which has not come")
        added, rung = _keep(runtime, published, file=file, by=by)
    told = {"published_on": published.published_on, "rates": len(published.rates), "added": added, "items": rung}
    if as_json:
        show.document(told)
    else:
        show.line(f"{file}: {len(published.rates)} rates of {published.published_on}, {added} added")


def _keep(runtime: "Runtime", published: "PublishedList", *, file: Path, by: str) -> tuple[int, list[int]]:
    """How many rates were added, and the items that issue what waited for them."""
    from worker import boundary
    from worker.charging.exchanging import ring_for_invoices
    from worker.errors import UnreachableError
    from worker.queue.dispatch import sweep
    from worker.store import exchange_rates
    from worker.store.operations import write_audit

    rung: list[int] = []
    with boundary.transaction(runtime.engine, "ops.rates.import") as connection:
        added = exchange_rates.insert_rates(connection, published.rates, now=runtime.clock.now())
        if added:
            details = {"file": file.name, "published_on": published.published_on.isoformat(), "added": added}
            write_audit(connection, actor=by, act="rates_import", reason=None, details=details)
            rung = ring_for_invoices(runtime, connection, business_date=runtime.clock.today(), root_run_id=None, by=by)
    if rung:
        try:
            sweep(runtime.engine, runtime.bell, threads=runtime.limits.worker_threads, items=rung)
        except UnreachableError:
            say("Redis does not take messages; the scheduler will ring later, nothing is lost")
    return added, rung


@app.command("list")
def list_(*, limit: Limit = 30, as_json: Json = False) -> None:
    """List the rates that are there, newest first."""
    from worker import boundary
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.store import exchange_rates

    with open_store() as store, boundary.transaction(store.engine, "ops.rates.list") as connection:
        found = exchange_rates.newest_rates(connection, most=limit)
    if as_json:
        show.document([dict(row._mapping) for row in found])  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
        return
    show.table(
        ("published", "source", "units", "cost", "fetched"),
        [
            (
                row.published_on,
                row.source,
                f"{row.per} {row.currency}",
                row.rate,
                show.instant(row.fetched_at, store.clock.zone),
            )
            for row in found
        ],
        title="Exchange rates",
    )
