"""The two doors: transaction(name) commits, call(name) leaves the process.

Everything that lasts goes through one of them, so timing, failpoints and the rule "no call inside a
transaction" have one place. A check over the syntax tree (tests/house) bans every other way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, Engine

from worker.clock import monotonic_s

_inside: ContextVar[str | None] = ContextVar("transaction", default=None)

Failpoint = Callable[[str], None]


class Doors:
    """What watches the doors. Both are None in production, so passing costs one attribute test."""

    failpoint: Failpoint | None = None
    """Told `before:commit:name`, `after:commit:name`, `before:call:name`, `after:call:name`; may raise or exit."""
    timing: Callable[[str, str, float], None] | None = None
    """Told the kind of door, the name and the seconds it took."""


doors = Doors()


class CallInsideTransactionError(AssertionError):
    """A call left the process while a transaction was open; locks would be held across the network."""


@contextmanager
def transaction(engine: Engine, name: str) -> Iterator[Connection]:
    """One database transaction: commits at the end of the block, rolls back when it raises.

    Args:
        engine: where.
        name: what it does, `room.step`; the name of its failpoints and of its timing.
    """
    outer = _inside.get()
    if outer is not None:
        raise CallInsideTransactionError(f"transaction {name} begun inside {outer}")
    started = monotonic_s()
    with engine.connect() as connection:
        token = _inside.set(name)
        try:
            yield connection
            if doors.failpoint is not None:
                doors.failpoint(f"before:commit:{name}")
            connection.commit()
        finally:
            _inside.reset(token)
    if doors.failpoint is not None:
        doors.failpoint(f"after:commit:{name}")
    if doors.timing is not None:
        doors.timing("commit", name, monotonic_s() - started)


@contextmanager
def rehearsal(engine: Engine, name: str) -> Iterator[Connection]:
    """A transaction that always rolls back: what a dry run does in it is real until the block ends, then gone.

    Args:
        engine: where.
        name: what it rehearses, `room.step`; the name of its timing.
    """
    outer = _inside.get()
    if outer is not None:
        raise CallInsideTransactionError(f"rehearsal {name} begun inside {outer}")
    started = monotonic_s()
    with engine.connect() as connection:
        token = _inside.set(name)
        try:
            yield connection
        finally:
            connection.rollback()
            _inside.reset(token)
    if doors.timing is not None:
        doors.timing("rehearsal", name, monotonic_s() - started)


@contextmanager
def call(name: str) -> Iterator[None]:
    """A call that leaves the process. Refuses to start inside a transaction.

    Args:
        name: `gateway.verb`; the name of its failpoints and of its timing.
    """
    outer = _inside.get()
    if outer is not None:
        raise CallInsideTransactionError(f"call {name} inside transaction {outer}")
    if doors.failpoint is not None:
        doors.failpoint(f"before:call:{name}")
    started = monotonic_s()
    try:
        yield
    finally:
        if doors.timing is not None:
            doors.timing("call", name, monotonic_s() - started)
    if doors.failpoint is not None:
        doors.failpoint(f"after:call:{name}")
