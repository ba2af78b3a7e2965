"""A paused job: planned as ever, and nothing of it is started until it is resumed."""

from sqlalchemy import Engine, text

from tests.support.builders import rows
from tests.support.work import item
from worker import boundary
from worker.errors import UnreachableError
from worker.queue import dispatch, items, pausing


class Bell:
    """Remembers what it rang for."""

    def __init__(self) -> None:
        self.rung: list[int] = []

    def ring(self, *, job: str, item_id: int) -> None:
        del job
        self.rung.append(item_id)


def paused(engine: Engine, job: str) -> None:
    with boundary.transaction(engine, "test.pause") as connection:
        assert pausing.pause(connection, job, by="ania", reason="wrong prices")


def write(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_nobody_rings_for_a_paused_job_and_its_items_stay_ready(engine: Engine) -> None:
    one, other = item(engine, job="renew"), item(engine, job="remind")
    paused(engine, "renew")
    bell = Bell()
    assert dispatch.sweep(engine, bell, threads=4) == 1
    assert dispatch.sweep(engine, bell, threads=4, items=[one]) == 0
    assert bell.rung == [other]
    assert rows(engine, "SELECT state, dispatches FROM work_items WHERE id = :id", id=one) == [
        {"state": "ready", "dispatches": 0}
    ]


def test_a_message_that_was_under_way_leases_nothing_of_a_paused_job(engine: Engine) -> None:
    one = item(engine, job="renew")
    dispatch.sweep(engine, Bell(), threads=4)
    paused(engine, "renew")
    assert items.lease(engine, one, lease_s=30) is None


def test_after_resuming_it_is_rung_for_at_once(engine: Engine) -> None:
    one = item(engine, job="renew")
    dispatch.sweep(engine, Bell(), threads=4)
    paused(engine, "renew")
    with boundary.transaction(engine, "test.resume") as connection:
        assert pausing.resume(connection, "renew")
        assert not pausing.resume(connection, "renew")
    bell = Bell()
    dispatch.sweep(engine, bell, threads=4)
    assert bell.rung == [one]
    assert items.lease(engine, one, lease_s=30) is not None


def test_pausing_twice_keeps_the_first_reason(engine: Engine) -> None:
    paused(engine, "renew")
    with boundary.transaction(engine, "test.pause") as connection:
        assert not pausing.pause(connection, "renew", by="jan", reason="another")
        (row,) = pausing.paused(connection)
    assert (row.paused_by, row.reason) == ("ania", "wrong prices")


def test_every_attempt_of_an_item_is_kept_with_its_error(engine: Engine) -> None:
    one = item(engine, job="renew")
    for words in ("first", "second"):
        held = items.lease(engine, one, lease_s=30)
        assert held is not None
        items.fail(engine, held, ValueError(words), attempts_max=2)
        write(engine, "UPDATE work_items SET not_before = now()")
    found = rows(engine, "SELECT attempt, error, traceback FROM item_failures WHERE item_id = :id ORDER BY id", id=one)
    assert [(row["attempt"], row["error"]) for row in found] == [(1, "ValueError: first"), (2, "ValueError: second")]
    assert all("ValueError" in row["traceback"] for row in found)


def test_a_lease_that_ran_out_is_an_attempt_and_a_server_that_is_away_is_none(engine: Engine) -> None:
    one = item(engine, job="renew")
    held = items.lease(engine, one, lease_s=30)
    assert held is not None
    items.fail(engine, held, UnreachableError("away"), attempts_max=2)
    assert rows(engine, "SELECT * FROM item_failures") == []
    write(engine, "UPDATE work_items SET not_before = now()")
    assert items.lease(engine, one, lease_s=30) is not None
    write(engine, "UPDATE work_items SET lease_expires_at = now() - interval '1 s'")
    items.expire_leases(engine, attempts_max=9)
    (row,) = rows(engine, "SELECT attempt, error, traceback FROM item_failures")
    assert (row["attempt"], row["traceback"]) == (1, None)


def test_cancelled_is_only_what_was_dead(engine: Engine) -> None:
    dead, ready = item(engine, state="dead"), item(engine, state="ready")
    with boundary.transaction(engine, "test.cancel") as connection:
        assert items.cancel(connection, [dead, ready]) == [dead]
