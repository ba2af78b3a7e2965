"""Whether an order whose money has arrived can still be carried out, and from which day (R4, R10, R12c).

Money may come late: after midnight, after the end of the term, after support did something else. It is honoured at
the quoted sum wherever what was ordered still fits, and goes back by itself where it does not.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from worker.billing.states import LIVE, Purpose, SubscriptionStatus


class Fulfilment(StrEnum):
    """What becomes of a paid order."""

    AS_QUOTED = "as_quoted"
    FROM_TODAY = "from_today"
    """A whole term that starts on the day of the payment."""
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Ordered:
    """A paid order: the term that it buys, or, for a change within a term, the running one, and where it started.

    ends_on: the first day that it does not pay. base_configuration: what the change was priced from.
    """

    purpose: Purpose
    buys_term: bool
    term_number: int
    ends_on: date
    base_configuration: int | None


@dataclass(frozen=True, slots=True)
class Present:
    """The subscription as it stands when the money arrives; `another_live`: a second one of the account is live."""

    status: SubscriptionStatus
    term_number: int
    configuration: int | None
    another_live: bool


def decide(ordered: Ordered, present: Present, *, today: date) -> tuple[Fulfilment, str]:
    """What becomes of the order, and why, for the operator who asks."""
    if present.status is SubscriptionStatus.ENDED:
        return Fulfilment.RETURN, "the subscription has ended"
    if ordered.purpose is Purpose.PURCHASE:
        if present.another_live or present.status in LIVE:
            return Fulfilment.RETURN, "the account has a live subscription already"
        return Fulfilment.FROM_TODAY, "a new term starts on the day of the payment"
    return _decide_change(ordered, present, today=today)


def _decide_change(ordered: Ordered, present: Present, *, today: date) -> tuple[Fulfilment, str]:
    if present.configuration != ordered.base_configuration:
        return Fulfilment.RETURN, "the subscription was changed otherwise meanwhile"
    if ordered.term_number != present.term_number + (1 if ordered.buys_term else 0):
        return Fulfilment.RETURN, "another term has begun meanwhile"
    if not ordered.buys_term:
        if present.status not in LIVE or today >= ordered.ends_on:
            return Fulfilment.RETURN, "the term that was changed has ended"
        return Fulfilment.AS_QUOTED, "the change takes effect for the rest of the term"
    if present.status not in LIVE or today >= ordered.ends_on:
        return Fulfilment.FROM_TODAY, "the account was suspended meanwhile: the term starts on the day of the payment"
    return Fulfilment.AS_QUOTED, "the term starts as quoted"
