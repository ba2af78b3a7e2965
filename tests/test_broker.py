"""The doorbell: what is in the broker, and real worker processes that hear it, beat, and end as they should."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.queue.specs import always, item_row, items, plan, spec
from tests.support.builders import rows, size
from tests.support.servers import own_database
from tests.support.waiting import wait_until
from tests.support.workers import Started, children, environment, kill_at_once, lives, started, worker_command
from worker.broker import QUEUE, RedisBell, is_ring, make_broker, redis_client
from worker.clock import monotonic_s
from worker.errors import SettingsError, UnreachableError
from worker.queue.dispatch import sweep
from worker.queue.heartbeats import ALIVE_S, alive

HEARD = "heard"
IDLE_LATENCY_S = 0.5
JOB = "issue_invoices"
"""A job that has nothing to do for rows that are not there."""


@pytest.fixture
def bell(redis_url: str) -> Iterator[RedisBell]:
    """The bell that the worker hears."""
    with ringing(redis_url, HEARD) as made:
        yield made


@contextmanager
def ringing(url: str, namespace: str) -> Iterator[RedisBell]:
    made = RedisBell(make_broker(url, namespace=namespace))
    yield made
    made.broker.close()
    made.broker.client.close()


@pytest.fixture(scope="module")
def worker(_engine: Engine, _redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A master with two worker processes, ready, for the tests that leave it alive."""
    log = tmp_path_factory.mktemp("worker") / "log"
    settings = environment(_engine, _redis_url, REDIS_NAMESPACE=HEARD)
    with started(worker_command(processes=2), settings=settings, log=log) as one:
        wait_until(lambda: one.said.count("ready for action") == 2)
        yield one
        assert one.ask_to_end() == 0


def ring_for(engine: Engine, bell: RedisBell, count: int = 1) -> list[int]:
    """Plan items and ring for them once."""
    made = plan(engine, spec(JOB, always(*items(count))))
    assert made is not None
    assert sweep(engine, bell, threads=100, items=made.items) == count
    return list(made.items)


def living(engine: Engine) -> int:
    with engine.begin() as connection:
        return alive(connection, "worker")


def test_the_broker_rings_and_does_nothing_else(bell: RedisBell) -> None:
    """Retries, callbacks and pipelines would enqueue outside of our transactions."""
    assert [type(one).__name__ for one in bell.broker.middleware] == ["AgeLimit", "ShutdownNotifications"]
    assert bell.broker.get_declared_queues() == {QUEUE}
    assert bell.broker.get_declared_delay_queues() == {f"{QUEUE}.DQ"}


def test_a_ring_is_one_message_that_holds_the_items_id(redis_url: str) -> None:
    with ringing(redis_url, "unheard") as bell:
        bell.ring(job="renew", item_id=42)
        consumer = bell.broker.consume(QUEUE, timeout=100)
        message = next(consumer)
        assert message is not None
        assert (message.actor_name, message.queue_name, message.args, message.kwargs) == ("renew", QUEUE, (42,), {})
        consumer.ack(message)
        assert next(consumer) is None
        consumer.close()


def test_a_bell_without_a_wire_says_so() -> None:
    away = RedisBell(make_broker("redis://127.0.0.1:1/0", namespace="odnowa"))  # connects to nothing yet
    with pytest.raises(UnreachableError, match="Redis does not take messages"):
        away.ring(job="renew", item_id=1)


@pytest.mark.parametrize("url", ["", "nonsense", "http://localhost", "redis://localhost:port/0"])
def test_an_address_that_is_not_rediss_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL"):
        redis_client(url)


@pytest.mark.usefixtures("worker")
def test_items_are_executed_after_a_sweep(engine: Engine, bell: RedisBell) -> None:
    ids = ring_for(engine, bell, 20)
    wait_until(lambda: all(item_row(engine, item_id)["state"] == "done" for item_id in ids))
    assert rows(engine, "SELECT 1 FROM work_items WHERE attempts > 0") == []
    assert size(engine, "runs") == 1
    assert rows(engine, "SELECT finished_at IS NULL AS open FROM runs") == [{"open": False}]


@pytest.mark.usefixtures("worker")
def test_an_idle_worker_starts_at_once(engine: Engine, bell: RedisBell) -> None:
    def latency_s() -> float:
        item_id = ring_for(engine, bell)[0]
        rung_at = monotonic_s()
        wait_until(lambda: item_row(engine, item_id)["state"] == "done")
        return monotonic_s() - rung_at

    quickest_first = sorted(latency_s() for _ in range(6))
    assert quickest_first[-2] < IDLE_LATENCY_S  # one may meet a busy machine


