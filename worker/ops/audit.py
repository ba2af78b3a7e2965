"""`odnowa audit`: all that must hold over the whole store, asked now; what is broken, what it means, what to do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.ops.edge import ExitCode
from worker.ops.options import Json

if TYPE_CHECKING:
    from worker.store.audit import Finding

Names = Annotated[
    list[str] | None, typer.Option("--only", help="One invariant by its name; may be repeated.", metavar="NAME")
]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many violations of each are listed.")]


def audit(*, only: Names = None, limit: Most = 20, as_json: Json = False) -> None:
    """Ask all that must hold over the whole store, now.

    Reads and writes nothing. What was paid within the last hour may still lack its paper. Exit code 1 if anything is
    broken.
    """
    from worker import boundary
    from worker.jobs.audit import as_of
    from worker.ops import show
    from worker.ops.session import open_runtime
    from worker.store import audit as invariants

    chosen = None if only is None else [invariants.find(name) for name in dict.fromkeys(only)]
    with open_runtime() as runtime, boundary.transaction(runtime.engine, "ops.audit_look") as connection:
        found = invariants.look(connection, as_of(runtime), only=chosen, most=limit)
    if as_json:
        show.document([_told(one) for one in found])
    else:
        _show(found)
    if any(one.broken for one in found):
        raise typer.Exit(ExitCode.ERROR)


def _told(one: "Finding") -> dict[str, Any]:
    return {
        "invariant": one.invariant.name,
        "state": _state(one),
        "violations": one.total,
        "means": one.invariant.means,
        "runbook": one.invariant.page,
        "listed": one.violations,
    }


def _state(one: "Finding") -> str:
    return "broken" if one.broken else "holds"


def _show(found: Sequence["Finding"]) -> None:
    from worker.ops import show

    # what holds needs no advice, so that what does not is seen
    rows = [
        (
            one.invariant.name,
            _state(one),
            one.total,
            f"{one.invariant.says}. {one.invariant.means}" if one.broken else "",
            f'runbook "{one.invariant.page}"' if one.broken else "",
        )
        for one in found
    ]
    show.table(("invariant", "state", "violations", "what it means", "what to do"), rows, title="Audit")
    listed = [
        (one.invariant.name, each.account or "-", each.subscription or "-", each.what)
        for one in found
        for each in one.violations
    ]
    broken = sum(one.broken for one in found)
    if broken:
        show.table(("invariant", "account", "subscription", "what is wrong"), listed, title="What was found")
    show.line(f"{len(found)} invariants, {broken or 'nothing'} broken")
