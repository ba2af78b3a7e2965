"""The provider's limits, switched on: a whole day without one 429, close to the time that the limit allows."""

import pytest

from tests.e2e.conftest import MakeStage
from tests.support.nights import books, due_day, number, plan, succeeded, until, until_quiet
from worker.sandbox.crowd import gather
from worker.sandbox.stage import Stage

PER_SECOND = 25
LATENCY_MS = 300


def _paced_day(
    make_stage: MakeStage, *, renewals: int, limit_s: float
) -> tuple[Stage, float, dict[str, dict[str, int]]]:
    stage = make_stage(emulator_flags=("--rate-limit-per-endpoint", str(PER_SECOND), "--latency-ms", str(LATENCY_MS)))
    gather(stage.runtime.engine, stage.emulator, count=renewals, due=due_day(stage))
    stage.start_workers(processes=2, threads=4)
    stage.start_scheduler()
    until(lambda: _alive(stage), limit_s=20, what="two workers")
    stage.emulator.reset_statistics()
    plan(stage, "renew", due_day(stage))
    took = until(lambda: succeeded(stage) >= renewals, limit_s=limit_s, what=f"{renewals} renewals")
    statistics = stage.emulator.statistics()["endpoints"]
    until_quiet(stage, limit_s=60)
    return stage, took, statistics


def _alive(stage: Stage) -> bool:
    return number(stage, "SELECT count(*) FROM heartbeats WHERE kind = 'worker'") >= 2


def _demand_no_429(stage: Stage, endpoints: dict[str, dict[str, int]]) -> None:
    busiest = {name: of["busiest_second"] for name, of in endpoints.items() if of["requests"]}
    assert {name: of["limited"] for name, of in endpoints.items() if of["limited"]} == {}, endpoints
    assert max(busiest.values()) <= PER_SECOND + 1, (
        f"one more than the limit is the jitter of a busy machine: {busiest}"
    )
    held = books(stage)
    assert held.equal, held.differences


@pytest.mark.timeout(90)
def test_a_small_day_at_the_limit_meets_no_429(make_stage: MakeStage) -> None:
    stage, _, statistics = _paced_day(make_stage, renewals=150, limit_s=40)
    _demand_no_429(stage, statistics)


@pytest.mark.long
@pytest.mark.timeout(200)
def test_a_day_of_1000_at_the_limit_takes_little_longer_than_it_must(make_stage: MakeStage) -> None:
    stage, took, statistics = _paced_day(make_stage, renewals=1000, limit_s=90)
    busiest = {name: of["busiest_second"] for name, of in statistics.items() if of["requests"]}
    print(  # noqa: T201 - the figure is what one runs this for
        f"1,000 renewals in {took:.1f} s, {took / (1000 / PER_SECOND):.3f} of the limit's time; busiest {busiest}"
    )
    _demand_no_429(stage, statistics)
    assert took < 1.15 * 1000 / PER_SECOND
