"""Items to their end: done, failed with growing pauses, dead, given another life; and the run that closes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from tests.queue.specs import always, item_row, items, move, nothing, plan, planned_items, run_open, spec
from tests.support.builders import rows
from worker.boundary import transaction
from worker.errors import DocumentError, UnreachableError
from worker.queue.items import (
    DEFERRALS_MAX,
    RETRY_MAX_S,
    Lease,
    expire_leases,
    fail,
    finish,
    insert_items,
    lease,
    requeue,
)
from worker.queue.plans import PlannedItem


def take(engine: Engine, item_id: int) -> Lease:
    """Lease the item, whatever pause it is in."""
    move(engine, item_id, "not_before", -2 * RETRY_MAX_S)
    held = lease(engine, item_id, lease_s=30)
    assert held is not None
    return held


def again(engine: Engine, *item_ids: int) -> list[int]:
    with transaction(engine, "test.requeue") as connection:
        return requeue(connection, item_ids)


def break_off(attempt: int) -> None:
    """Raise an error that has a traceback."""
    raise ConnectionResetError(f"number {attempt}")


def kill(engine: Engine, item_id: int) -> None:
    """Let the item fail for the last time."""
    assert fail(engine, take(engine, item_id), OSError("broken"), attempts_max=1) == "dead"


def test_a_run_closes_with_its_last_item(engine: Engine) -> None:
    made = plan(engine, spec(planner=always(*items(3))))
    assert made is not None
    for item_id in made.items:
        assert run_open(engine, made.run_id)
        finish(engine, take(engine, item_id), {"n": item_id})
    assert not run_open(engine, made.run_id)
    done = rows(engine, "SELECT state, result, done_at, lease_token FROM work_items ORDER BY id")
    assert [row["result"] for row in done] == [{"n": item_id} for item_id in made.items]
    assert all(row["state"] == "done" and row["done_at"] and row["lease_token"] is None for row in done)


def test_a_run_without_items_is_closed_when_it_is_made(engine: Engine) -> None:
    made = plan(engine, spec(planner=nothing))
    assert made is not None
    assert made.items == []
    assert not run_open(engine, made.run_id)


@pytest.mark.parametrize("last", ["finish", "fail", "expire"])
def test_two_who_finish_at_once_close_the_run_between_them(engine: Engine, last: str) -> None:
    """Neither may see the other's item as open and leave the run for ever."""
    meet = Barrier(2, timeout=20)

    def end_first(held: Lease) -> None:
        meet.wait()
        finish(engine, held, {})

    def end_second(held: Lease) -> None:
        if last == "expire":
            move(engine, held.item_id, "lease_expires_at", -60)
        meet.wait()
        if last == "finish":
            finish(engine, held, {})
        elif last == "fail":
            fail(engine, held, OSError("broken"), attempts_max=1)
        else:
            assert expire_leases(engine, attempts_max=1) == 1

    with ThreadPoolExecutor(2) as pool:
        for _ in range(25):
            made = plan(engine, spec(planner=always(*items(2))))
            assert made is not None
            first, second = (take(engine, item_id) for item_id in made.items)
            for one in [pool.submit(end_first, first), pool.submit(end_second, second)]:
                one.result()
            assert not run_open(engine, made.run_id)


