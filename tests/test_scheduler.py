"""The scheduler: ticks that survive whatever is away, an orderly end, and two side by side."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine
from structlog.testing import capture_logs

import scheduler
from scheduler import Ticks, guarded
from settings import Settings
from tests.queue.specs import PRAGUE, always, at, go_live, items, move, planned_items, spec
from tests.support.builders import rows, size
from tests.support.servers import own_database
from tests.support.waiting import wait_until
from tests.support.workers import SCHEDULER, environment, started
from worker import jobs
from worker.broker import RedisBell, make_broker
from worker.clock import ShiftedClock, SystemClock, monotonic_s
from worker.errors import UnreachableError
from worker.queue.items import lease
from worker.queue.plans import Plan, PlanRequest
from worker.queue.runs import last_due_date
from worker.runtime import Runtime, make_runtime

AWAY = "127.0.0.1:1"
END_S = 3


@pytest.fixture
def runtime(engine: Engine, redis_url: str) -> Iterator[Runtime]:
    """The parts of a scheduler, at noon of a day."""
    names = environment(engine, redis_url)
    settings = Settings(
        _env_file=None,
        database_url=names["DATABASE_URL"],
        redis_url=redis_url,
        stripe_api_key=SecretStr(names["STRIPE_API_KEY"]),
        link_signing_key=SecretStr(names["LINK_SIGNING_KEY"]),
    )
    made = replace(make_runtime(settings), clock=at(2026, 3, 15, 12))
    yield made
    made.engine.dispose()
    made.bell.broker.client.close()


def with_redis(runtime: Runtime, url: str) -> Runtime:
    """The same scheduler with another Redis."""
    return replace(runtime, bell=RedisBell(make_broker(url, namespace="odnowa")))


def test_a_tick_plans_and_the_next_one_rings(runtime: Runtime, engine: Engine) -> None:
    ticks = Ticks(runtime, [spec("renew", always(*items(2)))])
    with capture_logs() as told:
        ticks.ensure()
        ticks.ensure()
    assert [(line["event"], line["job"], line["items"]) for line in told] == [("run_planned", "renew", 2)]
    ticks.sweep()
    assert rows(engine, "SELECT dispatches FROM work_items") == [{"dispatches": 1}] * 2


def test_R8d_a_held_run_is_told_loudly(runtime: Runtime) -> None:
    with capture_logs() as told:
        Ticks(runtime, [spec("renew", always(*items(2), hold="five times the usual sum"))]).ensure()
    held = [line for line in told if line["event"] == "run_held"]
    assert [(line["log_level"], line["reason"]) for line in held] == [("error", "five times the usual sum")]


def test_a_tick_takes_leases_back(runtime: Runtime, engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    assert lease(engine, item_id, lease_s=30) is not None
    move(engine, item_id, "lease_expires_at", -60)
    with capture_logs() as told:
        Ticks(runtime, []).expire()
        Ticks(runtime, []).expire()
    assert [(line["event"], line["items"]) for line in told] == [("leases_expired", 1)]


def test_a_planner_that_fails_holds_up_no_other_job(runtime: Runtime, engine: Engine) -> None:
    def breaks(connection: Connection, request: PlanRequest) -> Plan:
        del connection, request
        raise KeyError("no such thing")

    specs = [
        spec("remind", breaks),
        spec("deliver_mail", breaks, daily_at=None, minutely=True),
        spec("renew", always(*items(1))),
    ]
    with capture_logs() as told:
        Ticks(runtime, specs).ensure()
    assert [(line["event"], line.get("tick")) for line in told] == [
        ("tick_broken", "ensure remind"),
        ("tick_broken", "ensure deliver_mail"),
        ("run_planned", None),
    ]
    assert [row["job"] for row in rows(engine, "SELECT job FROM runs")] == ["renew"]


def test_a_database_that_is_away_ends_no_tick(runtime: Runtime) -> None:
    gone = create_engine(f"postgresql+psycopg://nobody@{AWAY}/nothing")
    ticks = Ticks(replace(runtime, engine=gone), [spec("renew")])
    with capture_logs() as told:
        ticks.ensure()
        guarded("sweep", ticks.sweep)()
        guarded("expire", ticks.expire)()
    assert [(line["event"], line["tick"]) for line in told] == [
        ("tick_failed", "ensure renew"),
        ("tick_failed", "sweep"),
        ("tick_failed", "expire"),
    ]
    assert all("OperationalError" in line["error"] and "\n" not in line["error"] for line in told)
    gone.dispose()


def test_a_redis_that_is_away_ends_no_tick_and_loses_no_item(runtime: Runtime, engine: Engine) -> None:
    item_id = planned_items(engine)[0]
    away = Ticks(with_redis(runtime, f"redis://{AWAY}/0"), [])
    with capture_logs() as told:
        guarded("sweep", away.sweep)()
    assert [(line["event"], line["tick"]) for line in told] == [("tick_failed", "sweep")]
    assert "UnreachableError" in told[0]["error"]
    move(engine, item_id, "next_dispatch_at", -5)
    Ticks(runtime, []).sweep()
    assert rows(engine, "SELECT state, attempts, dispatches FROM work_items") == [
        {"state": "ready", "attempts": 0, "dispatches": 2}
    ]


@pytest.mark.parametrize(
    ("error", "event"), [(UnreachableError("away"), "tick_failed"), (ValueError("ours"), "tick_broken")]
)
def test_a_guarded_tick_tells_and_comes_again(error: Exception, event: str) -> None:
    def tick() -> None:
        raise error

    with capture_logs() as told:
        guarded("sweep", tick)()
    assert [(line["event"], line["tick"]) for line in told] == [(event, "sweep")]


def test_the_ticks_are_made_up_once_and_never_side_by_side(runtime: Runtime) -> None:
    built = scheduler.build(runtime)
    pending = {job.id: job for job, *_ in built._pending_jobs}
    assert set(pending) == {"ensure at the start", "ensure", "sweep", "expire"}
    assert built._job_defaults == {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


def clock_at_noon(folder: Path) -> Path:
    """A clock file that makes it noon in the seller's zone, far from every time of day in the timetable."""
    machine = SystemClock(PRAGUE)
    noon = datetime.combine(machine.today(), time(12), PRAGUE)
    file = folder / "clock"
    file.write_text(str(round((noon - machine.now()).total_seconds())), encoding="ascii")
    return file


