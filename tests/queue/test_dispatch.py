"""The sweep: a window of rings, rung again with growing pauses, and nothing lost while the bell is away."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, current_thread, main_thread

import pytest
from sqlalchemy import Engine, text

from tests.queue.specs import always, item_row, items, move, plan, planned_items, spec
from tests.support.builders import rows
from worker.boundary import doors, transaction
from worker.broker import QUEUE, RedisBell, make_broker
from worker.errors import UnreachableError
from worker.queue import runs
from worker.queue.dispatch import REDISPATCH_FIRST_S, REDISPATCH_MAX_S, WINDOW_PER_THREAD, sweep
from worker.queue.items import fail, lease
from worker.sandbox.servers import PrivateRedis

THREADS = 2
WINDOW = THREADS * WINDOW_PER_THREAD


class HeardBell:
    """Writes down what it was rung for; the wire is another test's business."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def ring(self, *, job: str, item_id: int) -> None:
        self.heard.append((job, item_id))

    @property
    def items(self) -> list[int]:
        return [item_id for _, item_id in self.heard]


@pytest.fixture
def bell() -> HeardBell:
    return HeardBell()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateRedis]:
    """A Redis that tests may stop."""
    with PrivateRedis() as server:
        yield server


def waiting_messages(bell: RedisBell) -> int:
    """How many messages Redis holds."""
    return int(bell.broker.client.llen(f"{bell.broker.namespace}:{QUEUE}"))


def take(engine: Engine, item_id: int) -> None:
    assert lease(engine, item_id, lease_s=30) is not None


def test_a_sweep_rings_for_ready_items_oldest_first(engine: Engine, bell: HeardBell) -> None:
    first, second = planned_items(engine, 2), planned_items(engine, 1, name="deliver_mail")
    assert sweep(engine, bell, threads=THREADS) == 3
    assert bell.heard == [("renew", first[0]), ("renew", first[1]), ("deliver_mail", second[0])]
    assert sweep(engine, bell, threads=THREADS) == 0


def test_what_is_rung_for_and_not_leased_is_limited_to_a_window(engine: Engine, bell: HeardBell) -> None:
    ids = planned_items(engine, 3 * WINDOW)
    assert sweep(engine, bell, threads=THREADS) == WINDOW
    assert sweep(engine, bell, threads=THREADS) == 0
    for item_id in ids[:4]:  # leased, so no longer in flight
        take(engine, item_id)
    assert sweep(engine, bell, threads=THREADS) == 4
    assert bell.items == ids[: WINDOW + 4]


def test_the_window_holds_when_the_planner_expects_one_item(engine: Engine, bell: HeardBell) -> None:
    """Such a plan asks a subquery again for each row that it meets; limited rows must be taken once all the same."""
    known = planned_items(engine)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE work_items"))
    ids = [*known, *planned_items(engine, 3 * WINDOW)]
    assert sweep(engine, bell, threads=THREADS) == WINDOW
    assert sweep(engine, bell, threads=THREADS) == 0
    assert bell.items == ids[:WINDOW]


def test_items_that_pause_take_no_room_in_the_window(engine: Engine, bell: HeardBell) -> None:
    ids = planned_items(engine, 2 * WINDOW)
    sweep(engine, bell, threads=THREADS)
    for item_id in ids[:WINDOW]:
        held = lease(engine, item_id, lease_s=30)
        assert held is not None
        assert fail(engine, held, OSError("again"), attempts_max=12) == "ready"
    assert sweep(engine, bell, threads=THREADS) == WINDOW
    assert bell.items == ids


def test_an_item_is_rung_for_again_with_growing_pauses(engine: Engine, bell: HeardBell) -> None:
    item_id = planned_items(engine)[0]
    for pause_s in (5, 10, 20, 40, 60, 60):
        assert sweep(engine, bell, threads=THREADS) == 1
        left = item_row(engine, item_id)["dispatch_in_s"]
        assert isinstance(left, float)
        assert pause_s - 4 < left <= pause_s
        move(engine, item_id, "next_dispatch_at", 1 - pause_s)
        assert sweep(engine, bell, threads=THREADS) == 0
        move(engine, item_id, "next_dispatch_at", -1)
    assert (REDISPATCH_FIRST_S, REDISPATCH_MAX_S) == (5, 60)
    row = item_row(engine, item_id)
    assert (row["attempts"], row["state"]) == (0, "ready")  # rings count towards nothing


