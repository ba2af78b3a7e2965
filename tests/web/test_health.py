"""/livez and /readyz: bounded in time, told check by check, without secrets."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import create_engine
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.ops.workers import pretend_alive
from tests.support.house import House
from worker.broker import RedisBell, make_broker
from worker.runtime import Runtime
from worker.web import health
from worker.web.health import Examiner

CHECKS = ["database", "migrations", "redis", "scheduler", "worker", "oldest_item"]


def failing(runtime: Runtime) -> dict[str, str]:
    return {name: one.seen for name, one in Examiner(runtime).examine().items() if not one.ok}


@pytest.fixture
def living(house: House) -> House:
    """A house whose processes beat."""
    pretend_alive(house.engine, "worker")
    pretend_alive(house.engine, "scheduler")
    return house


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=health.routes(house.runtime))) as made:
        yield made


def test_a_living_house_is_ready(living: House, client: TestClient) -> None:
    del living
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert list(answer.json()["checks"]) == CHECKS
    assert client.get("/livez").text == "alive\n"


def test_without_processes_it_is_not_ready_and_says_which(house: House, client: TestClient) -> None:
    del house
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [name for name, one in answer.json()["checks"].items() if not one["ok"]] == ["scheduler", "worker"]
    assert client.get("/livez").status_code == 200, "the process itself lives"


def test_without_redis_it_is_not_ready_and_says_no_address(living: House) -> None:
    broker = make_broker("redis://:hunter2hunter2@127.0.0.1:9/0", namespace="nowhere")
    assert failing(replace(living.runtime, bell=RedisBell(broker))) == {"redis": "UnreachableError"}


def test_without_a_database_it_is_not_ready_and_says_no_address(living: House) -> None:
    away = create_engine("postgresql+psycopg://odnowa:hunter2hunter2@127.0.0.1:9/nowhere")
    found = failing(replace(living.runtime, engine=away))
    assert set(found) == {"database", "migrations", "scheduler", "worker", "oldest_item"}
    assert set(found.values()) == {"OperationalError", "UnreachableError"}


def test_a_server_that_hangs_holds_nobody_up(living: House, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(health, "_redis", lambda _: str(let_go.wait(20)))
    examiner = Examiner(living.runtime, within_s=0.2)
    try:
        first, second = examiner.examine(), examiner.examine()
    finally:
        let_go.set()
    assert {name for name, one in first.items() if not one.ok} == {"redis"}
    assert first["redis"].seen == health.NO_ANSWER
    assert second["database"].ok, "the next look finds threads that are free"


def test_an_item_that_nobody_takes_makes_it_unready(living: House) -> None:
    living.plan("renew")
    living.plan("audit")
    with living.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE work_items SET not_before = now() - interval '20 minutes', created_at = now() - interval '1 day'"
        )
    assert failing(living.runtime) == {"oldest_item": "the oldest item has been due for 1200 s"}
    with living.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE work_items SET not_before = 'infinity'")
    assert failing(living.runtime) == {}, "what waits for an operator is not late"


def test_a_database_behind_the_code_is_not_ready(living: House) -> None:
    with living.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    try:
        assert failing(living.runtime) == {"migrations": "UnmigratedError"}
    finally:
        from worker.store.migrations import head_revision

        with living.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = %s", (head_revision(),))
