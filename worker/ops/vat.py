"""`odnowa vat`: what VIES said of an account's VAT numbers, and asking it once more."""

from typing import Any

import typer

from worker.ops.accounts import ExternalId
from worker.ops.options import Json

app = typer.Typer(help="VAT numbers and what VIES said of them; evidence is kept for ever.", rich_markup_mode=None)

_FACTS = ("id", "number", "outcome", "reason", "code", "told_at", "told_on", "consultation", "body_sha256", "holds")


@app.command()
def show(external_id: ExternalId, *, as_json: Json = False) -> None:
    """Show an account's VAT numbers, and every answer of VIES about them."""
    from worker import boundary
    from worker.errors import RefusedError
    from worker.ops import show as shown
    from worker.ops.session import open_store
    from worker.store import desk, vat_numbers

    with open_store() as store, boundary.transaction(store.engine, "ops.vat.show") as connection:
        if desk.account_id(connection, external_id) is None:
            raise RefusedError(f"no account is called {external_id}")
        numbers = vat_numbers.numbers_of(connection, external_id)
        checks = vat_numbers.checks_of(connection, external_id)
        if as_json:
            listed = [{name: getattr(row, name) for name in (*_FACTS, "body")} for row in checks]
            shown.document({"numbers": [dict(row._mapping) for row in numbers], "answers": listed})  # noqa: SLF001 - SQLAlchemy's public name
            return
        shown.table(
            ("number", "state", "unanswered", "next question"),
            [(_named(row), row.state, row.unanswered, _instant(store, row.ask_at)) for row in numbers],
            title=f"VAT numbers of {external_id}",
        )
        shown.table(
            ("answer", "at", "number", "outcome", "consultation"),
            [(row.id, _instant(store, row.told_at), row.number, _outcome(row), row.consultation) for row in checks],
            title="What VIES said",
        )


@app.command()
def check(external_id: ExternalId) -> None:
    """Ask VIES now about an account's present VAT number, and keep its answer."""
    from worker.desk.vat_check import check_now
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        answer = check_now(runtime, external_id)
        why = f": {answer.reason.value} {answer.code or ''}".rstrip() if answer.reason else ""
        consultation = f", consultation {answer.consultation}" if answer.consultation else ""
        typer.echo(f"{answer.number} is {answer.outcome.value}{why}{consultation}")


def _named(row: Any) -> str:
    return str(row.number) if row.present else f"{row.number} (no longer)"


def _outcome(row: Any) -> str:
    if row.reason is not None:
        return f"unknown: {row.reason} {row.code or ''}".rstrip()
    return f"{row.outcome}, decides" if row.holds else str(row.outcome)


def _instant(store: Any, at: Any) -> str:
    from worker.ops import show as shown

    return "" if at is None else shown.instant(at, store.clock.zone)