@pytest.mark.usefixtures("worker")
def test_a_job_that_nobody_knows_harms_nobody(engine: Engine, bell: RedisBell) -> None:
    bell.ring(job="no_such_job", item_id=1)
    bell.ring(job=JOB, item_id=10**9)
    ids = ring_for(engine, bell, 2)
    wait_until(lambda: all(item_row(engine, item_id)["state"] == "done" for item_id in ids))


def message(**changes: object) -> dict[str, object]:
    """A ring as Dramatiq would write it, but for the changes."""
    sound: dict[str, object] = {
        "queue_name": QUEUE,
        "actor_name": JOB,
        "args": [1],
        "kwargs": {},
        "options": {"redis_message_id": "r-1"},
        "message_id": "m-1",
        "message_timestamp": 1_700_000_000_000,
    }
    return {name: value for name, value in {**sound, **changes}.items() if value is not ...}


CHANGES: dict[str, dict[str, object]] = {
    "no actor": {"actor_name": ...},
    "an actor of the wrong type": {"actor_name": 7},
    "an actor that is a path": {"actor_name": "../../etc"},
    "an actor with a long name": {"actor_name": "a" * 101},
    "a foreign queue": {"queue_name": "default"},
    "a queue of the wrong type": {"queue_name": None},
    "no arguments": {"args": []},
    "two arguments": {"args": [1, 2]},
    "an argument that is text": {"args": ["1"]},
    "an argument that is a switch": {"args": [True]},
    "half an item": {"args": [1.5]},
    "no item": {"args": [None]},
    "item 0": {"args": [0]},
    "a negative item": {"args": [-1]},
    "an item above all": {"args": [2**63]},
    "an item in a list": {"args": [[1]]},
    "arguments that are text": {"args": "1"},
    "arguments that are an object": {"args": {"item_id": 1}},
    "arguments by name": {"kwargs": {"item_id": 1}},
    "names that are a list": {"kwargs": []},
    "no options": {"options": ...},
    "options that are none": {"options": None},
    "options without an id": {"options": {}},
    "an id of the wrong type": {"options": {"redis_message_id": 1}},
    "an option of ours": {"options": {"redis_message_id": "r", "max_age": "soon"}},
    "an option that calls another": {"options": {"redis_message_id": "r", "pipe_target": {"actor": "x"}}},
    "no message id": {"message_id": ...},
    "a message id of the wrong type": {"message_id": ["m"]},
    "no time": {"message_timestamp": ...},
    "a time in words": {"message_timestamp": "yesterday"},
    "more than a message has": {"reply_to": "x"},
    "more than a message weighs": {"message_id": "m" * 5_000_000},
}
NO_RINGS: dict[str, bytes] = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "no JSON": b"{",
    "a pickle": b"\x80\x04\x95\x1b.",
    "nested too deep": b"[" * 1_900,
    "a number": b"1",
    "a list": b"[1, 2]",
    "nothing in JSON": b"null",
    "an empty object": b"{}",
    "a foreign object": b'{"task": "celery.ping", "id": "1"}',
    "not a number": b'{"args": [NaN]}',
    **{name: json.dumps(message(**changes)).encode() for name, changes in CHANGES.items()},
}


def test_a_ring_is_told_from_what_is_none(redis_url: str) -> None:
    with ringing(redis_url, "unheard") as bell:
        bell.ring(job="renew", item_id=2**63 - 1)
        (data,) = bell.broker.client.hvals(f"unheard:{QUEUE}.msgs")
        assert is_ring(data)
        bell.broker.flush(QUEUE)
    assert is_ring(json.dumps(message()).encode())
    assert [name for name, data in NO_RINGS.items() if is_ring(data)] == []


def test_what_is_no_ring_between_rings_keeps_nobody_from_work(engine: Engine, bell: RedisBell, worker: Started) -> None:
    """All of it at once, each between two good ones; nothing of it stays in Redis, and nothing is tried for it."""
    before = worker.said.count("Restarting consumer") + worker.said.count("Traceback")
    client, queue = bell.broker.client, f"{HEARD}:{QUEUE}"
    ids: list[int] = []
    for n, data in enumerate(NO_RINGS.values()):
        if n % 4 == 0:
            ids += ring_for(engine, bell)
        client.hset(f"{queue}.msgs", f"bad-{n}", data)
        client.rpush(queue, f"bad-{n}")
    client.rpush(queue, "an id without a message", b"\xff\x00")
    ids += ring_for(engine, bell, 3)
    wait_until(lambda: all(item_row(engine, item_id)["state"] == "done" for item_id in ids))
    wait_until(lambda: client.hlen(f"{queue}.msgs") == 0)
    assert client.llen(queue) == 0
    assert worker.said.count("messages_refused") >= 1
    assert worker.said.count("Restarting consumer") + worker.said.count("Traceback") == before
    assert "m" * 1000 not in worker.said


