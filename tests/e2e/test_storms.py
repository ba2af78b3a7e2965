"""A day of renewals through real processes, with something going wrong in the middle of it.

In the suite one day of 300 has all of it, one after the other; with `make storm` each has a day of 1,000 of its own.
"""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest
import redis

from tests.e2e.conftest import MakeStage
from tests.support.nights import books, broken_rules, due_day, number, plan, rows, succeeded, until, until_quiet
from worker.sandbox.crowd import SUM_MINOR, gather
from worker.sandbox.servers import PrivateRedis
from worker.sandbox.stage import Stage

LEASE_S = 5
STORM = {"LEASE_S": str(LEASE_S), "STRIPE_PACED": "false", "STRIPE_TIMEOUT_S": "2"}
"""Short leases, so that a dead worker's items come back within the suite's time; everything else as in production."""
RESTART_LIMIT_S = 120


@pytest.fixture(params=[pytest.param(1000, marks=pytest.mark.long)])
def renewals(request: pytest.FixtureRequest) -> int:
    """How many are due on the day of the storm."""
    count: int = request.param
    return count


@pytest.mark.timeout(240)
def test_a_day_with_kills_flushes_and_an_outage_loses_and_doubles_nothing(make_stage: MakeStage) -> None:
    renewals = 300
    with PrivateRedis() as server:
        stage = _begin(make_stage, renewals, redis_url=server.url(0))
        client = redis.Redis.from_url(stage.settings.redis_url)
        master = stage.start_workers()
        children = _two_workers(stage, master=master.pid)
        plan(stage, "renew", due_day(stage))
        until(partial(_done, stage, renewals // 10), limit_s=60, what="a tenth of the day")
        master.kill()
        master.wait()
        until(lambda: not [pid for pid in children if _parent(pid) is not None], limit_s=5, what="no orphan")
        assert succeeded(stage) < renewals, "the day was over before the kill"
        client.flushall()
        second = stage.start_workers()
        child = _two_workers(stage, master=second.pid)[0]
        until(partial(_done, stage, renewals // 3), limit_s=60, what="a third of the day")
        server.stop()
        time.sleep(3)
        server.start()
        until(partial(_done, stage, renewals // 2), limit_s=60, what="half of the day")
        os.kill(child, signal.SIGKILL)
        second.wait(15)
        stage.start_workers()
        client.flushall()
        until_quiet(stage, limit_s=RESTART_LIMIT_S)
        _demand_whole_day(stage, renewals)


def _begin(make_stage: MakeStage, renewals: int, **how: object) -> Stage:
    stage: Stage = make_stage(overrides=STORM, **how)
    gather(stage.runtime.engine, stage.emulator, count=renewals, due=due_day(stage))
    stage.start_scheduler()
    return stage


def _demand_whole_day(stage: Stage, renewals: int) -> None:
    held = books(stage)
    assert held.equal, held.differences
    assert broken_rules(stage) == []
    assert [(of.our_count, of.our_minor) for of in held.currencies] == [(renewals, renewals * SUM_MINOR)]
    assert len({charge["metadata"]["account"] for charge in stage.emulator.journal()}) == renewals
    assert number(stage, "SELECT count(*) FROM work_items WHERE state = 'dead'") == 0
    assert number(stage, "SELECT max(n) FROM (SELECT count(*) AS n FROM attempts GROUP BY charge_id) t") == 1


def _done(stage: Stage, least: int) -> bool:
    return succeeded(stage) >= least


def _worker_pids(stage: Stage, *, master: int) -> list[int]:
    """Worker processes of a master, by their own heartbeats."""
    named = rows(stage, "SELECT process FROM heartbeats WHERE kind = 'worker'")
    pids = [int(row["process"].rpartition(":")[2]) for row in named]
    return [pid for pid in pids if _parent(pid) == master]


def _two_workers(stage: Stage, *, master: int) -> list[int]:
    """Both worker processes, once both have said that they live."""
    until(lambda: len(_worker_pids(stage, master=master)) == 2, limit_s=20, what="two workers")
    return _worker_pids(stage, master=master)


def _parent(pid: int) -> int | None:
    """The parent of a process that runs, None when it is gone."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    except OSError:
        return None
    return None if said[0] == "Z" else int(said[1])


@pytest.mark.timeout(240)
def test_a_killed_master_and_a_killed_child_lose_and_double_nothing(make_stage: MakeStage, renewals: int) -> None:
    stage = _begin(make_stage, renewals)
    master = stage.start_workers()
    children = _two_workers(stage, master=master.pid)
    plan(stage, "renew", due_day(stage))
    until(lambda: succeeded(stage) >= renewals // 10, limit_s=60, what="a tenth of the day")
    master.kill()
    master.wait()
    until(lambda: not [pid for pid in children if _parent(pid) is not None], limit_s=5, what="no orphan")
    assert succeeded(stage) < renewals, "the day was over before the kill"

    second = stage.start_workers()
    restarted = time.monotonic()
    child = _two_workers(stage, master=second.pid)[0]
    until(lambda: succeeded(stage) >= renewals // 2, limit_s=60, what="half of the day")
    os.kill(child, signal.SIGKILL)
    second.wait(15)
    stage.start_workers()
    until_quiet(stage, limit_s=RESTART_LIMIT_S)
    assert time.monotonic() - restarted < RESTART_LIMIT_S
    _demand_whole_day(stage, renewals)


@pytest.mark.timeout(120)
def test_a_flushed_redis_costs_only_time(make_stage: MakeStage, renewals: int) -> None:
    stage = _begin(make_stage, renewals)
    stage.start_workers()
    plan(stage, "renew", due_day(stage))
    client = redis.Redis.from_url(stage.settings.redis_url)
    for share in (10, 3, 2):
        until(partial(_done, stage, renewals // share), limit_s=60, what=f"1/{share} of the day")
        client.flushall()
    until_quiet(stage, limit_s=RESTART_LIMIT_S)
    _demand_whole_day(stage, renewals)


def _lose_two_answers(stage: Stage, renewals: int) -> None:
    stage.emulator.fault("drop_after_execution", "payment_intents.confirm", nth=3, times=1)
    stage.emulator.fault("stall", "payment_intents.confirm", nth=10, times=1, seconds=30)
    stage.start_workers()
    plan(stage, "renew", due_day(stage))
    until(lambda: succeeded(stage) >= renewals - 2, limit_s=60, what="all but the two")
    assert number(stage, "SELECT count(*) FROM charges WHERE state = 'unknown'") == 2, "both answers were lost"


@pytest.mark.timeout(120)
def test_lost_answers_are_settled_by_reading_back(make_stage: MakeStage) -> None:
    renewals = 40
    stage = _begin(make_stage, renewals, shifted=True)
    _lose_two_answers(stage, renewals)
    stage.set_shift(60)
    plan(stage, "follow_payments")
    until_quiet(stage, limit_s=30)
    _demand_whole_day(stage, renewals)


@pytest.mark.long
@pytest.mark.timeout(200)
def test_lost_answers_are_settled_within_two_minutes_by_themselves(make_stage: MakeStage) -> None:
    renewals = 1000
    stage = _begin(make_stage, renewals)
    _lose_two_answers(stage, renewals)
    assert until(lambda: succeeded(stage) == renewals, limit_s=RESTART_LIMIT_S, what="both") < RESTART_LIMIT_S
    until_quiet(stage, limit_s=RESTART_LIMIT_S)
    _demand_whole_day(stage, renewals)


def _take_redis_away(make_stage: MakeStage, renewals: int, *, seconds: float) -> Stage:
    """Stop a Redis of the test's own in the middle of a day, and start it again, empty."""
    with PrivateRedis() as server:
        stage = _begin(make_stage, renewals, redis_url=server.url(0))
        stage.start_workers()
        plan(stage, "renew", due_day(stage))
        until(lambda: succeeded(stage) >= renewals // 5, limit_s=60, what="a fifth of the day")
        server.stop()
        time.sleep(seconds)
        server.start()
        until_quiet(stage, limit_s=RESTART_LIMIT_S)
        _demand_whole_day(stage, renewals)
    return stage


@pytest.mark.long
@pytest.mark.timeout(300)
def test_redis_may_be_away_for_100_seconds(make_stage: MakeStage) -> None:
    _take_redis_away(make_stage, 1000, seconds=100)
