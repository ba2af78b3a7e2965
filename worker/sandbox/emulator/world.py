"""Everything the emulator knows: objects by id, lists over them, events, the clock, what is to come."""

import heapq
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox.emulator.clock import Clock
from worker.sandbox.emulator.dispute import Dispute
from worker.sandbox.emulator.errors import missing
from worker.sandbox.emulator.events import Cause, Event, EventLog
from worker.sandbox.emulator.intent import PaymentIntent
from worker.sandbox.emulator.journal import Journal
from worker.sandbox.emulator.objects import Charge, Customer, Mandate, PaymentMethod, SetupIntent, Shown
from worker.sandbox.emulator.outcomes import MoneyBack, Outcome, Script
from worker.sandbox.emulator.refund import Refund
from worker.sandbox.emulator.shelf import Shelf

API_VERSION = "2026-10-28.endive"

NOBODY = Cause()


@dataclass(slots=True, order=True)
class Due:
    """What is to come, and the moment, in seconds since 1970; `then` is told that moment in whole seconds."""

    at_s: float
    number: int
    then: Callable[[int], None] = field(compare=False)


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
        self.scripts: dict[str, Script[Outcome]] = {}
        self.refund_scripts: dict[str, Script[MoneyBack]] = {}
        self.intents: dict[str, PaymentIntent] = {}
        self.all_intents = Shelf()
        self.intents_of: dict[str, Shelf] = {}
        self.setups: dict[str, SetupIntent] = {}
        self.charges: dict[str, Charge] = {}
        self.all_charges = Shelf()
        self.charges_of: dict[str, Shelf] = {}  # by PaymentIntent
        self.refunds: dict[str, Refund] = {}
        self.all_refunds = Shelf()
        self.refunds_of: dict[str, Shelf] = {}  # by charge
        self.disputes: dict[str, Dispute] = {}
        self.all_disputes = Shelf()
        self.disputes_of: dict[str, Shelf] = {}  # by charge
        self.events = EventLog()
        self._run = secrets.token_hex(4)  # ids of two runs never meet
        self._last_number = 0
        self._due: list[Due] = []

    def number(self) -> int:
        """A number greater than every earlier one."""
        self._last_number += 1
        return self._last_number

    def name(self, prefix: str) -> str:
        """A new id."""
        return f"{prefix}_{self._run}{self.number():012x}"

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
        for _ in range(2 if self.events.manner.doubled else 1):
            self.events.add(
                Event(self.name("evt"), self.number(), created, kind, subject, cause, previous, API_VERSION)
            )

    def keep_intent(self, intent: PaymentIntent) -> None:
        """Keep a new PaymentIntent and put it on its lists."""
        self.intents[intent.id] = intent
        self.all_intents.add(intent.id, number=intent.number, created=intent.created)
        if intent.customer is not None:
            own = self.intents_of.get(intent.customer)
            if own is None:
                own = self.intents_of[intent.customer] = Shelf()
            own.add(intent.id, number=intent.number, created=intent.created)

    def keep_charge(self, charge: Charge) -> None:
        """Keep a new charge and put it on its lists."""
        self.charges[charge.id] = charge
        for shelf in (self.all_charges, self.charges_of.setdefault(charge.payment_intent, Shelf())):
            shelf.add(charge.id, number=charge.number, created=charge.created)

    def keep_refund(self, refund: Refund) -> None:
        """Keep a new refund and put it on its lists."""
        self.refunds[refund.id] = refund
        for shelf in (self.all_refunds, self.refunds_of.setdefault(refund.charge, Shelf())):
            shelf.add(refund.id, number=refund.number, created=refund.created)

    def keep_dispute(self, dispute: Dispute) -> None:
        """Keep a new dispute and put it on its lists."""
        self.disputes[dispute.id] = dispute
        for shelf in (self.all_disputes, self.disputes_of.setdefault(dispute.charge, Shelf())):
            shelf.add(dispute.id, number=dispute.number, created=dispute.created)

    def dispute_of(self, charge: str) -> Dispute | None:
        """The newest dispute of a charge, if there is any."""
        shelf = self.disputes_of.get(charge)
        return None if shelf is None else self.disputes[shelf.newest()]

    def shelf_of_charge(self, given: dict[str, Any], everything: Shelf, by_charge: dict[str, Shelf]) -> Shelf:
        """The list that the filters `charge` and `payment_intent` leave. Raises ApiError for what does not exist."""
        if "charge" in given:
            charge = self.charge(given["charge"], param="charge")
            if given.get("payment_intent", charge.payment_intent) != charge.payment_intent:
                return Shelf()
            return by_charge.get(charge.id, Shelf())
        if "payment_intent" in given:
            intent = self.intent(given["payment_intent"], param="payment_intent")
            return by_charge.get(intent.latest_charge or "", Shelf())
        return everything

    def later(self, seconds: float, then: Callable[[int], None]) -> None:
        """Let something happen after so many seconds of the emulator's clock."""
        heapq.heappush(self._due, Due(self.clock.now_s() + seconds, self.number(), then))

    def settle(self) -> None:
        """Let everything happen whose moment has come, oldest first."""
        while self._due and self._due[0].at_s <= self.clock.now_s():
            due = heapq.heappop(self._due)
            due.then(int(due.at_s))

    def customer(self, name: str, *, param: str | None = None) -> Customer:
        """A customer who was not deleted, or ApiError; `param` names what held the id, None for the URL."""
        found = self.customers.get(name)
        if found is None or found.deleted:
            raise missing("customer", name, param=param)
        return found

    def method(self, name: str, *, param: str | None = None) -> PaymentMethod:
        """A payment method, or ApiError; `param` as for `customer`."""
        found = self.methods.get(name)
        if found is None:
            raise missing("PaymentMethod", name, param=param)
        return found

    def intent(self, name: str, *, param: str | None = None) -> PaymentIntent:
        """A PaymentIntent, or ApiError; `param` as for `customer`."""
        found = self.intents.get(name)
        if found is None:
            raise missing("payment_intent", name, param=param)
        return found

    def charge(self, name: str, *, param: str | None = None) -> Charge:
        """A charge, or ApiError; `param` as for `customer`."""
        found = self.charges.get(name)
        if found is None:
            raise missing("charge", name, param=param)
        return found

    def refund(self, name: str) -> Refund:
        """A refund, or ApiError."""
        found = self.refunds.get(name)
        if found is None:
            raise missing("refund", name)
        return found

    def dispute(self, name: str) -> Dispute:
        """A dispute, or ApiError."""
        found = self.disputes.get(name)
        if found is None:
            raise missing("dispute", name)
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
