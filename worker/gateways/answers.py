"""What a call to the payment provider came to, in our words: one table from the client's error classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import stripe

from worker.telemetry import scrubbed


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
    """One call's answer. Amounts are minor units; codes are the provider's words, None when it said none.

    `method` is what the PaymentIntent is or was paid with. `kept`: the provider gave it before, and keeps it for
    the key of the request. The client secret lets a customer pay on a page and is for nobody else, so it is left out of
    what is printed and must not be logged.
    """

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
    method: str | None = None
    kept: bool = False
    client_secret: str | None = field(default=None, repr=False)


class AboutKind(StrEnum):
    """What an event is about."""

    INTENT = "intent"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One line of the provider's event list: that something happened to an object of its.

    `name` is that object's id, `intent` the PaymentIntent that it concerns (itself, if it is one), "" if there is none.
    """

    event_id: str
    type: str
    about: AboutKind
    name: str
    intent: str
    created_at: datetime


class ChargeStatus(StrEnum):
    """How a try to move money ended; one whose status we have never heard of is pending."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProviderCharge:
    """One try to move money, as the provider's list shows it: a PaymentIntent has one for each, and one success.

    Amounts are minor units; `refunded_minor` is what of it went back, or is about to. The metadata is what the
    PaymentIntent bore at that moment. `created_at` is when it was tried, however long ago the PaymentIntent was made.
    """

    charge: str
    intent: str
    status: ChargeStatus
    amount_minor: int
    refunded_minor: int
    currency: str
    metadata: Mapping[str, str]
    created_at: datetime


class RefundStatus(StrEnum):
    """Where a refund stands. A succeeded one may still fail later, when the bank sends the money back."""

    PENDING = "pending"
    """It waits, for the provider or for the customer; so does one whose status we have never heard of."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RefundAnswerKind(StrEnum):
    """The closed set. After an unknown answer all but `known` speak of the repeat only, not of the first request."""

    KNOWN = "known"
    """The provider showed a refund; its status says the rest."""
    REFUSED = "refused"
    """The request itself is wrong; certainly nothing happened."""
    ALREADY = "already"
    """Nothing is left of the charge that could be given back."""
    NOT_EXECUTED = "not_executed"
    """Certainly nothing happened; the same may be sent later."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """One call's answer about a refund. The amount is in minor units; all but the kind is None where it is not told."""

    kind: RefundAnswerKind
    refund: str | None = None
    status: RefundStatus | None = None
    amount_minor: int | None = None
    currency: str | None = None
    intent: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    failure_reason: str | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None