def test_items_that_nobody_took_for_days_are_still_rung_for(engine: Engine, bell: HeardBell) -> None:
    """A weekend without workers is thousands of rings: the pause must not overflow."""
    item_id = planned_items(engine)[0]
    with engine.begin() as connection:
        connection.execute(text("UPDATE work_items SET dispatches = 1000000"))
    assert sweep(engine, bell, threads=THREADS) == 1
    left = item_row(engine, item_id)["dispatch_in_s"]
    assert isinstance(left, float)
    assert 50 < left <= REDISPATCH_MAX_S


@pytest.mark.parametrize("state", ["leased", "done", "dead", "cancelled"])
def test_items_that_are_not_ready_are_not_rung_for(engine: Engine, bell: HeardBell, state: str) -> None:
    item_id = planned_items(engine)[0]
    if state == "leased":
        take(engine, item_id)
    else:
        with engine.begin() as connection:
            connection.execute(text("UPDATE work_items SET state = :state"), {"state": state})
    assert sweep(engine, bell, threads=THREADS) == 0
    assert sweep(engine, bell, threads=THREADS, items=[item_id]) == 0


def test_R8d_held_items_are_never_rung_for_until_they_are_released(engine: Engine, bell: HeardBell) -> None:
    made = plan(engine, spec(planner=always(*items(2), hold="too much")))
    assert made is not None
    ids = [row["id"] for row in rows(engine, "SELECT id FROM work_items ORDER BY id")]
    assert sweep(engine, bell, threads=THREADS) == 0
    assert sweep(engine, bell, threads=THREADS, items=ids) == 0
    with transaction(engine, "test.release") as connection:
        runs.release(connection, made.run_id)
    assert sweep(engine, bell, threads=THREADS) == 2
    assert bell.items == ids


def test_those_who_planned_ring_for_their_own_items(engine: Engine, bell: HeardBell) -> None:
    planned_items(engine, WINDOW)
    sweep(engine, bell, threads=THREADS)  # the window is full
    mine = planned_items(engine, 3)
    bell.heard.clear()
    assert sweep(engine, bell, threads=THREADS, items=mine) == 3
    assert sweep(engine, bell, threads=THREADS, items=mine) == 0
    assert sweep(engine, bell, threads=THREADS, items=[]) == 0
    assert bell.items == mine


def test_sweeps_at_once_ring_for_each_item_once(engine: Engine, bell: HeardBell) -> None:
    ids = planned_items(engine, 60)
    with ThreadPoolExecutor(4) as pool:
        swept = [pool.submit(sweep, engine, bell, threads=100) for _ in range(4)]
        assert sum(one.result() for one in swept) == len(ids)
    assert Counter(bell.items) == Counter(ids)


def test_a_sweep_passes_by_what_another_has_in_hand(engine: Engine, bell: HeardBell) -> None:
    """The other one is held just before its commit."""
    held, go_on = Event(), Event()

    def failpoint(name: str) -> None:
        if name == "before:commit:queue.dispatch" and current_thread() is not main_thread():
            held.set()
            assert go_on.wait(20)

    ids = planned_items(engine, WINDOW + 3)
    doors.failpoint = failpoint
    try:
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(sweep, engine, bell, threads=THREADS)
            assert held.wait(20)
            assert sweep(engine, bell, threads=THREADS) == 3
            go_on.set()
            assert other.result() == WINDOW
    finally:
        doors.failpoint = None
    assert Counter(bell.items) == Counter(ids)


def test_a_redis_that_is_away_loses_nothing(engine: Engine, own_server: PrivateRedis) -> None:
    bell = RedisBell(make_broker(own_server.url(), namespace="away"))
    ids = planned_items(engine, 3)
    own_server.stop()
    try:
        with pytest.raises(UnreachableError, match="Redis does not take messages"):
            sweep(engine, bell, threads=THREADS)
        assert {row["dispatches"] for row in rows(engine, "SELECT dispatches FROM work_items")} == {1}
    finally:
        own_server.start()
    for item_id in ids:
        assert item_row(engine, item_id)["state"] == "ready"
        move(engine, item_id, "next_dispatch_at", -REDISPATCH_FIRST_S)
    assert sweep(engine, bell, threads=THREADS) == 3
    assert waiting_messages(bell) == 3
    bell.broker.client.flushall()  # as does one that forgets
    for item_id in ids:
        move(engine, item_id, "next_dispatch_at", -2 * REDISPATCH_FIRST_S)
    assert sweep(engine, bell, threads=THREADS) == 3
    assert waiting_messages(bell) == 3
    bell.broker.close()
    bell.broker.client.close()
