"""What Redis must be like to ring with: reachable, and never throwing a message away to make room."""

import redis

from worker import boundary
from worker.broker import redis_client
from worker.errors import UnreachableError

WANTED_POLICY = "noeviction"


def memory_policy(url: str) -> str:
    """What Redis does when its memory is full; anything but `noeviction` may lose rings and slots.

    Raises:
        SettingsError: the address is none.
        UnreachableError: it does not answer, or turns us away.
    """
    client = redis_client(url)
    try:
        with boundary.call("redis.ping"):
            said = client.info("memory")
    except (redis.RedisError, OSError) as error:
        raise UnreachableError(f"Redis does not answer: {type(error).__name__}: {error}") from error
    finally:
        client.close()
    assert isinstance(said, dict), "the synchronous client answers with what it read"
    return str(said.get("maxmemory_policy", "unknown"))


def ping(client: redis.Redis) -> None:
    """Pass if Redis answers. Raises UnreachableError."""
    try:
        with boundary.call("redis.ping"):
            client.ping()
    except (redis.RedisError, OSError) as error:
        raise UnreachableError(f"Redis does not answer: {type(error).__name__}") from error
