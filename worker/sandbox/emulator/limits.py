"""Rate limits as Stripe's, off until switched on, and counts of what arrived, second by second."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.emulator.clock import monotonic_s
from worker.sandbox.emulator.errors import LIMITED, ApiError

WINDOW_S = 1.0


@dataclass(slots=True)
class Bucket:
    """A token bucket that holds a second's worth of requests."""

    rate: float
    tokens: float
    at: float

    def refill(self, now: float) -> None:
        """Add what `now` has earned."""
        self.tokens = min(max(self.rate, 1.0), self.tokens + (now - self.at) * self.rate)
        self.at = now


@dataclass(slots=True)
class Count:
    """What arrived at one class of endpoint."""

    requests: int = 0
    limited: int = 0
    busiest: int = 0
    window: deque[float] = field(default_factory=deque)

    def arrive(self, now: float) -> None:
        """Count an arrival; the window holds exactly those of the last second."""
        self.requests += 1
        self.window.append(now)
        while now - self.window[0] >= WINDOW_S:
            self.window.popleft()
        self.busiest = max(self.busiest, len(self.window))

    def shown(self) -> dict[str, int]:
        """The counts as JSON."""
        return {"requests": self.requests, "limited": self.limited, "busiest_second": self.busiest}


class Limits:
    """Buckets and counts per class of endpoint and for all together. Real time, not the emulator's clock."""

    def __init__(self, *, per_endpoint: float | None = None, overall: float | None = None) -> None:
        self.reset()
        self.put(per_endpoint=per_endpoint, overall=overall)

    def put(self, *, per_endpoint: float | None, overall: float | None) -> None:
        """Set requests a second; None switches a limit off. Buckets start full."""
        self.per_endpoint = per_endpoint
        self.overall = overall
        self._buckets: dict[str, Bucket] = {}
        self._overall = None if overall is None else Bucket(overall, max(overall, 1.0), monotonic_s())

    def reset(self) -> None:
        """Forget all counts."""
        self._counts: dict[str, Count] = {}
        self._all = Count()

    def admit(self, endpoint: str) -> None:
        """Count a request; raise ApiError 429 when a bucket is empty, taking no token from the other."""
        now = monotonic_s()
        count = self._counts.get(endpoint)
        if count is None:
            count = self._counts[endpoint] = Count()
        count.arrive(now)
        self._all.arrive(now)
        reason = self._refusal(endpoint, now)
        if reason is not None:
            count.limited += 1
            self._all.limited += 1
            raise ApiError(
                LIMITED,
                "Request rate limit exceeded. Stripe's documentation tells more about rate limits.",
                code="rate_limit",
                started=False,
                headers={"Stripe-Rate-Limited-Reason": reason},
            )

    def shown(self) -> dict[str, Any]:
        """The counts as JSON."""
        endpoints = {name: count.shown() for name, count in sorted(self._counts.items())}
        return {"endpoints": endpoints, "all": self._all.shown()}

    def _refusal(self, endpoint: str, now: float) -> str | None:
        if self.per_endpoint is None and self._overall is None:
            return None
        own = self._bucket(endpoint, now)
        for bucket, reason in ((self._overall, "global-rate"), (own, "endpoint-rate")):
            if bucket is not None:
                bucket.refill(now)
                if bucket.tokens < 1.0:
                    return reason
        for bucket in (self._overall, own):
            if bucket is not None:
                bucket.tokens -= 1.0
        return None

    def _bucket(self, endpoint: str, now: float) -> Bucket | None:
        if self.per_endpoint is None:
            return None
        bucket = self._buckets.get(endpoint)
        if bucket is None:
            bucket = Bucket(self.per_endpoint, max(self.per_endpoint, 1.0), now)
            self._buckets[endpoint] = bucket
        return bucket