@pytest.mark.usefixtures("worker")
def test_work_that_fails_is_in_the_database_and_not_in_the_broker(engine: Engine, bell: RedisBell) -> None:
    made = plan(engine, spec(JOB, always(*items(1))))
    assert made is not None
    with engine.begin() as connection:  # ids that no job can read
        connection.execute(text('UPDATE work_items SET payload = \'{"ids": ["x"]}\''))
    assert sweep(engine, bell, threads=1) == 1
    wait_until(lambda: item_row(engine, made.items[0])["attempts"] == 1)
    row = item_row(engine, made.items[0])
    assert (row["state"], row["lease_token"]) == ("ready", None)
    assert row["last_error"]
    assert "Traceback" in str(row["last_traceback"])


def test_beats_come_with_the_processes_and_end_with_a_master_that_is_killed(
    engine: Engine, redis_url: str, tmp_path: Path
) -> None:
    settings = environment(engine, redis_url, REDIS_NAMESPACE="orphans")
    with started(worker_command(processes=2), settings=settings, log=tmp_path / "log") as one:
        wait_until(lambda: one.said.count("ready for action") == 2)
        workers = children(one.process.pid)
        wait_until(lambda: len(beating(engine, workers)) == 2)
        assert living(engine) >= 2
        kill_at_once(one.process.pid)
        one.process.wait(10)
        wait_until(lambda: not any(lives(pid) for pid in workers))
        beats = beating(engine, workers)
    with engine.begin() as connection:  # some time later
        connection.execute(
            text("UPDATE heartbeats SET beat_at = beat_at - make_interval(secs => :s)"), {"s": ALIVE_S + 1}
        )
        assert alive(connection, "worker") == 0
    assert set(beating(engine, workers)) == set(beats)


def test_workers_whose_master_is_killed_while_they_start_end_as_well(
    engine: Engine, redis_url: str, tmp_path: Path
) -> None:
    settings = environment(engine, redis_url, REDIS_NAMESPACE="unborn")
    with started(worker_command(processes=2), settings=settings, log=tmp_path / "log") as one:
        wait_until(lambda: len(children(one.process.pid)) == 2)
        workers = children(one.process.pid)
        kill_at_once(one.process.pid)
        one.process.wait(10)
        assert "ready for action" not in one.said, "they had not booted"
        wait_until(lambda: not any(lives(pid) for pid in workers))
    assert beating(engine, workers) == []


def test_workers_whose_master_is_killed_while_the_database_is_silent_end_as_well(
    engine: Engine, redis_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ExitStack() as ended:
        address = f"postgresql://odnowa@127.0.0.1:{silent.getsockname()[1]}/odnowa"
        settings = environment(engine, redis_url, DATABASE_URL=address)
        one = ended.enter_context(started(worker_command(processes=2), settings=settings, log=tmp_path / "log"))
        for _ in range(2):  # both wait for its first word
            ended.enter_context(silent.accept()[0])
        workers = children(one.process.pid)
        kill_at_once(one.process.pid)
        one.process.wait(10)
        wait_until(lambda: not any(lives(pid) for pid in workers), limit_s=3)


def beating(engine: Engine, pids: set[int]) -> list[str]:
    """The names under which these processes beat."""
    found = rows(engine, "SELECT process FROM heartbeats WHERE kind = 'worker'")
    return [row["process"] for row in found if int(row["process"].rpartition(":")[2]) in pids]


def test_what_cannot_work_ends_with_one_line(
    engine: Engine, postgres_server: str, redis_url: str, tmp_path: Path
) -> None:
    with own_database(postgres_server, f"odnowa_worker_{os.getpid()}") as url, ExitStack() as ended:
        bare = create_engine(url)
        ended.callback(bare.dispose)
        cases = [
            (environment(bare, redis_url), "run `odnowa db upgrade`"),
            (environment(engine, redis_url, LEASE_S="soon", WORKER_THREADS="0"), "LEASE_S: "),
        ]
        running = [
            ended.enter_context(started(worker_command(), settings=settings, log=tmp_path / str(n)))
            for n, (settings, _) in enumerate(cases)
        ]
        codes = [one.process.wait(30) for one in running]
        said = [one.said for one in running]
    assert all(code != 0 for code in codes)
    for text_of, (_, reason) in zip(said, cases, strict=True):
        assert "Traceback" not in text_of, text_of
        ours = [line for line in text_of.splitlines() if "[dramatiq." not in line and line.strip()]
        assert len(ours) == 1, text_of
        assert ours[0].startswith("worker: "), text_of
        assert reason in ours[0], text_of
