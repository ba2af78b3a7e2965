"""The Dramatiq broker: a doorbell. What it loses, doubles or delays is rung again from PostgreSQL.

Without Retries, Pipelines, Callbacks and GroupCallbacks: retries, back-off, the dead state and every date live in
SQL, and those four would enqueue outside its transactions. Without Prometheus, which counts per process.
"""

import ctypes
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.middleware import AgeLimit, ShutdownNotifications
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.errors import SettingsError, UnreachableError

log = structlog.get_logger("broker")

QUEUE = "odnowa"
MESSAGE_BYTES_MAX = 2_000
"""A ring has about 250."""
ITEM_ID_MAX = 2**63 - 1
_NAME_MAX = 100
MESSAGE_AGE_MS = 10 * 60 * 1000
"""A message older than this was rung for again long ago."""
HEARTBEAT_TIMEOUT_MS = 15_000
"""A dead worker's unacknowledged messages come back after this; leases do not wait for it."""
PR_SET_PDEATHSIG = 1


def is_ring(data: object, queue: str = QUEUE) -> bool:
    """Whether bytes out of Redis are a message that rings for one item, and nothing besides.

    Anything else would make Dramatiq stumble: what cannot be decoded ends the consumer for three seconds, a foreign
    queue's name ends a thread for good, and wrong arguments are written to the log as they are.
    """
    if not isinstance(data, bytes) or len(data) > MESSAGE_BYTES_MAX:
        return False
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return False
    match message:
        case {
            "queue_name": said,
            "actor_name": str(job),
            "args": [int(item)],
            "kwargs": dict(kwargs),
            "options": {"redis_message_id": str(), **more},
            "message_id": str(),
            "message_timestamp": int(),
            **others,
        }:
            sound = job.isidentifier() and len(job) <= _NAME_MAX and 1 <= item <= ITEM_ID_MAX
            return sound and said == queue == QUEUE and type(item) is int and not (kwargs or more or others)
    return False


class RingConsumer(_RedisConsumer):
    """Hands on rings and throws away all else before Dramatiq looks into it."""

    @property
    def message_cache(self) -> list[bytes]:
        """What was fetched and not handed on yet."""
        return self._fetched

    @message_cache.setter
    def message_cache(self, fetched: Sequence[object]) -> None:
        self._fetched = [data for data in fetched if isinstance(data, bytes) and is_ring(data, self.queue_name)]
        if len(self._fetched) < len(fetched):
            log.warning("messages_refused", queue=self.queue_name, count=len(fetched) - len(self._fetched))
            self._forget_what_is_no_ring()

    def _forget_what_is_no_ring(self) -> None:
        """Out of Redis with it, or the next worker would be given it again; its id is known to Redis only."""
        client, full = self.broker.client, f"{self.broker.namespace}:{self.queue_name}"
        taken = f"{self.broker.namespace}:__acks__.{self.broker.broker_id}.{self.queue_name}"
        for one in client.smembers(taken):
            if not is_ring(client.hget(f"{full}.msgs", one), self.queue_name):
                client.srem(taken, one)
                client.hdel(f"{full}.msgs", one)


class RingBroker(RedisBroker):
    """The broker whose consumers take nothing but rings."""

    @property
    def consumer_class(self) -> type[RingConsumer]:
        """What Dramatiq makes for each queue."""
        return RingConsumer


def die_with_master() -> None:
    """Ask the kernel for a SIGKILL when the master goes, and go at once if it is gone already; nothing elsewhere.

    An orphan would go on consuming, or wait for ever for a lock of its start that the master held.
    """
    master = multiprocessing.parent_process()
    if sys.platform != "linux" or master is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # in a container the master itself may be process 1, so it is asked for by its number
    if os.getppid() != master.pid:
        os._exit(1)


def redis_client(url: str) -> redis.Redis:
    """A client with timeouts and no hidden retries. Raises SettingsError when the address is none."""
    try:
        return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))
    except ValueError as error:
        raise SettingsError("REDIS_URL is not an address like redis://host:6379/0") from error


def make_broker(url: str, *, namespace: str) -> RedisBroker:
    """The broker; nothing is connected before the first message."""
    broker = RingBroker(  # type: ignore[no-untyped-call]  # its __init__ lacks annotations
        client=redis_client(url),
        namespace=namespace,
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=1_000_000,
        middleware=[
            AgeLimit(max_age=MESSAGE_AGE_MS),  # old rings are dropped instead of looked up
            ShutdownNotifications(notify_shutdown=True),  # a long batch ends at SIGTERM instead of at the kill
        ],
    )
    broker.declare_queue(QUEUE)
    return broker


@dataclass(frozen=True, slots=True)
class RedisBell:
    """Rings workers through Dramatiq: the message is the item's id, nothing else."""

    broker: RedisBroker

    def ring(self, *, job: str, item_id: int) -> None:
        """Send one message. Raises UnreachableError while Redis is away."""
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=QUEUE, actor_name=job, args=(item_id,), kwargs={}, options={}
        )
        try:
            self.broker.enqueue(message)
        except (redis.RedisError, dramatiq.errors.BrokerConnectionError, OSError) as error:
            raise UnreachableError(f"Redis does not take messages: {type(error).__name__}") from error
