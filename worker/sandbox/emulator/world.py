"""Everything the emulator knows: objects by id, lists over them, events, the clock, what is to come."""

import heapq
import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from worker.sandbox.emulator.clock import Clock
from worker.sandbox.emulator.errors import missing
from worker.sandbox.emulator.events import Cause, Event, EventLog
from worker.sandbox.emulator.intent import PaymentIntent
from worker.sandbox.emulator.journal import Journal
from worker.sandbox.emulator.objects import Charge, Customer, Mandate, PaymentMethod, SetupIntent, Shown
from worker.sandbox.emulator.outcomes import Accepted, Decline, Script
from worker.sandbox.emulator.shelf import Shelf

API_VERSION = "2026-10-28.endive"

NOBODY = Cause()


@dataclass(slots=True, order=True)
class Due:
    """A pending payment and the moment, in seconds since 1970, at which its answer comes."""

    at_s: float
    number: int
    intent: str
    final: Accepted | Decline


class World:
    """One Stripe account in test mode, held in memory."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock = clock
        self.journal = journal
        self.base_url = ""
        self.customers: dict[str, Customer] = {}
        self.methods: dict[str, PaymentMethod] = {}
        self.methods_of: dict[str, dict[str, None]] = {}
        self.mandates: dict[str, Mandate] = {}
        self.scripts: dict[str, Script] = {}
        self.intents: dict[str, PaymentIntent] = {}
        self.all_intents = Shelf()
        self.intents_of: dict[str, Shelf] = {}
        self.setups: dict[str, SetupIntent] = {}
        self.charges: dict[str, Charge] = {}
        self.events = EventLog()
        self._run = secrets.token_hex(4)  # ids of two runs never meet
        self._numbers = itertools.count(1)
        self._due: list[Due] = []

    def number(self) -> int:
        """A number greater than every earlier one."""
        return next(self._numbers)

    def name(self, prefix: str) -> str:
        """A new id."""
        return f"{prefix}_{self._run}{next(self._numbers):012x}"

    def secret(self, name: str) -> str:
        """The client secret of an intent: its id and something that cannot be guessed."""
        return f"{name}_secret_{secrets.token_hex(12)}"

    def now(self) -> int:
        """Seconds since 1970 on the emulator's clock."""
        return self.clock.now()

    def tell(
        self,
        kind: str,
        subject: Shown,
        cause: Cause = NOBODY,
        *,
        at: int | None = None,
        previous: dict[str, Any] | None = None,
    ) -> None:
        """Write an event about this version of `subject`."""
        created = self.now() if at is None else at
        self.events.add(Event(self.name("evt"), self.number(), created, kind, subject, cause, previous, API_VERSION))

    def keep_intent(self, intent: PaymentIntent) -> None:
        """Keep a new PaymentIntent and put it on its lists."""
        self.intents[intent.id] = intent
        self.all_intents.add(intent.id, number=intent.number, created=intent.created)
        if intent.customer is not None:
            own = self.intents_of.get(intent.customer)
            if own is None:
                own = self.intents_of[intent.customer] = Shelf()
            own.add(intent.id, number=intent.number, created=intent.created)

    def await_answer(self, intent: PaymentIntent, *, seconds: float, final: Accepted | Decline) -> None:
        """Let a pending payment end after so many seconds of the emulator's clock."""
        due = Due(self.clock.now_s() + seconds, self.number(), intent.id, final)
        heapq.heappush(self._due, due)

    def arrived(self) -> Iterator[Due]:
        """The pending payments whose moment has come, oldest first; each is given once."""
        while self._due and self._due[0].at_s <= self.clock.now_s():
            yield heapq.heappop(self._due)

    def customer(self, name: str, *, param: str | None = None) -> Customer:
        """A customer, or ApiError; `param` names the parameter that held the id, None when the URL did."""
        found = self.customers.get(name)
        if found is None:
            raise missing("customer", name, param=param)
        return found

    def method(self, name: str, *, param: str | None = None) -> PaymentMethod:
        """A payment method, or ApiError; `param` as for `customer`."""
        found = self.methods.get(name)
        if found is None:
            raise missing("PaymentMethod", name, param=param)
        return found

    def intent(self, name: str) -> PaymentIntent:
        """A PaymentIntent, or ApiError."""
        found = self.intents.get(name)
        if found is None:
            raise missing("payment_intent", name)
        return found

    def charge(self, name: str) -> Charge:
        """A charge, or ApiError."""
        found = self.charges.get(name)
        if found is None:
            raise missing("charge", name)
        return found

    def find(self, name: str) -> Shown | None:
        """Any object that a reference may be expanded to."""
        stores: tuple[dict[str, Any], ...] = (
            self.charges, self.methods, self.customers, self.intents, self.mandates, self.setups,
        )  # fmt: skip
        for store in stores:
            if name in store:
                shown: Shown = store[name]
                return shown
        return None
