"""The product audits itself: what must hold over the whole store, whatever happened, asked in sets.

invariant    what an invariant is, as of when it is asked, and what was found
terms        terms, configurations, and what an account may have one of
standing     who is due, in dunning, past its end; what the customer is told of it
money        charges, credit, goodwill
back         money that goes back
paper        invoices, credit notes, numbers, and the mails that bring them
provider     what must hold between our books and the provider's
vat          the proof of what was sold without VAT, and numbers that wait for it
waiting      nothing waits longer than its limit
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.errors import RefusedError
from worker.store.audit import back, money, paper, standing, terms, vat, waiting
from worker.store.audit.invariant import AsOf, Finding, Invariant, MustHold, Violation

__all__ = ["INVARIANTS", "AsOf", "Finding", "Invariant", "MustHold", "Violation", "find", "look", "write_broken"]

INVARIANTS: Mapping[str, Invariant] = {
    one.name: one for group in (terms, standing, money, back, paper, vat, waiting) for one in group.INVARIANTS
}
"""All of them by name, in the order in which they are asked."""
LISTED_MAX = 20
"""Violations of one invariant that are listed unless more are asked for; all of them are counted."""


def find(name: str) -> Invariant:
    """The invariant of that name. Raises RefusedError, which lists the known ones."""
    try:
        return INVARIANTS[name]
    except KeyError:
        raise RefusedError(f"no invariant is called {name}; there are: {', '.join(INVARIANTS)}") from None


_READ_ONLY = text("SET TRANSACTION READ ONLY")
# Each statement runs once, so compiling it costs more than it can save.
_NO_JIT = text("SET LOCAL jit = off")


def look(
    connection: Connection, as_of: AsOf, *, only: Sequence[Invariant] | None = None, most: int = LISTED_MAX
) -> list[Finding]:
    """Ask all invariants, or those named; from here on the transaction can only read.

    Each is one statement, which sees one committed state; work that goes on beside it needs no lock and waits for
    nothing. At most `most` violations of each are listed, and all are counted.
    """
    connection.execute(_READ_ONLY)
    connection.execute(_NO_JIT)
    values = {**as_of.values(), "most": most}
    return [_ask(connection, one, values) for one in (INVARIANTS.values() if only is None else only)]


def _ask(connection: Connection, one: Invariant, values: Mapping[str, object]) -> Finding:
    rows = connection.execute(one.statement(), values).all()
    listed = [Violation(row.id, row.account, row.subscription_id, row.what) for row in rows]
    return Finding(one, rows[0].total if rows else 0, listed)


# Guarded by the run, since an item may be done again when its worker died between this commit and the next.
_WRITE_BROKEN = text("""
    INSERT INTO audit_log (actor, act, reason, details)
    SELECT 'audit', 'audit', :reason, :details
    WHERE NOT EXISTS (SELECT 1 FROM audit_log l WHERE l.act = 'audit' AND l.created_at > now() - interval '2 days'
                      AND l.details ->> 'run' = cast(:run AS text)
                      AND l.details ->> 'day' IS NOT DISTINCT FROM cast(:day AS text))
""").bindparams(bindparam("details", type_=JSONB))


def write_broken(
    connection: Connection, broken: Sequence[Finding], *, run_id: int, compared_on: date | None = None
) -> None:
    """Note what a run found broken: one row per run, with the first violations of each invariant.

    What a comparison with the provider found gets a row of its own, with the day that was compared.
    """
    day = None if compared_on is None else compared_on.isoformat()
    reason = "invariants are broken" if day is None else "the provider's books are others"
    details: dict[str, Any] = {
        "run": run_id,
        **({} if day is None else {"day": day}),
        "broken": {one.invariant.name: one.total for one in broken},
        "first": {
            one.invariant.name: [f"{each.account or '-'}: {each.what}" for each in one.violations] for one in broken
        },
    }
    connection.execute(_WRITE_BROKEN, {"details": details, "run": str(run_id), "day": day, "reason": reason})
