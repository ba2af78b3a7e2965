"""One lease per item: fenced, renewed while its worker lives, taken over when it does not."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tests.queue.specs import always, item_row, items, move, plan, planned_items, run_open, spec
from tests.support.builders import rows, size
from tests.support.waiting import wait_until
from worker.boundary import doors, transaction
from worker.errors import LeaseLostError
from worker.queue.execution import LeaseKeeper
from worker.queue.items import Lease, expire_leases, fail, fence, finish, lease, renew_leases
from worker.queue.plans import PlannedItem

LEASE_S = 30


def take(engine: Engine, item_id: int) -> Lease:
    held = lease(engine, item_id, lease_s=LEASE_S)
    assert held is not None
    return held


def expiry(engine: Engine, held: Lease) -> datetime:
    """When the lease runs out."""
    found = item_row(engine, held.item_id)["lease_expires_at"]
    assert isinstance(found, datetime)
    return found


def renewed_since(engine: Engine, held: Lease, seen: datetime) -> bool:
    """Whether the expiry has been moved."""
    return expiry(engine, held) != seen


def write_back(engine: Engine, held: Lease) -> None:
    """Write something and only then look at the fence."""
    with transaction(engine, "write-back") as connection:
        connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES ('written', 'worker')"))
        fence(connection, held)


def run_out(engine: Engine, held: Lease) -> None:
    """The worker of this lease stalled for longer than the lease lives, and somebody noticed."""
    move(engine, held.item_id, "lease_expires_at", -LEASE_S - 1)
    assert expire_leases(engine, attempts_max=12) == 1


def test_a_lease_tells_all_that_the_work_needs(engine: Engine) -> None:
    made = plan(engine, spec("renew", always(PlannedItem("charges:7", [7, 8, 9]))))
    assert made is not None
    held = take(engine, made.items[0])
    assert (held.run_id, held.root_run_id, held.job, held.key) == (made.run_id, made.run_id, "renew", "charges:7")
    assert (held.business_date, held.ids, held.attempt) == (made.business_date, (7, 8, 9), 1)
    left = item_row(engine, held.item_id)["lease_left_s"]
    assert isinstance(left, float)
    assert 0 < left <= LEASE_S


@pytest.mark.parametrize("state", ["leased", "done", "dead", "cancelled"])
def test_an_item_that_is_not_ready_is_not_taken(engine: Engine, state: str) -> None:
    item_id = planned_items(engine)[0]
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE work_items SET state = :state, lease_token = CASE WHEN :state = 'leased' THEN :token END"),
            {"state": state, "token": uuid4()},
        )
    assert lease(engine, item_id, lease_s=LEASE_S) is None


def test_an_item_is_not_taken_before_its_time_and_one_that_never_was_not_at_all(engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    move(engine, item_id, "not_before", 60)
    assert lease(engine, item_id, lease_s=LEASE_S) is None
    move(engine, item_id, "not_before", -120)
    assert lease(engine, item_id, lease_s=LEASE_S) is not None
    assert lease(engine, 10**9, lease_s=LEASE_S) is None


def test_many_workers_ask_and_one_gets_the_lease(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        for item_id in planned_items(engine, 10):
            got = [pool.submit(lease, engine, item_id, lease_s=LEASE_S) for _ in range(6)]
            assert sum(one.result() is not None for one in got) == 1


def test_a_worker_whose_lease_was_taken_over_can_write_nothing(engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    first = take(engine, item_id)
    run_out(engine, first)
    second = take(engine, item_id)
    assert second.attempt == 2
    assert second.token != first.token

    with pytest.raises(LeaseLostError):
        write_back(engine, first)
    with pytest.raises(LeaseLostError):
        finish(engine, first, {})
    assert fail(engine, first, OSError("too late"), attempts_max=12) is None
    assert size(engine, "heartbeats") == 0
    assert item_row(engine, item_id)["state"] == "leased"
    assert item_row(engine, item_id)["lease_token"] == second.token

    with transaction(engine, "write-back") as connection:
        fence(connection, second)
    finish(engine, second, {"charged": 1})
    assert item_row(engine, item_id)["result"] == {"charged": 1}
    with pytest.raises(LeaseLostError):
        finish(engine, second, {})


def test_a_lease_that_ran_out_but_was_not_taken_back_still_writes(engine: Engine) -> None:
    held = take(engine, planned_items(engine)[0])
    move(engine, held.item_id, "lease_expires_at", -LEASE_S - 1)
    with transaction(engine, "write-back") as connection:
        fence(connection, held)
    finish(engine, held, {})


def test_the_fence_holds_off_those_who_would_take_the_item(engine: Engine) -> None:
    held = take(engine, planned_items(engine)[0])
    move(engine, held.item_id, "lease_expires_at", -LEASE_S - 1)
    with transaction(engine, "write-back") as connection:
        fence(connection, held)
        with ThreadPoolExecutor(1) as other:  # it skips what is locked instead of waiting for it
            assert other.submit(expire_leases, engine, attempts_max=12).result() == 0
    assert expire_leases(engine, attempts_max=12) == 1


def test_renewing_pushes_only_leases_that_are_still_held(engine: Engine) -> None:
    kept, lost = (take(engine, item_id) for item_id in planned_items(engine, 2))
    for held in (kept, lost):
        move(engine, held.item_id, "lease_expires_at", -20)
    stolen = replace(lost, token=uuid4())
    renew_leases(engine, [kept, stolen], lease_s=LEASE_S)
    renew_leases(engine, [], lease_s=LEASE_S)
    left_s = [float(str(item_row(engine, held.item_id)["lease_left_s"])) for held in (kept, lost)]
    assert left_s[0] > LEASE_S - 5
    assert left_s[1] < LEASE_S - 15


def test_the_keeper_renews_what_it_holds_until_it_is_dropped(engine: Engine) -> None:
    held, dropped = (take(engine, item_id) for item_id in planned_items(engine, 2))
    untouched = expiry(engine, dropped)
    keeper = LeaseKeeper(engine, lease_s=1)
    keeper.hold(held)
    keeper.hold(dropped)
    keeper.drop(dropped)
    try:
        wait_until(lambda: expiry(engine, held) < untouched)  # a second from now instead of half a minute
        wait_until(partial(renewed_since, engine, held, expiry(engine, held)))
        left = expiry(engine, dropped)  # a beat that had begun may have renewed it once more
        wait_until(partial(renewed_since, engine, held, expiry(engine, held)))
        assert expiry(engine, dropped) == left
    finally:
        keeper.stop()


def test_a_beat_that_fails_is_repeated_at_the_next(engine: Engine) -> None:
    held = take(engine, planned_items(engine)[0])
    seen, beats = expiry(engine, held), []

    def failpoint(name: str) -> None:
        if name == "before:commit:queue.renew":
            beats.append(name)
            if len(beats) == 1:
                raise OperationalError("UPDATE", {}, OSError("the server went away"))

    keeper = LeaseKeeper(engine, lease_s=1)
    doors.failpoint = failpoint
    try:
        keeper.hold(held)
        wait_until(partial(renewed_since, engine, held, seen))
    finally:
        keeper.stop()
        doors.failpoint = None
    assert len(beats) >= 2


def test_an_expired_lease_counts_as_an_attempt_and_comes_back_at_once(engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    for attempt in (1, 2, 3):
        held = take(engine, item_id)
        assert held.attempt == attempt
        run_out(engine, held)
        row = item_row(engine, item_id)
        assert (row["state"], row["attempts"], row["lease_token"]) == ("ready", attempt, None)
        assert "ran out" in str(row["last_error"])


def test_a_lease_that_lives_is_not_taken_back(engine: Engine) -> None:
    take(engine, planned_items(engine)[0])
    assert expire_leases(engine, attempts_max=12) == 0


def test_leases_that_run_out_too_often_leave_a_dead_item_and_a_closed_run(engine: Engine) -> None:
    made = plan(engine, spec("renew", always(*items(2))))
    assert made is not None
    for item_id in made.items:
        for attempt in range(3):
            assert run_open(engine, made.run_id), attempt
            held = take(engine, item_id)
            move(engine, held.item_id, "lease_expires_at", -LEASE_S - 1)
            expire_leases(engine, attempts_max=3)
        assert item_row(engine, item_id)["state"] == "dead"
    assert not run_open(engine, made.run_id)


def test_two_who_take_leases_back_at_once_count_each_once(engine: Engine) -> None:
    ids = planned_items(engine, 40)
    for item_id in ids:
        take(engine, item_id)
    with engine.begin() as connection:
        connection.execute(text("UPDATE work_items SET lease_expires_at = now() - interval '1 minute'"))
    with ThreadPoolExecutor(4) as pool:
        counts = [pool.submit(expire_leases, engine, attempts_max=12) for _ in range(4)]
        assert sum(one.result() for one in counts) == len(ids)
    assert {row["attempts"] for row in rows(engine, "SELECT attempts FROM work_items")} == {1}
