"""From a message to the end of an item: duplicates do nothing, whatever work raises is told, leases are kept."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from tests.queue.specs import item_row, move, planned_items
from tests.support.builders import rows
from tests.support.waiting import wait_until
from worker.boundary import transaction
from worker.errors import LeaseLostError
from worker.queue.execution import LeaseKeeper, execute
from worker.queue.heartbeats import ALIVE_S, alive, beat
from worker.queue.items import Lease, expire_leases, fence, lease


@pytest.fixture
def keeper(engine: Engine) -> Iterator[LeaseKeeper]:
    """A keeper that renews leases of 2 s."""
    one = LeaseKeeper(engine, lease_s=2)
    yield one
    one.stop()


def run(engine: Engine, keeper: LeaseKeeper, item_id: int, work: "Work", *, lease_s: int = 30) -> str | None:
    return execute(engine, keeper, item_id, work, lease_s=lease_s, attempts_max=2)


class Work:
    """Work that counts how often it was done, and may fail."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.done: list[Lease] = []
        self._error = error

    def __call__(self, held: Lease) -> Mapping[str, object]:
        self.done.append(held)
        if self._error is not None:
            raise self._error
        return {"ids": len(held.ids)}


def test_duplicates_of_a_message_do_nothing(engine: Engine, keeper: LeaseKeeper) -> None:
    item_id, work = planned_items(engine)[0], Work()
    assert [run(engine, keeper, item_id, work) for _ in range(4)] == ["done", None, None, None]
    assert len(work.done) == 1
    row = item_row(engine, item_id)
    assert (row["state"], row["result"], row["attempts"]) == ("done", {"ids": 1}, 0)
    assert keeper._held == {}


def test_duplicates_at_once_do_the_work_once(engine: Engine, keeper: LeaseKeeper) -> None:
    work = Work()
    with ThreadPoolExecutor(4) as pool:
        for item_id in planned_items(engine, 8):
            got = [pool.submit(run, engine, keeper, item_id, work) for _ in range(4)]
            assert sorted(str(one.result()) for one in got) == ["None", "None", "None", "done"]
    assert len(work.done) == 8


def test_work_that_raises_is_told_and_tried_again_until_it_is_dead(engine: Engine, keeper: LeaseKeeper) -> None:
    item_id, work = planned_items(engine)[0], Work(ValueError("no such thing"))
    with capture_logs() as told:
        assert run(engine, keeper, item_id, work) == "ready"
        assert run(engine, keeper, item_id, work) is None  # it pauses
        move(engine, item_id, "not_before", -60)
        assert run(engine, keeper, item_id, work) == "dead"
    assert [held.attempt for held in work.done] == [1, 2]
    assert [(line["event"], line["state"]) for line in told] == [("item_failed", "ready"), ("item_failed", "dead")]
    assert "no such thing" in told[0]["error"]
    assert keeper._held == {}


def expire(engine: Engine, held: Lease) -> None:
    """Let a lease run out; a renewal that was on its way when it was dropped may still come once."""
    for _ in range(2):
        move(engine, held.item_id, "lease_expires_at", -60)
        if expire_leases(engine, attempts_max=12):
            return
    raise AssertionError("the lease is renewed although it was dropped")


def test_a_lost_lease_ends_in_silence_and_counts_nothing(engine: Engine, keeper: LeaseKeeper) -> None:
    item_id = planned_items(engine)[0]

    def work(held: Lease) -> Mapping[str, object]:
        keeper.drop(held)  # as if the process had stalled
        expire(engine, held)
        assert lease(engine, held.item_id, lease_s=30) is not None
        with transaction(engine, "test.write_back") as connection:
            connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES ('written', 'worker')"))
            fence(connection, held)
        raise AssertionError("the fence let it pass")

    with capture_logs() as told:
        assert execute(engine, keeper, item_id, work, lease_s=30, attempts_max=12) is None
    assert [line["event"] for line in told] == ["lease_lost"]
    assert rows(engine, "SELECT * FROM heartbeats") == []
    assert (item_row(engine, item_id)["state"], item_row(engine, item_id)["attempts"]) == ("leased", 1)


def test_a_lease_lost_by_the_work_itself_is_no_failure(engine: Engine, keeper: LeaseKeeper) -> None:
    item_id = planned_items(engine)[0]
    assert run(engine, keeper, item_id, Work(LeaseLostError("gone"))) is None
    assert item_row(engine, item_id)["attempts"] == 0


def test_work_that_is_interrupted_keeps_its_lease_until_it_runs_out(engine: Engine, keeper: LeaseKeeper) -> None:
    item_id, work = planned_items(engine)[0], Work(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(engine, keeper, item_id, work)
    assert item_row(engine, item_id)["state"] == "leased"
    assert keeper._held == {}  # nobody renews it any more
    expire(engine, work.done[0])
    assert run(engine, keeper, item_id, Work()) == "done"


def test_work_that_is_asked_to_end_hands_its_item_back_and_counts_nothing(engine: Engine, keeper: LeaseKeeper) -> None:
    item_id = planned_items(engine)[0]
    with pytest.raises(SystemExit):
        execute(engine, keeper, item_id, Work(SystemExit()), lease_s=600, attempts_max=12, interrupts=(SystemExit,))
    row = item_row(engine, item_id)
    assert (row["state"], row["attempts"], row["lease_token"]) == ("ready", 0, None)
    assert run(engine, keeper, item_id, Work()) == "done"


def test_long_work_keeps_its_lease(engine: Engine, keeper: LeaseKeeper) -> None:
    """The work lasts until its lease was renewed; nobody takes the item meanwhile."""
    item_id, begun, go_on = planned_items(engine)[0], Event(), Event()

    def work(held: Lease) -> Mapping[str, object]:
        begun.set()
        assert go_on.wait(20)
        return {"attempt": held.attempt}

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(execute, engine, keeper, item_id, work, lease_s=600, attempts_max=12)
        assert begun.wait(20)
        wait_until(lambda: float(str(item_row(engine, item_id)["lease_left_s"])) < 10)  # renewed, for 2 s from then
        go_on.set()
        assert working.result() == "done"
    assert item_row(engine, item_id)["result"] == {"attempt": 1}


def test_a_process_lives_as_long_as_it_beats(engine: Engine) -> None:
    def living(kind: str) -> int:
        with engine.begin() as connection:
            return alive(connection, kind)

    assert (living("worker"), living("scheduler")) == (0, 0)
    beat(engine, process="worker:a:1", kind="worker")
    beat(engine, process="worker:a:1", kind="worker")
    beat(engine, process="worker:a:2", kind="worker")
    assert (living("worker"), living("scheduler")) == (2, 0)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE heartbeats SET beat_at = beat_at - make_interval(secs => :s)"), {"s": ALIVE_S + 1}
        )
    assert living("worker") == 0
    beat(engine, process="worker:a:1", kind="worker")
    assert living("worker") == 1
    with engine.begin() as connection:
        connection.execute(text("UPDATE heartbeats SET beat_at = beat_at - interval '2 days'"))
    beat(engine, process="scheduler:a:1", kind="scheduler")
    assert [row["process"] for row in rows(engine, "SELECT process FROM heartbeats")] == ["scheduler:a:1"]


def test_a_keeper_with_a_name_beats_before_it_holds_anything(engine: Engine) -> None:
    keeper = LeaseKeeper(engine, lease_s=30, process="worker:host", kind="worker")
    keeper.start(pid=42)
    try:
        wait_until(lambda: rows(engine, "SELECT 1 FROM heartbeats WHERE process = 'worker:host:42'"))
    finally:
        keeper.stop()
