"""The payment gateway over a running emulator, with words for what its tests ask for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.request import Request, urlopen

from worker.clock import monotonic_s
from worker.gateways.pacing import Unpaced
from worker.gateways.stripe import Answer, AnswerKind, ConfirmRequest, IntentRequest, StripeGateway
from worker.sandbox.emulated import Emulated

API_KEY = "sk_test_emulator"


@dataclass
class ScriptedSlots:
    """Slots relative to now, in seconds, one list per reservation; then all are now."""

    offsets: list[list[float]]
    reserved: list[tuple[str, int]] = field(default_factory=list)

    def reserve(self, endpoint: str, count: int) -> list[float]:
        self.reserved.append((endpoint, count))
        offsets = self.offsets.pop(0) if self.offsets else [0.0] * count
        return [monotonic_s() + one for one in offsets]


@dataclass
class Till:
    """A gateway of its own threads, beside the control plane of the emulator it speaks to."""

    emulator: Emulated
    gateway: StripeGateway
    _numbers: Iterator[int] = field(default_factory=count)

    def name(self, prefix: str) -> str:
        """Something new."""
        return f"{prefix}_{next(self._numbers)}"

    def payer(self, *script: str) -> tuple[str, str]:
        """A new customer and method, whose confirmations come to `script`."""
        customer, method = self.name("cus"), self.name("pm")
        seeded = {"id": method, "customer": customer, "type": "card", "script": list(script or ("ok",))}
        self.emulator.seed([{"id": customer}], [seeded])
        return customer, method

    def wish(self, customer: str, *, amount_minor: int = 5700, key: str | None = None) -> IntentRequest:
        """A PaymentIntent to create."""
        return IntentRequest(key or self.name("create"), amount_minor, "EUR", customer, {"charge": "7"})

    def created(self, customer: str) -> str:
        """The id of a new PaymentIntent."""
        answer = self.gateway.create([self.wish(customer)])[0]
        assert (answer.kind, answer.amount_minor, answer.currency) == (AnswerKind.WAITING, 5700, "EUR")
        assert answer.intent is not None
        return answer.intent

    def attempt(self, intent: str, method: str, *, key: str | None = None) -> ConfirmRequest:
        """A confirmation with the method."""
        return ConfirmRequest(key or self.name("confirm"), intent, {"payment_method": method, "off_session": True})

    def confirmed(self, *script: str) -> tuple[str, Answer]:
        """A new PaymentIntent, and the answer to its first confirmation."""
        customer, method = self.payer(*script)
        intent = self.created(customer)
        return intent, self.gateway.confirm([self.attempt(intent, method)])[0]

    def asked(self, endpoint: str) -> int:
        """How many requests arrived at a class of endpoints since the statistics were reset."""
        found = self.emulator.statistics()["endpoints"].get(endpoint, {"requests": 0})
        return int(found["requests"])

    def charges(self, intent: str) -> list[dict[str, Any]]:
        """What the journal holds of a PaymentIntent."""
        return [one for one in self.emulator.journal() if one["payment_intent"] == intent]

    def attempts(self, intent: str) -> list[dict[str, Any]]:
        """The confirmations of a PaymentIntent that were executed."""
        return [one for one in self.emulator.attempts() if one["payment_intent"] == intent]

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        """Raw events of one type, newest first."""
        url = f"{self.emulator.url}/v1/events?type={kind}&limit=100"
        request = Request(url, headers={"Authorization": f"Bearer {API_KEY}"})  # noqa: S310 - loopback
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            events: list[dict[str, Any]] = json.loads(answer.read())["data"]
        return events

    def with_gateway(self, **how: Any) -> "Till":
        """The same emulator seen by another gateway."""
        return Till(self.emulator, replace(self.gateway, **how), self._numbers)


def open_till(url: str, *, timeout_s: float = 5) -> Till:
    """A till at a running emulator."""
    gateway = StripeGateway(API_KEY, url, timeout_s=timeout_s, connections=8, pacer=Unpaced())
    return Till(Emulated(url), gateway)
