"""Faults on demand: what the network and Stripe itself may do to an answer.

A fault is armed through the control plane, waits for its n-th fitting request, strikes and is spent. A new
kind is one more entry of `KINDS`: a function that is given the fault, the transport and the answer that the
execution left, and gives the answer to send. Those that strike before the execution need `Call` only: they
become a second table, asked one line earlier in the server; those that strike at random need one more member
of `Fault.fits`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.emulator.idempotency import Answer

MAX_STALL_S = 600.0


@dataclass(slots=True)
class Where:
    """What a fault may select a request by."""

    endpoint: str
    customer: str | None
    metadata: dict[str, str]


@dataclass(slots=True)
class Fault:
    """An armed fault.

    Args:
        kind: a name in KINDS.
        endpoint: strikes only requests of this class; None for any.
        customer: strikes only requests about this customer; None for any.
        metadata: strikes only requests about objects that carry all of these.
        nth: the first fitting request that is struck, from 1, counted since it was armed.
        times: how many fitting requests are struck in a row.
        seconds: how long, for kinds that take time.
    """

    kind: str
    endpoint: str | None = None
    customer: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    nth: int = 1
    times: int = 1
    seconds: float = 30.0
    seen: int = 0
    struck: int = 0

    def fits(self, where: Where) -> bool:
        """Whether the fault looks at this request at all."""
        return (
            self.endpoint in {None, where.endpoint}
            and self.customer in {None, where.customer}
            and self.metadata.items() <= where.metadata.items()
        )

    def shown(self) -> dict[str, Any]:
        """The fault as JSON."""
        return {
            "kind": self.kind,
            "endpoint": self.endpoint,
            "customer": self.customer,
            "metadata": self.metadata,
            "nth": self.nth,
            "times": self.times,
            "seconds": self.seconds,
            "struck": self.struck,
        }


Act = Callable[[Fault, asyncio.BaseTransport | None, Answer], Awaitable[Answer]]


async def _stall(fault: Fault, _transport: asyncio.BaseTransport | None, answer: Answer) -> Answer:
    await asyncio.sleep(fault.seconds)
    return answer


async def _drop(_fault: Fault, transport: asyncio.BaseTransport | None, answer: Answer) -> Answer:
    if transport is not None:
        transport.close()
    return answer


KINDS: dict[str, Act] = {"stall": _stall, "drop_after_execution": _drop}


class Faults:
    """The armed faults."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(self, given: dict[str, Any]) -> Fault:
        """Arm a fault as given in JSON. Raises ValueError when it makes no sense."""
        unknown = set(given) - {"kind", "endpoint", "customer", "metadata", "nth", "times", "seconds"}
        if unknown:
            raise ValueError(f"unknown members of a fault: {', '.join(sorted(unknown))}")
        if given.get("kind") not in KINDS:
            raise ValueError(f"unknown kind of fault; there are {', '.join(KINDS)}")
        fault = Fault(**given)
        if fault.nth < 1 or fault.times < 1 or not 0 <= fault.seconds <= MAX_STALL_S:
            raise ValueError(f"nth and times start at 1, seconds lie between 0 and {MAX_STALL_S:.0f}")
        self.armed.append(fault)
        return fault

    def strike(self, where: Where) -> Fault | None:
        """The fault that this request meets, if any; every fitting one counts the request."""
        met = None
        for fault in self.armed:
            if not fault.fits(where):
                continue
            fault.seen += 1
            if met is None and fault.nth <= fault.seen < fault.nth + fault.times:
                fault.struck += 1
                met = fault
        return met
