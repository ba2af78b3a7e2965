"""The states of subscriptions, charges and payouts, one transition table each, and the kinds of decline."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from worker.errors import RuleError


class SubscriptionStatus(StrEnum):
    """Where a subscription stands; pending is ordered and not paid; suspended is not Free, it keeps its data (R10)."""

    PENDING = "pending"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    ENDED = "ended"


LIVE = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE})

SUBSCRIPTION_TRANSITIONS: Mapping[SubscriptionStatus, frozenset[SubscriptionStatus]] = MappingProxyType(
    {
        SubscriptionStatus.PENDING: frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.ENDED}),
        SubscriptionStatus.ACTIVE: frozenset(
            {SubscriptionStatus.PAST_DUE, SubscriptionStatus.SUSPENDED, SubscriptionStatus.ENDED}
        ),
        SubscriptionStatus.PAST_DUE: frozenset(
            {SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED, SubscriptionStatus.ENDED}
        ),
        SubscriptionStatus.SUSPENDED: frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.ENDED}),
        SubscriptionStatus.ENDED: frozenset(),
    }
)


class ChargeState(StrEnum):
    """Where a charge stands on its way through the pipeline.

    UNKNOWN is everything that is neither a definite yes nor a definite no; a read at the provider settles it.
    """

    PLANNED = "planned"
    PRICED = "priced"
    CREATED = "created"
    CONFIRMING = "confirming"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    DECLINED = "declined"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_S = ChargeState

CHARGE_TRANSITIONS: Mapping[ChargeState, frozenset[ChargeState]] = MappingProxyType(
    {
        _S.PLANNED: frozenset({_S.PRICED, _S.CANCELLED}),
        # Succeeded at once: credit covers it, or it is carried. Declined at once: there is no usable method.
        # Cancelling: renewal was switched off before the confirmation began (R7).
        _S.PRICED: frozenset({_S.CREATED, _S.SUCCEEDED, _S.DECLINED, _S.CANCELLING}),
        # Succeeded, processing, cancelled: an order that the customer paid or gave up on the page, without our try.
        _S.CREATED: frozenset(
            {_S.CONFIRMING, _S.CANCELLING, _S.DECLINED, _S.SUCCEEDED, _S.PROCESSING, _S.CANCELLED, _S.FAILED}
        ),
        # Back to created or declined: the provider certainly did not execute the confirmation.
        _S.CONFIRMING: frozenset(
            {_S.SUCCEEDED, _S.PROCESSING, _S.DECLINED, _S.UNKNOWN, _S.CREATED, _S.CANCELLED, _S.FAILED},
        ),
        # To itself: read again, and still not known.
        _S.UNKNOWN: frozenset(
            {_S.SUCCEEDED, _S.PROCESSING, _S.DECLINED, _S.UNKNOWN, _S.CANCELLED, _S.FAILED},
        ),
        _S.PROCESSING: frozenset(
            {_S.SUCCEEDED, _S.DECLINED, _S.UNKNOWN, _S.PROCESSING, _S.CANCELLED, _S.FAILED},
        ),
        # Succeeded or processing: the customer authenticated or paid while we waited.
        # To itself: a try was due, and there is no method any more.
        _S.DECLINED: frozenset(
            {_S.CONFIRMING, _S.DECLINED, _S.CANCELLING, _S.SUCCEEDED, _S.PROCESSING, _S.CANCELLED, _S.FAILED},
        ),
        # Succeeded: the cancellation came too late, and the term is renewed instead (R10).
        # To itself: the cancellation got no answer and is asked for again.
        _S.CANCELLING: frozenset(
            {_S.FAILED, _S.CANCELLED, _S.SUCCEEDED, _S.PROCESSING, _S.CANCELLING},
        ),
        _S.SUCCEEDED: frozenset(),
        _S.FAILED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)

FINAL = frozenset(state for state, following in CHARGE_TRANSITIONS.items() if not following)
OPEN = frozenset(ChargeState) - FINAL
# A renewal in one of these never suspends its account (R10): its answer is still to come.
BLOCKING = OPEN - {ChargeState.DECLINED}
UNDER_WAY = frozenset({ChargeState.CONFIRMING, ChargeState.UNKNOWN, ChargeState.PROCESSING})
"""States of a charge whose answer is still to come: nothing else may happen to it meanwhile (R12d)."""


class Purpose(StrEnum):
    """What a charge is for. Purchases and changes are orders: they have a quote (R4)."""

    RENEWAL = "renewal"
    PURCHASE = "purchase"
    CHANGE = "change"


class Payer(StrEnum):
    """Who confirms a payment: we, without the customer; we, with the customer there; the customer on the page."""

    AUTOMATIC = "automatic"
    SAVED_METHOD = "saved_method"
    PAGE = "page"


class PayoutState(StrEnum):
    """Where a refund of one charge stands at the provider (R14b).

    UNKNOWN is everything that is neither a definite yes nor a definite no; a look at the provider settles it.
    """

    PLANNED = "planned"
    SENT = "sent"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_P = PayoutState

PAYOUT_TRANSITIONS: Mapping[PayoutState, frozenset[PayoutState]] = MappingProxyType(
    {
        _P.PLANNED: frozenset({_P.SENT}),
        # Back to planned: the provider certainly did not execute the request.
        _P.SENT: frozenset({_P.PLANNED, _P.PENDING, _P.SUCCEEDED, _P.FAILED, _P.UNKNOWN}),
        # To itself: looked at again, and still not known. Never back to planned, which would be sent anew.
        _P.UNKNOWN: frozenset({_P.UNKNOWN, _P.PENDING, _P.SUCCEEDED, _P.FAILED}),
        _P.PENDING: frozenset({_P.PENDING, _P.SUCCEEDED, _P.FAILED}),
        # The bank may send the money back after all.
        _P.SUCCEEDED: frozenset({_P.FAILED}),
        # An operator has it paid again, under a new name; nothing of the old one moved any money.
        _P.FAILED: frozenset({_P.PLANNED}),
    }
)


class DeclineKind(StrEnum):
    """What a decline means for the next try.

    soft: the same method is tried again by the schedule. hard: never again with this method (R8b).
    needs_action: the customer must authenticate, and no try of ours can help (R8c).
    """

    SOFT = "soft"
    HARD = "hard"
    NEEDS_ACTION = "needs_action"


def check_transition(*, before: ChargeState, after: ChargeState) -> None:
    """Refuse a step of a charge that the table does not have.

    Raises:
        RuleError: the message names both states.
    """
    _check(CHARGE_TRANSITIONS, before=before, after=after)


def check_subscription_transition(*, before: SubscriptionStatus, after: SubscriptionStatus) -> None:
    """Refuse a step of a subscription that the table does not have.

    Raises:
        RuleError: the message names both states.
    """
    _check(SUBSCRIPTION_TRANSITIONS, before=before, after=after)


def check_payout_transition(*, before: PayoutState, after: PayoutState) -> None:
    """Refuse a step of a payout that the table does not have.

    Raises:
        RuleError: the message names both states.
    """
    _check(PAYOUT_TRANSITIONS, before=before, after=after)


def states_before(after: ChargeState) -> frozenset[ChargeState]:
    """The states from which a charge may come to this one, for statements that move many rows at once."""
    return frozenset(state for state, following in CHARGE_TRANSITIONS.items() if after in following)


_State = TypeVar("_State", bound=StrEnum)


def _check(table: Mapping[_State, frozenset[_State]], *, before: _State, after: _State) -> None:
    if after not in table[before]:
        raise RuleError(f"no way leads from {before} to {after}")
