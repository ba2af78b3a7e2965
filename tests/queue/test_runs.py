"""Runs: planned whole or not at all, one per job and date of the timetable, rung for by others, held and released."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, time, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from tests.queue.specs import (
    TODAY,
    always,
    at,
    ensure,
    go_live,
    item_row,
    items,
    nothing,
    plan,
    request,
    run_open,
    spec,
)
from tests.support.builders import counts, rows, size
from tests.support.waiting import wait_until
from worker.boundary import transaction
from worker.errors import FutureDateError, RefusedError
from worker.queue import runs
from worker.queue.items import insert_items, lease
from worker.queue.plans import Plan, PlannedItem, PlanRequest, Trigger, in_items

TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)


class PlannerError(Exception):
    """What a planner of tests raises."""


def breaks(connection: Connection, request: PlanRequest) -> Plan:
    """A planner that writes something and then fails."""
    del request
    connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES ('planner', 'worker')"))
    raise PlannerError


def test_a_run_and_its_items_are_planned_together(engine: Engine) -> None:
    made = plan(engine, spec(planner=always(*items(3))))
    assert made is not None
    assert len(made.items) == 3
    run = rows(engine, "SELECT * FROM runs")[0]
    assert (run["id"], run["job"], run["business_date"], run["trigger"]) == (made.run_id, "renew", TODAY, "manual")
    assert run["planned"] == {"found": 3, "items": 3}
    assert (run["requested_by"], run["held_at"], run["finished_at"]) == ("test", None, None)


@pytest.mark.parametrize("trigger", list(Trigger))
def test_a_planner_that_raises_leaves_nothing(engine: Engine, trigger: Trigger) -> None:
    before = counts(engine)
    with pytest.raises(PlannerError):
        plan(engine, spec(planner=breaks), trigger=trigger)
    assert counts(engine) == before


def test_items_that_cannot_be_written_take_the_run_with_them(engine: Engine) -> None:
    before = counts(engine)
    with pytest.raises(Exception, match="null value"):
        plan(engine, spec(planner=always(PlannedItem(key="rows:1", ids=[1]), PlannedItem(None, [2]))))  # type: ignore[arg-type] # a broken planner
    assert counts(engine) == before


def test_the_timetable_plans_a_date_once_and_others_as_often_as_they_like(engine: Engine) -> None:
    one = spec(planner=always(*items(1)))
    assert plan(engine, one, trigger=Trigger.TIMETABLE) is not None
    assert plan(engine, one, trigger=Trigger.TIMETABLE) is None
    assert plan(engine, one, TOMORROW, trigger=Trigger.TIMETABLE) is not None
    assert plan(engine, spec("remind", always(*items(1))), trigger=Trigger.TIMETABLE) is not None
    for _ in range(2):
        assert plan(engine, one, trigger=Trigger.MANUAL) is not None
    found = rows(engine, "SELECT sequence FROM runs WHERE job = 'renew' AND business_date = :d ORDER BY id", d=TODAY)
    assert [row["sequence"] for row in found] == [0, 1, 2]
    assert size(engine, "work_items") == 5


def test_two_schedulers_at_once_plan_each_date_once(engine: Engine) -> None:
    def schedule() -> list[tuple[str, date]]:
        return ensure(engine, at(2026, 3, 15, 12), *specs)

    go_live(engine, TODAY - timedelta(days=20))
    specs = [spec(planner=always(*items(1))), spec("remind", always(*items(1)))]
    with ThreadPoolExecutor(3) as pool:
        made = [run for one in [pool.submit(schedule) for _ in range(3)] for run in one.result()]
    expected = [(job, TODAY - timedelta(days=n)) for job in ("remind", "renew") for n in range(20, -1, -1)]
    assert sorted(made) == expected
    assert size(engine, "runs") == size(engine, "work_items") == len(expected)


def test_one_plans_at_a_time(engine: Engine) -> None:
    """A planner that looked while another was about to commit would not see what that one claims."""
    planned: list[PlanRequest] = []

    def notes(connection: Connection, request: PlanRequest) -> Plan:
        del connection
        planned.append(request)
        return Plan(items(1))

    with ThreadPoolExecutor(1) as pool, engine.connect() as another:
        another.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": runs.PLANNING_LOCK})
        waiting = pool.submit(plan, engine, spec(planner=notes))
        query = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: rows(engine, query) or waiting.done())
        assert not planned
        assert not waiting.done()
        another.rollback()
        made = waiting.result()
    assert made is not None
    assert len(planned) == len(made.items) == 1


@pytest.mark.parametrize(("found", "runs_left"), [(0, 0), (2, 1)])
def test_a_minutely_look_leaves_a_trace_only_where_it_found_work(engine: Engine, found: int, runs_left: int) -> None:
    specs = [
        spec("deliver_mail", always(*items(found)), daily_at=None, minutely=True),
        spec("renew", always(*items(1))),
    ]
    before = counts(engine, but=("runs", "work_items"))
    made = runs.look_for_work(engine, specs, at(2026, 3, 15, 12), item_size_max=10)
    assert [(one.job, one.business_date, len(one.items)) for one in made] == [("deliver_mail", TODAY, 2)][:runs_left]
    assert (size(engine, "runs"), size(engine, "work_items")) == (runs_left, found)
    assert counts(engine, but=("runs", "work_items")) == before


def test_a_minutely_look_undoes_what_its_planner_wrote(engine: Engine) -> None:
    def writes(connection: Connection, request: PlanRequest) -> Plan:
        del request
        connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES ('planner', 'worker')"))
        return Plan([])

    assert plan(engine, spec(planner=writes), trigger=Trigger.MINUTELY) is None
    assert size(engine, "heartbeats") == 0


@pytest.mark.parametrize("money", [False, True])
def test_a_day_that_has_not_come_is_refused(engine: Engine, *, money: bool) -> None:
    one, before = spec(planner=always(*items(1)), money=money), counts(engine)
    with pytest.raises(FutureDateError, match=f"{TOMORROW}.*not come.*{TODAY}"):
        runs.request_run(engine, one, request(TOMORROW), by="test")
    assert counts(engine) == before
    assert runs.request_run(engine, one, request(TODAY), by="test").items
    assert runs.request_run(engine, one, request(YESTERDAY), by="test").items


@pytest.mark.parametrize(("money", "refused"), [(True, True), (False, False)])
def test_money_jobs_do_not_run_before_the_go_live_date(engine: Engine, *, money: bool, refused: bool) -> None:
    go_live(engine, TODAY)
    one = spec(planner=always(*items(1)), money=money)
    assert runs.request_run(engine, one, request(TODAY), by="test").items
    if refused:
        with pytest.raises(RefusedError, match=f"money jobs begin on the go-live date {TODAY}"):
            runs.request_run(engine, one, request(YESTERDAY), by="test")
        assert size(engine, "runs") == 1
    else:
        assert runs.request_run(engine, one, request(YESTERDAY), by="test").items


def test_a_job_that_comes_after_another_waits_for_its_whole_set(engine: Engine) -> None:
    suspend, renew = spec("suspend", after="renew"), spec("renew")
    with pytest.raises(RefusedError, match="`renew` of that date must be planned first"):
        runs.request_run(engine, suspend, request(), by="test")
    runs.request_run(engine, renew, request(YESTERDAY), by="test")
    # one subscription's renewal says nothing about all the others
    runs.request_run(engine, renew, request(only=7), by="test")
    plan(engine, renew, trigger=Trigger.RUNG)
    with pytest.raises(RefusedError, match="planned first"):
        runs.request_run(engine, suspend, request(), by="test")
    runs.request_run(engine, renew, request(), by="test", reason="the timetable was off")
    assert runs.request_run(engine, suspend, request(), by="test")
    assert rows(engine, "SELECT reason FROM runs WHERE reason IS NOT NULL") == [{"reason": "the timetable was off"}]


def test_work_that_rings_for_more_belongs_to_the_run_that_caused_it(engine: Engine) -> None:
    root = plan(engine, spec(planner=always(*items(1))))
    assert root is not None
    with transaction(engine, "test.ring") as connection:
        rung = runs.ring(
            connection, job="deliver_mail", items=items(2), business_date=TODAY, root_run_id=root.run_id, by="renew"
        )
        assert runs.ring(connection, job="x", items=[], business_date=TODAY, root_run_id=root.run_id, by="r") == []
    held = lease(engine, rung[0], lease_s=30)
    assert held is not None
    assert (held.root_run_id, held.job) == (root.run_id, "deliver_mail")
    assert size(engine, "runs") == 2


def test_R8d_a_held_run_waits_for_an_operator(engine: Engine) -> None:
    made = plan(engine, spec(planner=always(*items(2), hold="five times the usual sum")), trigger=Trigger.TIMETABLE)
    assert made is not None
    assert (list(made.items), made.held) == ([], "five times the usual sum")
    ids = [row["id"] for row in rows(engine, "SELECT id FROM work_items ORDER BY id")]
    assert all(lease(engine, item_id, lease_s=30) is None for item_id in ids)
    assert run_open(engine, made.run_id)

    with transaction(engine, "test.release") as connection:
        assert sorted(runs.release(connection, made.run_id)) == ids
    assert rows(engine, "SELECT held_at, held_reason FROM runs") == [{"held_at": None, "held_reason": None}]
    assert all(lease(engine, item_id, lease_s=30) is not None for item_id in ids)
    with pytest.raises(RefusedError, match="not held"), transaction(engine, "test.release") as connection:
        runs.release(connection, made.run_id)


def test_a_plan_without_work_has_nothing_to_hold(engine: Engine) -> None:
    made = plan(engine, spec(planner=always(hold="five times the usual sum")))
    assert made is not None
    assert made.held is None
    assert not run_open(engine, made.run_id)


def test_a_release_of_one_run_lets_no_other_go(engine: Engine) -> None:
    first, second = (plan(engine, spec(planner=always(*items(1), hold="too much"))) for _ in range(2))
    assert first is not None
    assert second is not None
    with transaction(engine, "test.release") as connection:
        released = runs.release(connection, first.run_id)
    assert [item_row(engine, item_id)["run_id"] for item_id in released] == [first.run_id]
    assert rows(engine, "SELECT id FROM runs WHERE held_at IS NOT NULL") == [{"id": second.run_id}]


def test_a_list_is_cut_into_items(engine: Engine) -> None:
    cut = in_items([5, 6, 7, 8, 9], size=2, claims=None, prefix="charges")
    assert [(one.key, list(one.ids)) for one in cut] == [
        ("charges:5", [5, 6]),
        ("charges:7", [7, 8]),
        ("charges:9", [9]),
    ]
    made = plan(engine, spec(planner=nothing))
    assert made is not None
    with transaction(engine, "test.insert") as connection:
        assert len(insert_items(connection, cut, run_id=made.run_id, job="renew")) == 3


def test_hours_that_daylight_saving_doubles_or_skips_are_refused() -> None:
    for hour in (0, 2, 3):
        with pytest.raises(AssertionError, match="clocks jump"):
            spec(daily_at=time(hour, 59))
    assert spec(daily_at=time(4)).daily_at == time(4)
