"""The Dramatiq broker: a doorbell. What it loses, doubles or delays is rung again from PostgreSQL.

Without Retries, Pipelines, Callbacks and GroupCallbacks: retries, back-off, the dead state and every date live in
SQL, and those four would enqueue outside its transactions. Without Prometheus, which counts per process.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Middleware, ShutdownNotifications
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.errors import SettingsError, UnreachableError

QUEUE = "odnowa"
MESSAGE_AGE_MS = 10 * 60 * 1000
"""A message older than this was rung for again long ago."""
HEARTBEAT_TIMEOUT_MS = 15_000
"""A dead worker's unacknowledged messages come back after this; leases do not wait for it."""
PR_SET_PDEATHSIG = 1


class DieWithMaster(Middleware):
    """Worker processes end with their master even when it is killed: orphans would go on consuming."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        """Ask the kernel for a SIGKILL when the parent goes, and go at once if it is gone already."""
        del broker
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            master = multiprocessing.parent_process()
            # in a container the master itself may be process 1, so it is asked for by its number
            if master is not None and os.getppid() != master.pid:
                os._exit(1)


def redis_client(url: str) -> redis.Redis:
    """A client with timeouts and no hidden retries. Raises SettingsError when the address is none."""
    try:
        return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))
    except ValueError as error:
        raise SettingsError("REDIS_URL is not an address like redis://host:6379/0") from error


def make_broker(url: str, *, namespace: str) -> RedisBroker:
    """The broker; nothing is connected before the first message."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]  # its __init__ lacks annotations
        client=redis_client(url),
        namespace=namespace,
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=1_000_000,
        middleware=[
            AgeLimit(max_age=MESSAGE_AGE_MS),  # old rings are dropped instead of looked up
            ShutdownNotifications(notify_shutdown=True),  # a long batch ends at SIGTERM instead of at the kill
            DieWithMaster(),
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
