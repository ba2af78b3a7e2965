"""A demo's database keeps the demo's time: its `now()`, what tables fill in by themselves, and who is alive."""

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from tests.support.builders import rows
from tests.support.servers import own_database
from tests.support.work import item
from worker.queue import heartbeats, items
from worker.sandbox import database_clock
from worker.store import migrations
from worker.store.engine import database_url

NIGHT_S = 14 * 3600


@pytest.fixture
def clocked(postgres_server: str) -> Iterator[Engine]:
    """A database of its own, whose clock was given to it before its tables."""
    with own_database(postgres_server, f"odnowa_clock_{os.getpid()}") as url:
        for _ in range(2):
            database_clock.install(database_url(url))
        migrations.upgrade(url)
        engine = create_engine(url)
        yield engine
        engine.dispose()


@pytest.mark.timeout(60)
def test_what_the_database_writes_moves_with_its_clock_and_who_works_goes_on(clocked: Engine) -> None:
    heartbeats.beat(clocked, process="worker:here", kind="worker")
    held = item(clocked)
    assert items.lease(clocked, held, lease_s=30) is not None
    for seconds in (NIGHT_S, 3 * NIGHT_S, -NIGHT_S):
        with clocked.begin() as connection:
            database_clock.move(connection, seconds=seconds)
        made = item(clocked)
        [found] = rows(
            clocked,
            """SELECT extract(epoch FROM w.created_at - pg_catalog.now())::int AS ahead_s,
                      extract(epoch FROM h.lease_expires_at - now())::int BETWEEN 0 AND 31 AS still_held
               FROM work_items w, work_items h WHERE w.id = :made AND h.id = :held""",
            made=made,
            held=held,
        )
        assert abs(found["ahead_s"] - seconds) <= 5
        assert found["still_held"]
        with clocked.connect() as connection:
            assert heartbeats.alive(connection, "worker") == 1
