"""What must hold over the whole store whatever happened: the product's own audit, asked when nothing is left to do."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from tests.support.builders import NOON
from tests.support.house import PRAGUE, House
from worker import boundary
from worker.jobs.audit import as_of
from worker.store import audit

RULES: Mapping[str, str] = {one.says: one.query for one in audit.INVARIANTS.values()}
"""What is wrong where an invariant is broken, and the query that finds it."""
AT_ONCE = timedelta(0)
"""Tests look when all work is done: what follows money must be there."""
FAR = 1000
"""Violations that are listed of one invariant."""


def at(now: datetime = NOON) -> audit.AsOf:
    """The store at an instant, under settings as they are by default."""
    return audit.AsOf(now=now, today=now.astimezone(PRAGUE).date(), grace=AT_ONCE, notice_days=14)


def broken(engine: Engine, *, as_of: audit.AsOf | None = None) -> list[str]:
    """The rules that do not hold, with the ids of what breaks them; at the builders' noon unless told otherwise."""
    with boundary.transaction(engine, "test.audit") as connection:
        found = audit.look(connection, as_of or at(), most=FAR)
    return [f"{one.invariant.says}: {[each.id for each in one.violations]}" for one in found if one.broken]


def hold(house: House, *, but: Sequence[str] = ()) -> None:
    """Fail unless all rules hold and our books equal the provider's; to be asked when nothing is left to do.

    `but` names invariants that cannot hold because a test left out the jobs of a morning.
    """
    found = broken(house.engine, as_of=as_of(house.runtime, grace=AT_ONCE))
    left_out = {audit.find(name).says for name in but}
    assert [one for one in found if one.rpartition(": ")[0] not in left_out] == []
    assert house.books().equal, house.books().differences
