"""R7b, R8b, R8d, R9b, R9c: the defaults of the rule numbers, and what they may not be."""

from typing import Any

import pytest

from worker.billing.money import Currency
from worker.billing.policy import Policy
from worker.errors import RuleError

POLICY = Policy()


def test_the_defaults_are_those_of_the_product_rules() -> None:
    assert POLICY.retry_days == (1, 3, 5, 7)  # R8b
    assert POLICY.reminder_days == (14, 7, 1)  # R9b
    assert (POLICY.yearly_announcement_days, POLICY.card_expiry_days) == (30, 14)  # R9c
    assert (POLICY.price_notice_days, POLICY.extension_days_max) == (30, 366)  # R3b
    assert POLICY.minimum_minor == {  # R7b: 0.50 dollars and euros, 2 zloty, 15 crowns
        Currency.USD: 50,
        Currency.EUR: 50,
        Currency.PLN: 200,
        Currency.CZK: 1500,
    }


@pytest.mark.parametrize(
    "numbers",
    [
        {"retry_days": ()},  # no try at all: the schedule would have no end
        {"retry_days": (0, 3)},  # on the day of the decline itself
        {"retry_days": (1, 5, 3)},
        {"retry_days": (1, 1)},  # twice on one day
        {"reminder_days": ()},
        {"reminder_days": (1, 7, 14)},  # the wrong way round
        {"reminder_days": (7, 7)},
        {"reminder_days": (7, 0)},  # on the day on which the term has ended
        {"yearly_announcement_days": 0},
        {"card_expiry_days": 0},
        {"price_notice_days": 0},
        {"extension_days_max": 0},
        {"replay_limit_hours": 0},
        {"replay_limit_hours": 24},  # the provider may have forgotten the key
        {"hold_multiple": 0},
        {"hold_history_runs": 0},
        {"minimum_minor": {Currency.PLN: 200}},  # three currencies are missing
        {"minimum_minor": dict.fromkeys(Currency, 0)},  # the provider charges no nothing
    ],
)
def test_numbers_that_contradict_themselves_are_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(RuleError, match=next(iter(numbers))):
        Policy(**numbers)


def test_a_policy_does_not_change_with_the_settings_it_came_from() -> None:
    minimums = dict.fromkeys(Currency, 100)
    policy = Policy(minimum_minor=minimums)
    minimums[Currency.PLN] = 1
    assert policy.minimum_minor[Currency.PLN] == 100


@pytest.mark.parametrize(
    ("planned_minor", "earlier_minor", "holds"),
    [
        (501, [100] * 7, True),  # more than five times the usual sum
        (500, [100] * 7, False),  # exactly five times
        (10**9, [100] * 6, False),  # too little history to know what is usual
        (10**9, [], False),  # the first run ever
        (501, [100] * 7 + [0] * 50, True),  # quiet days do not make a busy one unusual ...
        (400, [100] * 7 + [0] * 50, False),  # ... nor count as history of a sum
        (10**9, [100] * 6 + [0] * 50, False),
        (501, [100] * 6 + [10**9], True),  # one outlier does not become the usual
        (0, [100] * 7, False),  # nothing to do
    ],
)
def test_R8d_an_unusual_day_waits_for_an_operator(planned_minor: int, earlier_minor: list[int], *, holds: bool) -> None:
    assert POLICY.holds(planned_minor=planned_minor, earlier_minor=earlier_minor) is holds
