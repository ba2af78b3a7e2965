"""The sum of a refund (R14b): what was paid for the purchase and for the changes since, less credit spent elsewhere.

The refund ends the subscription, so all that its charges sold is taken back. Each charge was paid partly by
the card and partly by credit, and credit that a charge of the same subscription gave and another one took
stays inside: it is neither paid out nor lost. What is left to decide is the credit outside:

- credit that did not come from these charges was there first, is spent first, and stays the account's own;
- credit from these charges that paid for something which is not refunded lowers the refund;
- whatever else remains of these charges' credit is cancelled, because its money is paid out;
- a sum that one of these charges carried to the next (R7b) was never paid: it is cancelled too.

Ops' refund in part (R14b, `--override`) leaves the subscription and its credit alone: `partial_parts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from worker.errors import RuleError

REFUND_DAYS = 15
"""The days of R14, for callers without a setting of their own; the day of the purchase is not counted."""


@dataclass(frozen=True, slots=True)
class PaidCharge:
    """A charge of the subscription that took effect, gross, in minor units of one currency.

    charged_minor: what the provider collected. refunded_minor: what of it went back already, or is on its way.
    credit_used_minor: what credit paid of it. credit_given_minor: the unused part it turned into credit.

    Raises:
        RuleError: on building one with a negative sum, or with more refunded than collected.
    """

    charged_minor: int
    credit_used_minor: int = 0
    credit_given_minor: int = 0
    refunded_minor: int = 0

    def __post_init__(self) -> None:
        if min(self.charged_minor, self.credit_used_minor, self.credit_given_minor, self.refunded_minor) < 0:
            raise RuleError(f"a sum is negative: {self}")
        if self.refunded_minor > self.charged_minor:
            raise RuleError(f"{self.refunded_minor} of {self.charged_minor} cannot have been refunded")

    @property
    def refundable_minor(self) -> int:
        """What the provider can still give back on this charge."""
        return self.charged_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class Refund:
    """What a full refund does, in minor units.

    parts: what goes back on each charge, in the order of the charges; the provider refunds per charge.
    credit_before_minor, credit_after_minor: the account's credit. What these charges gave is cancelled, and
        other credit that they took comes back, so either may be the larger one.
    """

    parts: tuple[int, ...]
    credit_before_minor: int
    credit_after_minor: int

    @property
    def total_minor(self) -> int:
        """What goes back in all."""
        return sum(self.parts)


def last_refund_day(first_paid_on: date, *, days: int = REFUND_DAYS) -> date:
    """The last day, in the seller's zone, on whose whole length a customer may ask (R14b)."""
    return first_paid_on + timedelta(days=days)


def price_refund(charges: Sequence[PaidCharge], *, other_credit_minor: int, spent_elsewhere_minor: int) -> Refund:
    """Price the full refund of a purchase, `charges[0]`, and of all its changes since, oldest first (R14b).

    other_credit_minor: all credit that did not come from these charges: what the account had before the
        first of them and what it was given since. spent_elsewhere_minor: all credit spent since the first of
        them on anything that is not refunded, such as a renewal.

    The account's credit is not an argument, because it follows from the rest.

    Raises:
        RuleError: there is no charge, everything is refunded already, a sum is negative, or more credit was
            spent than there was.
    """
    if min(other_credit_minor, spent_elsewhere_minor) < 0:
        raise RuleError(f"a sum is negative: {other_credit_minor} of credit, {spent_elsewhere_minor} spent")
    if not any(charge.refundable_minor for charge in charges):
        raise RuleError("there is nothing left to refund")
    own_minor = sum(charge.credit_given_minor - charge.credit_used_minor for charge in charges)
    credit_minor = other_credit_minor + own_minor - spent_elsewhere_minor
    if credit_minor < 0:
        raise RuleError(f"{-credit_minor} more credit was spent than there was")
    lowered_minor = max(spent_elsewhere_minor - other_credit_minor, 0)
    return Refund(
        parts=_newest_lowered(charges, lowered_minor),
        credit_before_minor=credit_minor,
        credit_after_minor=max(other_credit_minor - spent_elsewhere_minor, 0),
    )


def partial_parts(charges: Sequence[PaidCharge], *, asked_minor: int) -> tuple[int, ...]:
    """Spread a refund in part, by ops, over the charges: from the newest back; subscription and credit stay.

    Raises:
        RuleError: nothing is asked for, or more than is left to refund.
    """
    left_minor = sum(charge.refundable_minor for charge in charges)
    if not 0 < asked_minor <= left_minor:
        raise RuleError(f"{asked_minor} cannot be refunded: {left_minor} is left of what was paid")
    parts: list[int] = []
    for charge in reversed(charges):
        part_minor = min(charge.refundable_minor, asked_minor)
        asked_minor -= part_minor
        parts.append(part_minor)
    return tuple(reversed(parts))


def _newest_lowered(charges: Sequence[PaidCharge], lowered_minor: int) -> tuple[int, ...]:
    """All that is refundable, less a sum that is taken off the newest charge first, and never below nothing."""
    parts: list[int] = []
    for charge in reversed(charges):
        off_minor = min(charge.refundable_minor, lowered_minor)
        lowered_minor -= off_minor
        parts.append(charge.refundable_minor - off_minor)
    return tuple(reversed(parts))
