"""Events: what happened, kept for 30 days on the emulator's clock, paged newest first, filtered by type."""

from dataclasses import dataclass, replace
from typing import Any

from worker.sandbox.emulator.errors import invalid, missing
from worker.sandbox.emulator.objects import Shown
from worker.sandbox.emulator.shelf import Shelf, page

KEPT_S = 30 * 86_400
MAX_TYPES = 20
_PRUNE_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Cause:
    """The request that made something happen; both are None for what happens by itself."""

    request_id: str | None = None
    key: str | None = None


@dataclass(slots=True)
class Event:
    """One thing that happened, with the version of the object it happened to."""

    id: str
    number: int
    created: int
    type: str
    subject: Shown
    cause: Cause
    previous: dict[str, Any] | None
    api_version: str

    def shown(self) -> dict[str, Any]:
        """The object as the API shows it."""
        data: dict[str, Any] = {"object": self.subject.shown()}
        if self.previous is not None:
            data["previous_attributes"] = self.previous
        return {
            "id": self.id,
            "object": "event",
            "api_version": self.api_version,
            "created": self.created,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.key},
            "type": self.type,
        }


@dataclass(frozen=True, slots=True)
class Manner:
    """How events come to be listed; Stripe promises neither order nor haste nor that each is told once.

    Args:
        late_s: seconds after which an event shows up, in the place that its time gives it.
        doubled: whether everything is told by two events.
        reordered: whether each two events that follow one another change places; the first waits for the second.
    """

    late_s: float = 0.0
    doubled: bool = False
    reordered: bool = False

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Manner":
        """As given in JSON. Raises ValueError when it makes no sense."""
        match {**cls().shown(), **given}:
            case {"late_s": int() | float() as late, "doubled": bool(twice), "reordered": bool(turned), **rest} if (
                not rest and late >= 0
            ):
                return cls(late, twice, turned)
        raise ValueError("late_s is a number of seconds; doubled and reordered are true or false")

    def shown(self) -> dict[str, Any]:
        """The manner as JSON."""
        return {"late_s": self.late_s, "doubled": self.doubled, "reordered": self.reordered}


class EventLog:
    """All events of the last 30 days but those that were withheld."""

    def __init__(self) -> None:
        self.withholds = False
        self.withheld = 0
        self.manner = Manner()
        self._late: list[Event] = []
        self._waiting: Event | None = None
        self._events: dict[str, Event] = {}
        self._all = Shelf()
        self._by_type: dict[str, Shelf] = {}
        self._since_pruning = 0

    def add(self, event: Event) -> None:
        """Keep a new event, and now and then drop the old ones; while it withholds, the event is lost for ever."""
        if self.withholds:
            self.withheld += 1
            return
        if self.manner.reordered:
            first, self._waiting = self._waiting, None
            if first is None:
                self._waiting = event
                return
            self._list_or_delay(replace(event, number=first.number))
            event = replace(first, number=event.number)
        self._list_or_delay(event)

    def behave(self, manner: Manner, *, now: int) -> None:
        """List events in this manner from now on; the one that waits for another is listed as it is."""
        self.manner = manner
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._list(waiting)
        self._list_due(now)

    def _list_or_delay(self, event: Event) -> None:
        if self.manner.late_s:
            self._late.append(event)
        else:
            self._list(event)

    def _list_due(self, now: int) -> None:
        """List the late ones whose time has come, or all of them once nothing is late any more."""
        due = [event for event in self._late if event.created + self.manner.late_s <= now]
        if due:
            self._late = [event for event in self._late if event.created + self.manner.late_s > now]
            for event in due:
                self._list(event)

    def _list(self, event: Event) -> None:
        self._events[event.id] = event
        for shelf in (self._all, self._by_type.setdefault(event.type, Shelf())):
            shelf.put(event.id, number=event.number, created=event.created)
        self._since_pruning += 1
        if self._since_pruning >= _PRUNE_EVERY:
            self._since_pruning = 0
            self._prune(event.created - KEPT_S)

    def get(self, name: str, *, now: int) -> Event:
        """One event. Raises ApiError when there is none, or it is older than 30 days."""
        self._list_due(now)
        event = self._events.get(name)
        if event is None or event.created < now - KEPT_S:
            raise missing("event", name)
        return event

    def page(self, params: dict[str, Any], *, now: int) -> tuple[list[Event], bool]:
        """One page of events, newest first, and whether more lie beyond."""
        self._list_due(now)
        oldest = now - KEPT_S

        def number_of(name: str) -> int | None:
            event = self._events.get(name)
            return None if event is None or event.created < oldest else event.number

        ids, more = page(self._shelves(params), params, number_of, what="event", oldest=oldest)
        return [self._events[name] for name in ids], more

    def _shelves(self, params: dict[str, Any]) -> list[Shelf]:
        if "type" in params and "types" in params:
            raise invalid("You may only specify one of these parameters: type, types.", param="types")
        if "types" in params:
            wanted = set(params["types"])
            if len(params["types"]) > MAX_TYPES:
                raise invalid(f"You may pass at most {MAX_TYPES} types.", param="types")
            return [shelf for name, shelf in self._by_type.items() if name in wanted]
        if "type" in params:
            wanted_type: str = params["type"]
            if wanted_type.endswith("*"):
                stem = wanted_type[:-1]
                return [shelf for name, shelf in self._by_type.items() if name.startswith(stem)]
            return [shelf for name, shelf in self._by_type.items() if name == wanted_type]
        return [self._all]

    def _prune(self, before: int) -> None:
        for name in self._all.drop_before(before):
            del self._events[name]
        for shelf in self._by_type.values():
            shelf.drop_before(before)
