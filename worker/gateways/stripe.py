"""The payment provider: create, confirm, read and cancel PaymentIntents, and read events, in micro-batches.

The official client with its own retries off: the attempt table is the retry. Every call gets its slot from the
pacer and its own idempotency key, which the client would silently replace if it were empty, so it is asserted.
"""

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Protocol

import requests
import stripe

from worker import boundary
from worker.clock import monotonic_s, sleep_s
from worker.errors import ProviderRefusedError, UnreachableError
from worker.gateways.answers import Answer, AnswerKind, ProviderEvent, ProviderMethod, of_error, of_intent, of_method
from worker.gateways.pacing import LATE_S

METHOD_TYPES = ("card", "paypal")
"""R5: what a PaymentIntent of ours may be paid with."""
EVENT_TYPES = (
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
)
EVENTS_PAGE_MAX = 100


class SlotSource(Protocol):
    """A pacer."""

    def reserve(self, endpoint: str, count: int) -> list[float]:
        """Slots on the monotonic clock."""
        ...


@dataclass(frozen=True, slots=True)
class IntentRequest:
    """A PaymentIntent to create, unconfirmed. `key` is the idempotency key."""

    key: str
    amount_minor: int
    currency: str
    customer: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class ConfirmRequest:
    """An attempt: confirm this PaymentIntent with these frozen parameters under this key."""

    key: str
    intent: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class StripeGateway:
    """The provider's API for one process; its threads and connections are made at the first call, after any fork.

    Args:
        api_key: secret key.
        api_base: address of the API; the emulator's in rehearsals.
        timeout_s: longest silence on a socket.
        connections: calls at once.
        pacer: where slots come from.
    """

    api_key: str
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

    def create(self, intents: Sequence[IntentRequest]) -> list[Answer]:
        """Create PaymentIntents, unconfirmed: no money moves, so a repeat is harmless at any age."""
        return self._each("stripe.create", [partial(self._create, intent) for intent in intents])

    def confirm(self, attempts: Sequence[ConfirmRequest]) -> list[Answer]:
        """Confirm off-session. A PaymentIntent succeeds at most once, whatever is sent."""
        return self._each("stripe.confirm", [partial(self._confirm, attempt) for attempt in attempts])

    def read(self, intents: Sequence[str]) -> list[Answer]:
        """The truth about PaymentIntents; the provider allows few reads, so only for what is unknown."""
        return self._each("stripe.read", [partial(self._read, intent) for intent in intents])

    def cancel(self, intents: Sequence[str]) -> list[Answer]:
        """Cancel PaymentIntents that wait; cancelled ones answer `unexpected_state`, as paid ones do."""
        return self._each("stripe.cancel", [partial(self._cancel, intent) for intent in intents])

    def _create(self, request: IntentRequest) -> stripe.PaymentIntent:
        _assert_key(request.key)
        return self._client.v1.payment_intents.create(
            params={
                "amount": request.amount_minor,
                "currency": request.currency.lower(),
                "customer": request.customer,
                "allowed_payment_method_types": list(METHOD_TYPES),
                "metadata": request.metadata,
            },
            options={"idempotency_key": request.key},
        )

    def _confirm(self, request: ConfirmRequest) -> stripe.PaymentIntent:
        _assert_key(request.key)
        return self._client.v1.payment_intents.confirm(
            request.intent,
            params=request.parameters,  # type: ignore[arg-type]  # the frozen parameters come back from JSON
            options={"idempotency_key": request.key},
        )

    def _read(self, intent: str) -> stripe.PaymentIntent:
        return self._client.v1.payment_intents.retrieve(intent)

    def _cancel(self, intent: str) -> stripe.PaymentIntent:
        return self._client.v1.payment_intents.cancel(intent, params={"cancellation_reason": "abandoned"})

    def _each(self, name: str, calls: Sequence[Callable[[], stripe.PaymentIntent]]) -> list[Answer]:
        """Run the calls side by side, each in its slot; the answers keep the order."""
        slots = self.pacer.reserve(name, len(calls))
        futures: list[Future[Answer]] = []
        for slot, one in zip(slots, calls, strict=True):
            sleep_s(slot - monotonic_s())
            context = contextvars.copy_context()
            futures.append(self._pool.submit(context.run, self._one, name, one, slot))
        return [future.result() for future in futures]

    def _one(self, name: str, one: Callable[[], stripe.PaymentIntent], slot: float) -> Answer:
        while monotonic_s() - slot > LATE_S and (later := self.pacer.reserve(name, 1)[0]) > monotonic_s():
            slot = later
            sleep_s(slot - monotonic_s())
        with boundary.call(name):
            try:
                return of_intent(one())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer: unknown
                return of_error(error)

    def events(self, *, after: str | None, since: datetime) -> list[ProviderEvent]:
        """One page of events about PaymentIntents, oldest first.

        Args:
            after: the last event read; the page holds its successors.
            since: where to begin when there is none, or when the provider has forgotten it.

        Raises:
            UnreachableError: no answer, or none that can be used; ask again later.
        """
        try:
            listed = None if after is None else self._successors(after)
            if listed is None:
                listed = self._first_events(since)
        except stripe.StripeError as error:
            raise UnreachableError(f"the provider's events cannot be read: {type(error).__name__}") from error
        return [_event(event) for event in reversed(listed)]

    def _successors(self, after: str) -> list[stripe.Event] | None:
        """The page after that event, None when the provider has forgotten it."""
        try:
            return self._list_events(ending_before=after)
        except stripe.InvalidRequestError:
            return None

    def _first_events(self, since: datetime) -> list[stripe.Event]:
        """The oldest page since then: the list is newest first, so walk it to its end."""
        created = {"gte": int(since.timestamp())}
        listed = self._list_events(created=created)
        while len(listed) == EVENTS_PAGE_MAX:
            older = self._list_events(created=created, starting_after=listed[-1].id)
            if not older:
                break
            listed = older
        return listed

    def _list_events(self, **where: object) -> list[stripe.Event]:
        sleep_s(self.pacer.reserve("stripe.events", 1)[0] - monotonic_s())
        page: dict[str, Any] = {"types": list(EVENT_TYPES), "limit": EVENTS_PAGE_MAX, **where}
        with boundary.call("stripe.events"):
            return self._client.v1.events.list(params=page).data  # type: ignore[arg-type]  # built from what the call allows

    def payment_method(self, method: str) -> ProviderMethod | None:
        """A payment method, None when the provider knows none of that id. Raises UnreachableError."""
        return self._method("stripe.method", partial(self._retrieve_method, method))

    def attach(self, method: str, *, customer: str) -> ProviderMethod | None:
        """Save a method for a customer, None when the provider refuses it. Raises UnreachableError."""
        return self._method("stripe.attach", partial(self._attach, method, customer=customer))

    def detach(self, method: str) -> ProviderMethod | None:
        """Forget a saved method for good, None when it was not saved any more. Raises UnreachableError."""
        return self._method("stripe.detach", partial(self._detach, method))

    def _retrieve_method(self, method: str) -> stripe.PaymentMethod:
        return self._client.v1.payment_methods.retrieve(method)

    def _attach(self, method: str, *, customer: str) -> stripe.PaymentMethod:
        return self._client.v1.payment_methods.attach(method, {"customer": customer})

    def _detach(self, method: str) -> stripe.PaymentMethod:
        return self._client.v1.payment_methods.detach(method)

    def _method(self, name: str, one: Callable[[], stripe.PaymentMethod]) -> ProviderMethod | None:
        sleep_s(self.pacer.reserve(name, 1)[0] - monotonic_s())
        try:
            with boundary.call(name):
                return of_method(one())
        except (stripe.InvalidRequestError, stripe.CardError):
            return None
        except stripe.StripeError as error:
            raise UnreachableError(
                f"the provider gives no answer, try again in a few minutes: {type(error).__name__}"
            ) from error

    def ping(self) -> None:
        """Pass if the provider answers and knows our key.

        Raises:
            ProviderRefusedError: it answers that the key is wrong.
            UnreachableError: it does not answer.
        """
        try:
            with boundary.call("stripe.ping"):
                self._client.v1.balance.retrieve()
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise ProviderRefusedError("the provider refuses STRIPE_API_KEY") from error
        except stripe.StripeError as error:
            raise UnreachableError(f"the provider at {self.api_base} does not answer") from error


def _assert_key(key: str) -> None:
    assert isinstance(key, str), "an idempotency key is text"
    assert key, "without a key the client would make one up, and a repeat would charge again"


def _event(event: stripe.Event) -> ProviderEvent:
    return ProviderEvent(
        event_id=event.id,
        type=event.type,
        intent=str(event.data.object["id"]),
        created_at=datetime.fromtimestamp(event.created, UTC),
    )


__all__ = ["Answer", "AnswerKind", "ConfirmRequest", "IntentRequest", "ProviderEvent", "StripeGateway"]