def test_a_failure_waits_longer_each_time_and_is_told(engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    for attempt, pause_s in enumerate((2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600), start=1):
        held = take(engine, item_id)
        assert held.attempt == attempt
        with pytest.raises(ConnectionResetError) as raised:
            break_off(attempt)
        assert fail(engine, held, raised.value, attempts_max=12) == "ready"
        row = item_row(engine, item_id)
        assert row["attempts"] == attempt
        assert row["lease_token"] is None
        assert row["last_error"] == f"ConnectionResetError: number {attempt}"
        assert "test_items.py" in str(row["last_traceback"])
        for column in ("pause_s", "dispatch_in_s"):
            left = row[column]
            assert isinstance(left, float)
            assert pause_s - 10 < left <= pause_s
    assert fail(engine, take(engine, item_id), OSError("enough"), attempts_max=12) == "dead"


def test_a_server_that_is_away_counts_as_no_attempt_and_is_waited_for(engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    for deferrals, pause_s in enumerate((2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600), start=1):
        held = take(engine, item_id)
        assert fail(engine, held, UnreachableError("away"), attempts_max=1) == "ready"
        row = item_row(engine, item_id)
        assert (row["attempts"], row["deferrals"]) == (0, deferrals)
        assert pause_s - 10 < float(str(row["pause_s"])) <= pause_s
    with engine.begin() as connection:
        connection.execute(text("UPDATE work_items SET deferrals = :n"), {"n": DEFERRALS_MAX - 2})
    assert fail(engine, take(engine, item_id), UnreachableError("away"), attempts_max=12) == "ready"
    assert fail(engine, take(engine, item_id), UnreachableError("away"), attempts_max=12) == "dead"
    assert again(engine, item_id) == [item_id]
    assert item_row(engine, item_id)["deferrals"] == 0


def test_what_will_fail_again_is_dead_at_once(engine: Engine) -> None:
    made = plan(engine, spec(planner=always(*items(1))))
    assert made is not None
    held = take(engine, made.items[0])
    assert fail(engine, held, DocumentError("no such template"), attempts_max=12) == "dead"
    assert not run_open(engine, made.run_id)


def test_a_long_error_is_cut(engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    fail(engine, take(engine, item_id), OSError("x" * 50_000), attempts_max=12)
    row = item_row(engine, item_id)
    assert len(str(row["last_error"])) == 1000
    assert len(str(row["last_traceback"])) == 8000


def test_a_dead_item_closes_its_run_and_another_life_opens_it_again(engine: Engine) -> None:
    made = plan(engine, spec(planner=always(*items(2))))
    assert made is not None
    first, second = made.items
    finish(engine, take(engine, first), {})
    kill(engine, second)
    assert not run_open(engine, made.run_id)
    assert lease(engine, second, lease_s=30) is None

    assert again(engine, first, second) == [second]
    assert run_open(engine, made.run_id)
    row = item_row(engine, second)
    assert (row["state"], row["attempts"], row["dispatches"]) == ("ready", 0, 0)
    finish(engine, take(engine, second), {})
    assert not run_open(engine, made.run_id)
    assert item_row(engine, second)["last_error"] is None


def test_another_life_is_given_to_the_dead_only(engine: Engine) -> None:
    ready, leased, done, dead = planned_items(engine, 4)
    held = take(engine, leased)
    finish(engine, take(engine, done), {})
    kill(engine, dead)
    assert again(engine, ready, leased, done, dead, 10**9) == [dead]
    assert again(engine, dead) == []
    finish(engine, held, {})


def test_a_life_given_while_the_run_closes_leaves_the_run_open(engine: Engine) -> None:
    meet = Barrier(2, timeout=20)

    def end(held: Lease) -> None:
        meet.wait()
        finish(engine, held, {})

    def revive(item_id: int) -> None:
        meet.wait()
        assert again(engine, item_id) == [item_id]

    with ThreadPoolExecutor(2) as pool:
        for _ in range(25):
            made = plan(engine, spec(planner=always(*items(2))))
            assert made is not None
            first, second = made.items
            kill(engine, second)
            held = take(engine, first)
            for one in [pool.submit(end, held), pool.submit(revive, second)]:
                one.result()
            assert run_open(engine, made.run_id)


def test_a_key_that_the_run_has_already_adds_nothing(engine: Engine) -> None:
    made = plan(engine, spec(planner=always(PlannedItem("rows:1", [1]))))
    assert made is not None
    more = [PlannedItem("rows:1", [1]), PlannedItem("rows:2", [2])]
    with transaction(engine, "test.insert") as connection:
        new = insert_items(connection, more, run_id=made.run_id, job="renew")
        assert insert_items(connection, [], run_id=made.run_id, job="renew") == []
    assert [item_row(engine, item_id)["key"] for item_id in new] == ["rows:2"]
    assert [row["key"] for row in rows(engine, "SELECT key FROM work_items ORDER BY id")] == ["rows:1", "rows:2"]
