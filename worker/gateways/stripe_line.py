"""The line to the payment provider: one client, its connections, its threads, and turns for calls side by side.

The official client with its own retries off: the attempt table is the retry. Every call gets its slot from the
pacer and its own idempotency key, which the client would silently replace if it were empty, so it is asserted.
"""

import contextvars
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import requests
import stripe

from worker import boundary, meters
from worker.clock import monotonic_s, sleep_s
from worker.errors import ProviderRefusedError
from worker.gateways.pacing import LATE_S, SlotSource

METHOD_TYPES = ("card", "paypal")
"""R5: what may be paid with, and saved."""

Told = TypeVar("Told")


@dataclass(frozen=True)
class StripeLine:
    """The way to the provider for one process; its threads and connections are made at the first call, after any fork.

    Args:
        api_key: secret key.
        api_base: address of the API; the emulator's in rehearsals.
        timeout_s: longest silence on a socket.
        connections: calls at once.
        pacer: where slots come from.
    """

    api_key: str = field(repr=False)
    api_base: str
    timeout_s: float
    connections: int
    pacer: SlotSource

    @cached_property
    def _session(self) -> requests.Session:
        """One pool of connections for all threads, which `close` can close."""
        session = requests.Session()
        session.mount("http", requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=self.connections))
        return session

    @cached_property
    def _client(self) -> stripe.StripeClient:
        stripe.enable_telemetry = False
        return stripe.StripeClient(
            self.api_key,
            base_addresses={"api": self.api_base},
            http_client=stripe.RequestsClient(
                timeout=(min(5.0, self.timeout_s), self.timeout_s), session=self._session
            ),
            max_network_retries=0,
        )

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self.connections, thread_name_prefix="stripe")

    def close(self) -> None:
        """End the threads and close the connections; the gateway is not used after it."""
        self._pool.shutdown()
        with boundary.call("stripe.close"):
            self._session.close()

    def _side_by_side(self, name: str, calls: Sequence[Callable[[float], Told]]) -> list[Told]:
        """Run the calls side by side, each from its slot on, which it is told; the answers keep the order."""
        slots = self.pacer.reserve(name, len(calls))
        futures: list[Future[Told]] = []
        for slot, one in zip(slots, calls, strict=True):
            sleep_s(slot - monotonic_s())
            context = contextvars.copy_context()
            futures.append(self._pool.submit(context.run, one, slot))
        return [future.result() for future in futures]

    def _keep_turn(self, name: str, slot: float) -> None:
        """Go on at once in one's slot; whoever is late for it waits for a new one."""
        while monotonic_s() - slot > LATE_S and (later := self.pacer.reserve(name, 1)[0]) > monotonic_s():
            slot = later
            sleep_s(slot - monotonic_s())

    def _take_turn(self, name: str) -> None:
        """Wait for a slot."""
        sleep_s(self.pacer.reserve(name, 1)[0] - monotonic_s())


@contextmanager
def counted(name: str) -> Iterator[None]:
    """Count what a call came to whose answer is no `AnswerKind`: answered, rejected by the provider, or unknown."""
    outcome = "unknown"
    try:
        yield
        outcome = "answered"
    except (ProviderRefusedError, stripe.InvalidRequestError, stripe.IdempotencyError, stripe.CardError):
        outcome = "rejected"
        raise
    finally:
        meters.count(meters.ANSWERS, name, outcome)


def assert_key(key: str) -> None:
    """Fail on a key that the client would take for none."""
    assert isinstance(key, str), "an idempotency key is text"
    assert key, "without a key the client would make one up, and a repeat would charge again"
