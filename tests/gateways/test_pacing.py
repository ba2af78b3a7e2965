"""One line of slots for all workers: never too many in any second, and a safe share while Redis is away."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest
import redis

from tests.support.processes import CHECKOUT
from tests.support.waiting import wait_until
from worker.broker import redis_client
from worker.clock import monotonic_s
from worker.gateways.pacing import Pacer, Unpaced
from worker.sandbox.servers import PrivateRedis

LIMIT = 25
PER_SECOND = 23.8
INTERVAL = 1 / PER_SECOND
PROCESSES, THREADS, BATCHES = 2, 3, 8

# a worker: its threads reserve batches of many sizes as fast as they can, and tell their slots
_WORKER = """
import json, random, sys
from concurrent.futures import ThreadPoolExecutor
from worker.broker import redis_client
from worker.gateways.pacing import Pacer
pacer = Pacer(redis_client(sys.argv[1]), float(sys.argv[2]))
for _ in range(3):
    pacer.reserve("warming up", 1)
def work(seed):
    sizes = random.Random(seed)
    return [pacer.reserve("confirm", sizes.randint(1, 12)) for _ in range(int(sys.argv[4]))]
with ThreadPoolExecutor(int(sys.argv[3])) as pool:
    print(json.dumps([batch for of in pool.map(work, range(int(sys.argv[3]))) for batch in of]))
"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateRedis]:
    """A Redis that tests may stop."""
    with PrivateRedis() as server:
        yield server


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    made = redis_client(redis_url)
    yield made
    made.close()


def paced(client: redis.Redis, per_second: float = PER_SECOND, *, sharers: int = 1) -> Pacer:
    """A pacer that has seen Redis's clock a few times, so that its slots are exact to the quickest answer."""
    pacer = Pacer(client, per_second, sharers=sharers)
    for _ in range(3):
        pacer.reserve("warming up", 1)
    return pacer


def steps(slots: list[float]) -> list[float]:
    """The seconds from each slot to the next."""
    return [later - earlier for earlier, later in pairwise(slots)]


def busiest_second(slots: list[float]) -> int:
    """The most slots that any window of one second holds."""
    ordered, first, most = sorted(slots), 0, 0
    for last, slot in enumerate(ordered):
        while slot - ordered[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_the_measure_itself_counts_any_window() -> None:
    assert busiest_second([0, 0.5, 0.99, 1.0, 1.49]) == 4
    assert busiest_second([]) == 0


def test_workers_together_never_exceed_the_limit_in_any_second(redis_url: str) -> None:
    command = [sys.executable, "-c", _WORKER, redis_url, str(PER_SECOND), str(THREADS), str(BATCHES)]
    workers = [subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE) for _ in range(PROCESSES)]
    batches: list[list[float]] = []
    for worker in workers:
        said, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        batches += json.loads(said)
    assert len(batches) == PROCESSES * THREADS * BATCHES
    slots = [slot for batch in batches for slot in batch]
    assert busiest_second(slots) <= LIMIT
    # nothing is given away either: a line without holes
    assert max(slots) - min(slots) < len(slots) * INTERVAL * 1.05 + 1
    assert batches_stand_alone(batches)


def batches_stand_alone(batches: list[list[float]]) -> bool:
    """Whether each batch has its stretch of the line to itself."""
    ordered = sorted(batches)
    return all(one[-1] < other[0] for one, other in pairwise(ordered))


def test_a_batch_is_reserved_as_a_whole(client: redis.Redis) -> None:
    pacer = paced(client)
    before = monotonic_s()
    first, second = pacer.reserve("confirm", 25), pacer.reserve("confirm", 25)
    assert before <= first[0] <= monotonic_s()
    for batch in (first, second):
        assert steps(batch) == pytest.approx([INTERVAL] * 24)
    assert second[0] - first[-1] == pytest.approx(INTERVAL, abs=0.01)
    assert pacer.reserve("confirm", 0) == []


def test_each_endpoint_and_each_namespace_has_its_own_line(client: redis.Redis) -> None:
    pacer = paced(client)
    pacer.reserve("confirm", 100)
    for other in (pacer.reserve("create", 1), Pacer(client, PER_SECOND, namespace="other").reserve("confirm", 1)):
        assert other[0] <= monotonic_s()
    assert pacer.reserve("confirm", 1)[0] > monotonic_s() + 3


def test_an_idle_line_saves_nothing_up(client: redis.Redis) -> None:
    pacer = paced(client, 1000)
    last = pacer.reserve("confirm", 1)[0]
    wait_until(lambda: monotonic_s() > last + 0.05)
    slots = pacer.reserve("confirm", 50)
    assert slots[0] > last + 0.05
    assert slots[-1] - slots[0] == pytest.approx(0.049, abs=0.002)


def test_without_redis_each_process_keeps_to_its_share() -> None:
    pacer = Pacer(None, PER_SECOND, sharers=2)
    slots = pacer.reserve("confirm", 20) + pacer.reserve("confirm", 20)
    assert steps(slots) == pytest.approx([2 * INTERVAL] * 39)
    other = Pacer(None, PER_SECOND, sharers=2).reserve("confirm", 40)
    assert busiest_second(slots + other) <= LIMIT + 1  # each share begins with a slot that is now


def test_redis_goes_away_and_comes_back(own_server: PrivateRedis) -> None:
    one, other = (paced(redis_client(own_server.url()), sharers=2) for _ in range(2))
    together = one.reserve("confirm", 10) + other.reserve("confirm", 10)
    assert busiest_second(together) <= LIMIT
    own_server.stop()
    try:
        alone = one.reserve("confirm", 10)
        assert steps(alone) == pytest.approx([2 * INTERVAL] * 9)
        # the share begins after what this process already holds
        assert alone[0] >= together[9] + INTERVAL * 0.99
        assert other.reserve("confirm", 1)[0] >= together[-1] + INTERVAL * 0.99
    finally:
        own_server.start()
    shared = one.reserve("confirm", 5) + other.reserve("confirm", 5)
    assert steps(shared) == pytest.approx([INTERVAL] * 9, abs=0.01)
    for pacer in (one, other):
        assert pacer.client is not None
        pacer.client.close()


def test_a_flushed_redis_begins_a_new_line(client: redis.Redis) -> None:
    pacer = paced(client)
    pacer.reserve("confirm", 200)
    client.flushdb()
    slots = pacer.reserve("confirm", 3)
    assert slots[0] <= monotonic_s()
    assert steps(slots) == pytest.approx([INTERVAL] * 2)


def test_no_limits_means_now() -> None:
    before = monotonic_s()
    assert all(before <= slot <= monotonic_s() for slot in Unpaced().reserve("confirm", 3))