def owed(runtime: Runtime, days: int) -> Counter[tuple[str, date]]:
    """Every job and date that the timetable owes since so many days ago, once."""
    found: Counter[tuple[str, date]] = Counter()
    first = runtime.clock.today() - timedelta(days=days)
    for one in jobs.load().values():
        last = last_due_date(one.spec(runtime), runtime.clock)
        if last is not None:  # the day before, of a job whose hour has not come
            found.update((one.name, first + timedelta(days=n)) for n in range((last - first).days + 1))
    return found


def test_two_schedulers_side_by_side_plan_each_date_once_and_end_in_order(
    engine: Engine, runtime: Runtime, redis_url: str, tmp_path: Path
) -> None:
    file = clock_at_noon(tmp_path)
    today = ShiftedClock(PRAGUE, file).today()
    go_live(engine, today - timedelta(days=5))
    expected = owed(replace(runtime, clock=at(today.year, today.month, today.day, 12)), 5)
    assert len(expected) >= 4 * 6
    settings = environment(engine, redis_url, CLOCK_FILE=str(file))
    with ExitStack() as ended:
        both = [ended.enter_context(started(SCHEDULER, settings=settings, log=tmp_path / f"log-{n}")) for n in range(2)]
        wait_until(lambda: size(engine, "runs") >= len(expected))
        wait_until(lambda: len(rows(engine, "SELECT 1 FROM heartbeats WHERE kind = 'scheduler'")) == 2)
        for one in both:
            wait_until(lambda one=one: "scheduler_started" in one.said)  # type: ignore[misc]  # bound at once
        asked = monotonic_s()
        for one in both:
            one.process.send_signal(signal.SIGTERM)
        assert [one.process.wait(10) for one in both] == [0, 0]
        assert monotonic_s() - asked < END_S
        for one in both:
            assert "Traceback" not in one.said, one.said
            assert "scheduler_stopped" in one.said
    made = rows(engine, "SELECT job, business_date FROM runs WHERE trigger = 'timetable' ORDER BY id")
    assert Counter((row["job"], row["business_date"]) for row in made) == expected
    for job in {row["job"] for row in made}:
        dates = [row["business_date"] for row in made if row["job"] == job]
        assert dates == sorted(dates)


def test_what_cannot_work_ends_with_one_line(
    engine: Engine, postgres_server: str, redis_url: str, tmp_path: Path
) -> None:
    with own_database(postgres_server, f"odnowa_scheduler_{os.getpid()}") as url, ExitStack() as ended:
        bare = create_engine(url)
        ended.callback(bare.dispose)
        cases = [
            (environment(bare, redis_url), "run `odnowa db upgrade`"),
            (environment(engine, redis_url, LEASE_S="soon", STRIPE_TIMEOUT_S="-1"), "LEASE_S: "),
        ]
        running = [
            ended.enter_context(started(SCHEDULER, settings=settings, log=tmp_path / str(n)))
            for n, (settings, _) in enumerate(cases)
        ]
        codes = [one.process.wait(30) for one in running]
        said = [one.said for one in running]
    assert codes == [1, 1]
    for line, (_, reason) in zip(said, cases, strict=True):
        assert line.count("\n") == 1, line
        assert line.startswith("scheduler: ")
        assert reason in line
    assert size(engine, "runs") == 0