class DisputeStatus(StrEnum):
    """How a dispute stands for us; one whose status we have never heard of is open."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """A chargeback. The amount is in minor units; `intent` is the PaymentIntent in dispute, "" if there is none."""

    dispute: str
    intent: str
    amount_minor: int
    currency: str
    reason: str
    status: DisputeStatus
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """A method about to be saved by the customer on a page; the client secret is for that page alone."""

    setup: str
    client_secret: str = field(repr=False)


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

_CHARGE_STATUS: Mapping[str, ChargeStatus] = MappingProxyType({one.value: one for one in ChargeStatus})

_REFUND_STATUS: Mapping[str | None, RefundStatus] = MappingProxyType(
    {
        "pending": RefundStatus.PENDING,
        "requires_action": RefundStatus.PENDING,
        "succeeded": RefundStatus.SUCCEEDED,
        "failed": RefundStatus.FAILED,
        "canceled": RefundStatus.CANCELLED,
    }
)

# an inquiry that is closed, and a dispute that was prevented, took no money
_DISPUTE_STATUS: Mapping[str, DisputeStatus] = MappingProxyType(
    {
        "warning_closed": DisputeStatus.WON,
        "prevented": DisputeStatus.WON,
        "won": DisputeStatus.WON,
        "lost": DisputeStatus.LOST,
    }
)

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
        request_id=_request_id_of(intent),
        method=name_of(getattr(intent, "payment_method", None)),
        client_secret=getattr(intent, "client_secret", None),
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
        message=_sentence_of(error),
        request_id=getattr(error, "request_id", None),
        kept="Idempotent-Replayed" in (getattr(error, "headers", None) or {}),
    )


_REFUND_KINDS: Mapping[AnswerKind, RefundAnswerKind] = MappingProxyType(
    {
        AnswerKind.DECLINED: RefundAnswerKind.REFUSED,
        AnswerKind.REFUSED: RefundAnswerKind.REFUSED,
        AnswerKind.NOT_EXECUTED: RefundAnswerKind.NOT_EXECUTED,
    }
)


def of_refund(refund: stripe.Refund) -> RefundAnswer:
    """A refund that was returned."""
    metadata, created = refund.metadata, getattr(refund, "created", None)
    return RefundAnswer(
        kind=RefundAnswerKind.KNOWN,
        refund=refund.id,
        status=_REFUND_STATUS.get(refund.status, RefundStatus.PENDING),
        amount_minor=refund.amount,
        currency=refund.currency.upper(),
        intent=name_of(refund.payment_intent),
        metadata={} if metadata is None else dict(metadata.to_dict()),
        created_at=None if created is None else datetime.fromtimestamp(created, UTC),
        failure_reason=getattr(refund, "failure_reason", None),
        request_id=_request_id_of(refund),
    )


def of_charge(charge: stripe.Charge) -> ProviderCharge:
    """A charge that was listed; one without a PaymentIntent has "" for it."""
    metadata = getattr(charge, "metadata", None)
    return ProviderCharge(
        charge=charge.id,
        intent=name_of(charge.payment_intent) or "",
        status=_CHARGE_STATUS.get(charge.status, ChargeStatus.PENDING),
        amount_minor=charge.amount,
        refunded_minor=charge.amount_refunded,
        currency=charge.currency.upper(),
        metadata={} if metadata is None else dict(metadata.to_dict()),
        created_at=datetime.fromtimestamp(charge.created, UTC),
    )


def of_refund_error(error: BaseException) -> RefundAnswer:
    """Anything that a call about a refund raised.

    A key that was used with other parameters is unknown, not refused: under that key money may have gone back.
    """
    code = getattr(getattr(error, "error", None), "code", None)
    kind = _REFUND_KINDS.get(kind_of(error), RefundAnswerKind.UNKNOWN)
    if isinstance(error, stripe.IdempotencyError):
        kind = RefundAnswerKind.UNKNOWN
    if kind is RefundAnswerKind.REFUSED and code == "charge_already_refunded":
        kind = RefundAnswerKind.ALREADY
    return RefundAnswer(
        kind=kind, code=code, message=_sentence_of(error), request_id=getattr(error, "request_id", None)
    )


def of_dispute(dispute: stripe.Dispute) -> ProviderDispute:
    """A dispute that was returned."""
    return ProviderDispute(
        dispute=dispute.id,
        intent=name_of(dispute.payment_intent) or "",
        amount_minor=dispute.amount,
        currency=dispute.currency.upper(),
        reason=dispute.reason,
        status=_DISPUTE_STATUS.get(dispute.status, DisputeStatus.OPEN),
        created_at=datetime.fromtimestamp(dispute.created, UTC),
    )


def name_of(reference: Any) -> str | None:
    """The id of what an object refers to, which the provider shows as an id or, expanded, as the object."""
    found: str | None = reference if reference is None or isinstance(reference, str) else reference.id
    return found


def _sentence_of(error: BaseException) -> str:
    said = getattr(getattr(error, "error", None), "message", None)
    # a provider may repeat the key that it refuses
    return scrubbed(f"{type(error).__name__}: {said or type(error).__doc__ or ''}")[:300]


def _request_id_of(answered: stripe.StripeObject) -> str | None:
    found: str | None = getattr(getattr(answered, "last_response", None), "request_id", None)
    return found


def of_method(method: stripe.PaymentMethod) -> ProviderMethod:
    """A payment method that was returned."""
    card = method.card if method.type == "card" else None
    return ProviderMethod(
        method=method.id,
        type=method.type,
        customer=name_of(method.customer),
        brand=None if card is None else card.brand,
        last4=None if card is None else card.last4,
        exp_month=None if card is None else card.exp_month,
        exp_year=None if card is None else card.exp_year,
    )
