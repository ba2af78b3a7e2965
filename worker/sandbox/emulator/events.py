"""Events: what happened, kept for 30 days on the emulator's clock, paged newest first, filtered by type."""

from dataclasses import dataclass
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


class EventLog:
    """All events of the last 30 days but those that were withheld."""

    def __init__(self) -> None:
        self.withholds = False
        self.withheld = 0
        self._events: dict[str, Event] = {}
        self._all = Shelf()
        self._by_type: dict[str, Shelf] = {}
        self._since_pruning = 0

    def add(self, event: Event) -> None:
        """Keep a new event, and now and then drop the old ones; while it withholds, the event is lost for ever."""
        if self.withholds:
            self.withheld += 1
            return
        self._events[event.id] = event
        self._all.add(event.id, number=event.number, created=event.created)
        by_type = self._by_type.setdefault(event.type, Shelf())
        by_type.add(event.id, number=event.number, created=event.created)
        self._since_pruning += 1
        if self._since_pruning >= _PRUNE_EVERY:
            self._since_pruning = 0
            self._prune(event.created - KEPT_S)

    def get(self, name: str, *, now: int) -> Event:
        """One event. Raises ApiError when there is none, or it is older than 30 days."""
        event = self._events.get(name)
        if event is None or event.created < now - KEPT_S:
            raise missing("event", name)
        return event

    def page(self, params: dict[str, Any], *, now: int) -> tuple[list[Event], bool]:
        """One page of events, newest first, and whether more lie beyond."""
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
