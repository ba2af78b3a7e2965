"""Audit: do the invariants hold, as the last run of the job `audit` found; and who did what, by person and account."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from worker import boundary
from worker.errors import RefusedError
from worker.operating.people import Role
from worker.operating.telling_acts import act_in_words
from worker.store.audit import INVARIANTS
from worker.store.console import audit as store
from worker.web.render import masked
from worker.web.visit import Visit, page
from worker.web.words import N_

ROWS = 50
NEWEST = 2**63 - 1
SAID_MAX = 150
_COUNTED = frozenset({"invariants", "broken"})


@page("/audit", role=Role.READ_ONLY, menu=N_("Audit"))
def audit(visit: Visit) -> Response:
    """The invariants, and a page of the audit log."""
    person, account, said = visit.field("person"), visit.field("account"), visit.field("before")
    if not all(len(one) <= SAID_MAX and one.isprintable() for one in (person, account)):
        raise RefusedError("the filter is too long, or holds characters that cannot be seen")
    before = int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else NEWEST  # noqa: PLR2004 - a bigint's digits
    with boundary.transaction(visit.console.reading, "web.audit") as connection:
        newest = store.newest_run(connection)
        found = None if newest is None else store.broken_in(connection, newest.run)
        rows = store.acts(
            connection,
            actors=actors_of(person) if person else None,
            account=account or None,
            before=before,
            most=ROWS + 1,
        )
    masks = not visit.may(Role.SUPPORT)
    shown = [{"row": row, "words": _words(row, masks=masks)} for row in rows[:ROWS]]
    return visit.render(
        "audit.html.j2",
        newest=newest,
        invariants=standing(newest.result if newest is not None else None, found),
        others=others(newest.result if newest is not None else None),
        rows=shown,
        filtered={"person": person, "account": account},
        older=rows[ROWS - 1].id if len(rows) > ROWS else None,
    )


def actors_of(person: str) -> list[str]:
    """As what the audit log names somebody: at the command line, in the console, and at the desk in either."""
    return [person, *(f"{way}{person}" for way in ("console:", "support:", "support:console:", "customer:"))]


def standing(result: Mapping[str, Any] | None, found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Each invariant with how many violations the run counted, the broken ones first; None when no run has ended."""
    first = (found or {}).get("first", {})
    listed = [
        {"invariant": one, "total": None if result is None else result.get(name, 0), "first": first.get(name, ())}
        for name, one in INVARIANTS.items()
    ]
    return sorted(listed, key=lambda one: not one["total"])


def others(result: Mapping[str, Any] | None) -> dict[str, Any]:
    """What else the run's result says, such as the comparison with the provider."""
    return {name: value for name, value in (result or {}).items() if name not in INVARIANTS and name not in _COUNTED}


def _words(row: Any, *, masks: bool) -> str:
    words = act_in_words({"actor": row.actor, "act": row.act, "reason": row.reason, "details": row.details})
    return masked(words) if masks else words


pages = [audit]
