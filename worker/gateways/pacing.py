"""Slots for calls to the provider, reserved ahead for a whole micro-batch and shared by all workers.

The provider allows so many calls per second and endpoint. One number per endpoint in Redis, the time of its next
free slot, gives every call a place on one line; while Redis is away each process keeps to its own share.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import redis

from worker import boundary, meters
from worker.clock import monotonic_s

_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local first = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
redis.call('SET', KEYS[1], string.format('%d', first + ARGV[1] * ARGV[2]), 'PX', 600000)
return {now, first}
"""

LATE_S = 0.07
"""A call later than this has lost its slot and takes a new one, so that a stalled process never sends a burst."""


class SlotSource(Protocol):
    """A pacer."""

    def reserve(self, endpoint: str, count: int) -> list[float]:
        """Slots on the monotonic clock."""
        ...


@dataclass
class Pacer:
    """Gives slots.

    Args:
        client: Redis, None for a process on its own.
        per_second: calls per second and endpoint, of all workers together.
        sharers: processes that share the pace while Redis is away.
        namespace: prefix of the keys.
    """

    client: redis.Redis | None
    per_second: float
    sharers: int = 1
    namespace: str = "odnowa"
    _next_slot: dict[str, float] = field(default_factory=dict)
    _offset_s: float = -math.inf
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, endpoint: str, count: int) -> list[float]:
        """`count` slots on the process's monotonic clock, in seconds, one interval apart."""
        interval = 1 / self.per_second
        first = self._shared(endpoint, count, math.ceil(interval * 1_000_000))
        meters.count(meters.SLOTS, endpoint, "alone" if first is None else "shared", by=count)
        if first is None:
            return self._alone(endpoint, count, interval * self.sharers)
        with self._guard:  # should Redis go away now, our own share begins after what we hold
            self._next_slot[endpoint] = max(first + count * interval, self._next_slot.get(endpoint, 0.0))
        meters.observe(meters.PACE_WAITS, endpoint, seconds=max(first - monotonic_s(), 0.0))
        return [first + n * interval for n in range(count)]

    def _shared(self, endpoint: str, count: int, interval_us: int) -> float | None:
        """The first slot on the shared line, on our clock; None while Redis is away."""
        if self.client is None:
            return None
        key = f"{self.namespace}:pace:{endpoint}"
        before = monotonic_s()
        try:
            with boundary.call("redis.pace"):
                now_us, first_us = self.client.eval(_RESERVE, 1, key, count, interval_us)
        except redis.RedisError:
            return None
        earliest, latest = before - now_us / 1_000_000, monotonic_s() - now_us / 1_000_000
        with self._guard:
            # Redis read its clock between the two; keeping the offset that fits lets no slow answer move a slot
            self._offset_s = min(max(self._offset_s, earliest), latest)
            return self._offset_s + int(first_us) / 1_000_000

    def _alone(self, endpoint: str, count: int, interval: float) -> list[float]:
        with self._guard:
            first = max(monotonic_s(), self._next_slot.get(endpoint, 0.0))
            self._next_slot[endpoint] = first + count * interval
        return [first + n * interval for n in range(count)]


@dataclass
class Unpaced:
    """No limits at all, for a provider that has none; the bench says so when it uses this."""

    _now: Callable[[], float] = monotonic_s

    def reserve(self, endpoint: str, count: int) -> list[float]:
        """Slots that are all now."""
        del endpoint
        return [self._now()] * count
