"""The payment provider: create, confirm, read and cancel PaymentIntents in micro-batches, and read events.

What is paid with, what goes back and the lists stand in files of their own; `StripeGateway` is all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any

import stripe

from worker import boundary, meters
from worker.errors import ProviderRefusedError, UnreachableError
from worker.gateways.answers import AboutKind, Answer, AnswerKind, ProviderEvent, name_of, of_error, of_intent
from worker.gateways.stripe_line import METHOD_TYPES, StripeLine, assert_key, counted
from worker.gateways.stripe_lists import Lists
from worker.gateways.stripe_methods import Methods
from worker.gateways.stripe_money_back import MoneyBack, RefundRequest

_ABOUT: Mapping[str, AboutKind] = MappingProxyType(
    {
        "payment_intent.succeeded": AboutKind.INTENT,
        "payment_intent.processing": AboutKind.INTENT,
        "payment_intent.payment_failed": AboutKind.INTENT,
        "payment_intent.canceled": AboutKind.INTENT,
        "refund.updated": AboutKind.REFUND,
        "refund.failed": AboutKind.REFUND,
        "charge.dispute.created": AboutKind.DISPUTE,
        "charge.dispute.updated": AboutKind.DISPUTE,
        "charge.dispute.closed": AboutKind.DISPUTE,
    }
)
EVENT_TYPES = tuple(_ABOUT)
"""The types that are asked for; the provider takes at most 20."""
EVENTS_PAGE_MAX = 100


@dataclass(frozen=True, slots=True)
class IntentRequest:
    """A PaymentIntent to create, unconfirmed. `key` is the idempotency key, the amount is in minor units.

    With `save_method` the method that the customer pays with, being there, pays later without them.
    """

    key: str
    amount_minor: int
    currency: str
    customer: str
    metadata: dict[str, str]
    save_method: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmRequest:
    """An attempt: confirm this PaymentIntent with these frozen parameters under this key."""

    key: str
    intent: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class StripeGateway(Methods, MoneyBack, Lists, StripeLine):
    """The provider's API for one process; see `StripeLine` for what it is made of."""

    def create(self, intents: Sequence[IntentRequest]) -> list[Answer]:
        """Create PaymentIntents, unconfirmed: no money moves, so a repeat is harmless at any age."""
        return self._each("stripe.create", [partial(self._create, intent) for intent in intents])

    def confirm(self, attempts: Sequence[ConfirmRequest]) -> list[Answer]:
        """Confirm, off-session or with the customer there. A PaymentIntent succeeds at most once, whatever is sent.

        One that wants the customer's yes at the bank is waiting; without the customer there it is declined.
        """
        return self._each("stripe.confirm", [partial(self._confirm, attempt) for attempt in attempts])

    def read(self, intents: Sequence[str]) -> list[Answer]:
        """The truth about PaymentIntents; the provider allows few reads, so only for what is unknown."""
        return self._each("stripe.read", [partial(self._read, intent) for intent in intents])

    def cancel(self, intents: Sequence[str]) -> list[Answer]:
        """Cancel PaymentIntents that wait; cancelled ones answer `unexpected_state`, as paid ones do."""
        return self._each("stripe.cancel", [partial(self._cancel, intent) for intent in intents])

    def _create(self, request: IntentRequest) -> stripe.PaymentIntent:
        assert_key(request.key)
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": request.amount_minor,
            "currency": request.currency.lower(),
            "customer": request.customer,
            "allowed_payment_method_types": list(METHOD_TYPES),
            "metadata": request.metadata,
        }
        if request.save_method:
            params["setup_future_usage"] = "off_session"
        return self._client.v1.payment_intents.create(params=params, options={"idempotency_key": request.key})

    def _confirm(self, request: ConfirmRequest) -> stripe.PaymentIntent:
        assert_key(request.key)
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
        return self._side_by_side(name, [partial(self._one, name, one) for one in calls])

    def _one(self, name: str, one: Callable[[], stripe.PaymentIntent], slot: float) -> Answer:
        self._keep_turn(name, slot)
        with boundary.call(name):
            try:
                answer = of_intent(one())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer: unknown
                answer = of_error(error)
        meters.count(meters.ANSWERS, name, answer.kind.value)
        return answer

    def events(self, *, after: str | None, since: datetime) -> list[ProviderEvent]:
        """One page of events about PaymentIntents, refunds and disputes, oldest first.

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
        self._take_turn("stripe.events")
        page: dict[str, Any] = {"types": list(EVENT_TYPES), "limit": EVENTS_PAGE_MAX, **where}
        with counted("stripe.events"), boundary.call("stripe.events"):
            return self._client.v1.events.list(params=page).data  # type: ignore[arg-type]  # built from what the call allows

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


def about_of(event_type: str) -> AboutKind:
    """What an event of a type in `EVENT_TYPES` is about."""
    return _ABOUT[event_type]


def _event(event: stripe.Event) -> ProviderEvent:
    about, subject = _ABOUT[event.type], event.data.object
    name = str(subject["id"])
    return ProviderEvent(
        event_id=event.id,
        type=event.type,
        about=about,
        name=name,
        intent=name if about is AboutKind.INTENT else name_of(getattr(subject, "payment_intent", None)) or "",
        created_at=datetime.fromtimestamp(event.created, UTC),
    )


__all__ = [
    "AboutKind",
    "Answer",
    "AnswerKind",
    "ConfirmRequest",
    "IntentRequest",
    "ProviderEvent",
    "RefundRequest",
    "StripeGateway",
]
