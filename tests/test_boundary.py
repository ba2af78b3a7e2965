"""The two doors: what commits, what rolls back, what is refused, and what the watchers are told."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from tests.support.builders import size
from worker import boundary
from worker.boundary import CallInsideTransactionError, call, doors, rehearsal, transaction


class CrashError(Exception):
    """What a failpoint raises."""


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Everything the failpoints were told, in order."""
    heard: list[str] = []
    doors.failpoint = heard.append
    yield heard
    doors.failpoint = None


@pytest.fixture
def timed() -> Iterator[list[tuple[str, str, float]]]:
    """Everything the timing was told, in order."""
    heard: list[tuple[str, str, float]] = []
    doors.timing = lambda kind, name, seconds: heard.append((kind, name, seconds))
    yield heard
    doors.timing = None


def crash_at(place: str) -> None:
    """Raise at one failpoint."""

    def failpoint(name: str) -> None:
        if name == place:
            raise CrashError(name)

    doors.failpoint = failpoint


@pytest.fixture
def _crashes_end() -> Iterator[None]:
    yield
    doors.failpoint = None


def write(connection: Connection) -> None:
    """One row."""
    connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES ('p', 'worker')"))


def write_and_crash(connection: Connection) -> None:
    write(connection)
    raise CrashError


def begin_transaction(engine: Engine) -> None:
    with transaction(engine, "inner"):
        raise AssertionError("never entered")


def begin_rehearsal(engine: Engine) -> None:
    with rehearsal(engine, "inner"):
        raise AssertionError("never entered")


def begin_call(engine: Engine) -> None:
    del engine
    with call("provider.verb"):
        raise AssertionError("never entered")


def test_a_transaction_commits_at_its_end(engine: Engine) -> None:
    with transaction(engine, "t") as connection:
        write(connection)
        assert size(engine, "heartbeats") == 0
    assert size(engine, "heartbeats") == 1


def test_a_transaction_that_raises_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(IntegrityError), transaction(engine, "t") as connection:
        connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES ('p', 'worker'), ('q', 'none')"))
    with pytest.raises(CrashError), transaction(engine, "t") as connection:
        write_and_crash(connection)
    assert size(engine, "heartbeats") == 0
    with transaction(engine, "t") as connection:  # and the door is open again
        write(connection)
    assert size(engine, "heartbeats") == 1


def test_a_rehearsal_sees_its_own_work_and_leaves_nothing(engine: Engine) -> None:
    with rehearsal(engine, "r") as connection:
        write(connection)
        assert connection.scalar(text("SELECT count(*) FROM heartbeats")) == 1
    assert size(engine, "heartbeats") == 0


@pytest.mark.parametrize("outer", [transaction, rehearsal])
@pytest.mark.parametrize("inner", [begin_transaction, begin_rehearsal, begin_call])
def test_nothing_begins_inside_an_open_transaction(
    engine: Engine,
    outer: Callable[[Engine, str], AbstractContextManager[Connection]],
    inner: Callable[[Engine], None],
) -> None:
    with pytest.raises(CallInsideTransactionError, match=r"inside .*outer"), outer(engine, "outer"):
        inner(engine)


def test_a_thread_that_inherits_the_context_is_refused_as_well(engine: Engine) -> None:
    with ThreadPoolExecutor(1) as pool, transaction(engine, "outer"):
        carried = pool.submit(copy_context().run, begin_call, engine)
        with pytest.raises(CallInsideTransactionError, match="outer"):
            carried.result()


def test_a_thread_of_its_own_is_free_while_another_transacts(engine: Engine) -> None:
    def work() -> bool:
        with call("provider.verb"), transaction(engine, "inside a call"):
            return True

    with ThreadPoolExecutor(1) as pool, transaction(engine, "outer"):
        assert pool.submit(work).result()


def test_the_context_carries_nothing_once_the_transaction_ended(engine: Engine) -> None:
    with transaction(engine, "t"):
        pass
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, boundary._inside.get).result() is None


def test_failpoints_are_told_in_order(engine: Engine, told: list[str]) -> None:
    with transaction(engine, "one"):
        assert told == []
    with call("two"):
        assert told[-1] == "before:call:two"
    assert told == ["before:commit:one", "after:commit:one", "before:call:two", "after:call:two"]


def test_a_failed_transaction_reaches_no_failpoint(engine: Engine, told: list[str]) -> None:
    with pytest.raises(CrashError), transaction(engine, "one"):
        raise CrashError
    with rehearsal(engine, "two"):
        pass
    assert told == []


@pytest.mark.usefixtures("_crashes_end")
@pytest.mark.parametrize(("place", "kept"), [("before:commit:t", 0), ("after:commit:t", 1)])
def test_a_crash_at_the_commit_rolls_back_before_and_not_after(engine: Engine, place: str, kept: int) -> None:
    crash_at(place)
    with pytest.raises(CrashError), transaction(engine, "t") as connection:
        write(connection)
    assert size(engine, "heartbeats") == kept
    with call("the door is open again"):
        pass


@pytest.mark.usefixtures("_crashes_end")
@pytest.mark.parametrize(("place", "reached"), [("before:call:t", []), ("after:call:t", ["reached"])])
def test_a_crash_at_a_call_comes_before_or_after_it(place: str, reached: list[str]) -> None:
    crash_at(place)
    did = []
    with pytest.raises(CrashError), call("t"):
        did.append("reached")
    assert did == reached


def test_timing_tells_each_door_also_of_failed_calls(engine: Engine, timed: list[tuple[str, str, float]]) -> None:
    with transaction(engine, "a"):
        pass
    with rehearsal(engine, "b"):
        pass
    with pytest.raises(CrashError), call("c"):
        raise CrashError
    assert [(kind, name) for kind, name, _ in timed] == [("commit", "a"), ("rehearsal", "b"), ("call", "c")]
    assert all(0 <= seconds < 60 for _, _, seconds in timed)
