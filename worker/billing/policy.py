"""The numbers in the rules that are ours to choose, checked once and frozen; each of them is a setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median_high
from types import MappingProxyType

from worker.billing.money import Currency
from worker.billing.refund import REFUND_DAYS
from worker.billing.vat import VIES_VALID_DAYS
from worker.errors import RuleError

# The provider forgets an idempotency key after 24 hours and would charge again under it.
_KEY_LIFE_HOURS = 24


def _published_minimums() -> Mapping[Currency, int]:
    """The provider's published minimums, in minor units.

    They follow the currency of the payout: whoever is paid out in another one raises them by a margin.
    """
    return {Currency.USD: 50, Currency.EUR: 50, Currency.PLN: 200, Currency.CZK: 1500}


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule numbers. Days are calendar days, minimums are minor units.

    retry_days: days after the first decline on which the charge is tried again (R8b).
    reminder_days: days before the end on which a customer is reminded; the notice shows from the first (R9b).
    yearly_announcement_days, card_expiry_days: how early these two announcements go out (R9c).
    price_notice_days: how long before new prices come a customer is told of them (R3b).
    extension_days_max: the most days that support gives at once.
    minimum_minor: below this the provider does not charge (R7b).
    replay_limit_hours: up to this age an attempt may be sent again under its key; later it is cancelled.
    refund_days: so many days after the first payment a customer may have it back (R14).
    hold_multiple, hold_history_runs: a day's sum above so many times the usual one waits for an operator,
        once so many earlier runs show what is usual (R8d).
    quote_minutes, order_hours: how long a quote may be confirmed, and how long its order may be paid (R4).
    agents_max: the most agents of one subscription; beyond it somebody has mistyped.
    vies_valid_days: how old the confirmation of a VAT number may be when VAT is decided (R19b).
    rate_days_max: how much older than a payment the list of exchange rates on its invoice may be (R16).

    Raises:
        RuleError: on building one whose numbers contradict each other.
    """

    retry_days: tuple[int, ...] = (1, 3, 5, 7)
    reminder_days: tuple[int, ...] = (14, 7, 1)
    yearly_announcement_days: int = 30
    card_expiry_days: int = 14
    price_notice_days: int = 30
    extension_days_max: int = 366
    minimum_minor: Mapping[Currency, int] = field(default_factory=_published_minimums)
    replay_limit_hours: int = 23
    refund_days: int = REFUND_DAYS
    hold_multiple: int = 5
    hold_history_runs: int = 7
    quote_minutes: int = 15
    order_hours: int = 24
    agents_max: int = 10_000
    vies_valid_days: int = VIES_VALID_DAYS
    rate_days_max: int = 7

    def __post_init__(self) -> None:
        if not self.retry_days or self.retry_days[0] < 1 or not _ascends(self.retry_days):
            raise RuleError(f"retry_days must be positive and ascend: {self.retry_days}")
        if not self.reminder_days or self.reminder_days[-1] < 1 or not _ascends(self.reminder_days[::-1]):
            raise RuleError(f"reminder_days must be positive and descend: {self.reminder_days}")
        for name in (
            "yearly_announcement_days",
            "card_expiry_days",
            "hold_multiple",
            "hold_history_runs",
            "quote_minutes",
            "order_hours",
            "agents_max",
            "vies_valid_days",
        ):
            if getattr(self, name) < 1:
                raise RuleError(f"{name} must be at least 1: {getattr(self, name)}")
        if min(self.price_notice_days, self.extension_days_max) < 1:
            raise RuleError(
                "price_notice_days and extension_days_max must be at least 1: "
                f"{self.price_notice_days}, {self.extension_days_max}"
            )
        if min(self.refund_days, self.rate_days_max) < 0:
            raise RuleError(
                f"refund_days and rate_days_max must not be negative: {self.refund_days}, {self.rate_days_max}"
            )
        if not 0 < self.replay_limit_hours < _KEY_LIFE_HOURS:
            raise RuleError(f"replay_limit_hours must stay below {_KEY_LIFE_HOURS}: {self.replay_limit_hours}")
        if set(self.minimum_minor) != set(Currency) or min(self.minimum_minor.values()) < 1:
            raise RuleError(f"minimum_minor needs a positive sum for each currency: {dict(self.minimum_minor)}")
        # A copy that nobody else can change.
        object.__setattr__(self, "minimum_minor", MappingProxyType(dict(self.minimum_minor)))

    def holds(self, *, planned_minor: int, earlier_minor: Sequence[int]) -> bool:
        """Whether a day's planned sum is so unusual that an operator must let it go (R8d).

        Both in minor units of one currency. Usual is the median of the earlier runs that planned anything:
        a quiet day says nothing about the size of a busy one, and one outlier does not move a median.
        """
        telling = [sum_minor for sum_minor in earlier_minor if sum_minor > 0]
        if len(telling) < self.hold_history_runs:
            return False
        return planned_minor > self.hold_multiple * median_high(telling)


def _ascends(days: tuple[int, ...]) -> bool:
    return all(earlier < later for earlier, later in pairwise(days))
