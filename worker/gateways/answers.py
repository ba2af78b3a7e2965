"""What a call to the payment provider came to, in our words: one table from the client's error classes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import stripe


class AnswerKind(StrEnum):
    """The closed set. Whatever is not a definite yes or no is `unknown`."""

    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    WAITING = "waiting"
    """The PaymentIntent exists and waits for a confirmation, a method or the customer."""
    CANCELLED = "cancelled"
    DECLINED = "declined"
    UNEXPECTED_STATE = "unexpected_state"
    """The PaymentIntent has moved on; a read tells where to."""
    REFUSED = "refused"
    """The provider says that the request itself is wrong; certainly nothing happened."""
    NOT_EXECUTED = "not_executed"
    """Certainly nothing happened; the same may be sent later. After an unknown answer it says nothing about that."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """One call's answer. Amounts are minor units; codes are the provider's words, None when it said none."""

    kind: AnswerKind
    intent: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    code: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    network_advice_code: str | None = None
    message: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One line of the provider's event list: that something happened to a PaymentIntent."""

    event_id: str
    type: str
    intent: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderMethod:
    """A payment method as the provider knows it: no number, only what R5b allows; brand and expiry are a card's."""

    method: str
    type: str
    customer: str | None
    brand: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None


_STATUS = {
    "succeeded": AnswerKind.SUCCEEDED,
    "processing": AnswerKind.PROCESSING,
    "canceled": AnswerKind.CANCELLED,
    "requires_payment_method": AnswerKind.WAITING,
    "requires_confirmation": AnswerKind.WAITING,
    "requires_action": AnswerKind.WAITING,
    "requires_capture": AnswerKind.UNKNOWN,
}

ERROR_KINDS: dict[type[stripe.StripeError], AnswerKind] = {
    stripe.CardError: AnswerKind.DECLINED,
    stripe.InvalidRequestError: AnswerKind.REFUSED,
    stripe.IdempotencyError: AnswerKind.REFUSED,
    stripe.AuthenticationError: AnswerKind.NOT_EXECUTED,
    stripe.PermissionError: AnswerKind.NOT_EXECUTED,
    stripe.RateLimitError: AnswerKind.NOT_EXECUTED,
    stripe.APIError: AnswerKind.UNKNOWN,
    stripe.APIConnectionError: AnswerKind.UNKNOWN,
}
"""The classes that the calls we make can raise. A wrong key (401, 403) is our fault for every charge alike, so it
parks none of them. Every other class of the library, known today or not, is unknown; a test walks them all."""


def of_intent(intent: stripe.PaymentIntent) -> Answer:
    """A PaymentIntent that was returned; one that waits tells why it last failed. An unheard-of status is unknown."""
    failure = getattr(intent, "last_payment_error", None)
    return Answer(
        kind=_STATUS.get(intent.status, AnswerKind.UNKNOWN),
        intent=intent.id,
        amount_minor=intent.amount,
        currency=intent.currency.upper(),
        code=getattr(failure, "code", None),
        decline_code=getattr(failure, "decline_code", None),
        advice_code=getattr(failure, "advice_code", None),
        network_advice_code=getattr(failure, "network_advice_code", None),
        request_id=getattr(getattr(intent, "last_response", None), "request_id", None),
    )


def kind_of(error: BaseException) -> AnswerKind:
    """The kind of an exception; the nearest known class decides, anything else is unknown."""
    for known in type(error).__mro__:
        if issubclass(known, stripe.StripeError) and known in ERROR_KINDS:
            return ERROR_KINDS[known]
    return AnswerKind.UNKNOWN


def of_error(error: BaseException) -> Answer:
    """Anything that a call raised. Never trusts `should_retry`, and keeps no more of the text than the sentence."""
    kind = kind_of(error)
    body = getattr(error, "error", None)
    code = getattr(body, "code", None)
    if kind is AnswerKind.REFUSED and code == "payment_intent_unexpected_state":
        kind = AnswerKind.UNEXPECTED_STATE
    intent = getattr(body, "payment_intent", None)
    return Answer(
        kind=kind,
        intent=getattr(intent, "id", None),
        code=code,
        decline_code=getattr(body, "decline_code", None),
        advice_code=getattr(body, "advice_code", None),
        network_advice_code=getattr(body, "network_advice_code", None),
        message=f"{type(error).__name__}: {getattr(body, 'message', None) or type(error).__doc__ or ''}"[:300],
        request_id=getattr(error, "request_id", None),
    )


def of_method(method: stripe.PaymentMethod) -> ProviderMethod:
    """A payment method that was returned."""
    owner = method.customer
    card = method.card if method.type == "card" else None
    return ProviderMethod(
        method=method.id,
        type=method.type,
        customer=owner.id if isinstance(owner, stripe.Customer) else owner,
        brand=None if card is None else card.brand,
        last4=None if card is None else card.last4,
        exp_month=None if card is None else card.exp_month,
        exp_year=None if card is None else card.exp_year,
    )
