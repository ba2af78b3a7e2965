"""Connections that rest in the pool: who died there is replaced before use, and who rested a moment is not asked."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from tests.support.builders import rows
from worker.store import engine as made
from worker.store.engine import make_engine


@pytest.fixture
def pooled(postgres_url: str) -> Iterator[Engine]:
    """An engine of the product's own."""
    pooled = make_engine(postgres_url)
    yield pooled
    pooled.dispose()


def pid(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def end(engine: Engine, *pids: int) -> None:
    """The server ends them, as when it is restarted, and they are gone when this returns."""
    for one in pids:
        rows(engine, "SELECT pg_terminate_backend(:pid, 5000)", pid=one)
    assert rows(engine, "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(:pids)", pids=list(pids)) == []


def test_whoever_died_while_resting_is_replaced_with_all_that_rested(
    engine: Engine, pooled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pooled.connect() as one, pooled.connect() as other:
        rested = {pid(one), pid(other)}
    end(engine, *rested)
    monkeypatch.setattr(made, "RESTED_S", 0)
    with pooled.connect() as one, pooled.connect() as other:
        assert {pid(one), pid(other)}.isdisjoint(rested)


def test_whoever_died_just_after_its_last_use_fails_once(engine: Engine, pooled: Engine) -> None:
    with pooled.connect() as one, pooled.connect() as other:
        rested = {pid(one), pid(other)}
    end(engine, *rested)
    with pytest.raises(OperationalError), pooled.connect() as connection:
        pid(connection)
    with pooled.connect() as one, pooled.connect() as other:
        assert {pid(one), pid(other)}.isdisjoint(rested)


@pytest.mark.parametrize(("rested_s", "asked"), [(0, True), (60, False)])
def test_who_rested_long_is_asked_and_who_rested_a_moment_is_not(
    engine: Engine, pooled: Engine, monkeypatch: pytest.MonkeyPatch, rested_s: float, *, asked: bool
) -> None:
    with pooled.connect() as connection:
        known = pid(connection)
    monkeypatch.setattr(made, "RESTED_S", rested_s)
    with pooled.connect():
        [last] = rows(engine, "SELECT query FROM pg_stat_activity WHERE pid = :pid", pid=known)
    assert (last["query"] != "ROLLBACK") is asked


def test_a_connection_keeps_more_statements_than_the_driver_would(pooled: Engine) -> None:
    often = 7
    with pooled.begin() as connection:
        for n in range(often * 150):
            connection.execute(text(f"SELECT {n % 150} AS n{n % 150}"))
        kept = connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    assert kept is not None
    assert kept >= 150
