"""R10 and the pipeline: closed transition tables, no dead ends, and the states that never suspend."""

from itertools import product

import pytest

from worker.billing.states import (
    BLOCKING,
    CHARGE_TRANSITIONS,
    FINAL,
    LIVE,
    OPEN,
    PAYOUT_TRANSITIONS,
    SUBSCRIPTION_TRANSITIONS,
    ChargeState,
    PayoutState,
    SubscriptionStatus,
    check_payout_transition,
    check_subscription_transition,
    check_transition,
    states_before,
)
from worker.errors import RuleError


def reachable(start: ChargeState) -> set[ChargeState]:
    """Every state that a charge can come to from this one."""
    found: set[ChargeState] = set()
    ahead = {start}
    while ahead:
        ahead = {after for state in ahead for after in CHARGE_TRANSITIONS[state]} - found
        found |= ahead
    return found


def test_the_charge_table_is_closed() -> None:
    assert set(CHARGE_TRANSITIONS) == set(ChargeState)
    assert {after for following in CHARGE_TRANSITIONS.values() for after in following} <= set(ChargeState)


def test_open_and_final_divide_the_states() -> None:
    ended = {ChargeState.SUCCEEDED, ChargeState.FAILED, ChargeState.CANCELLED}
    assert ended == FINAL
    assert set(ChargeState) == OPEN | FINAL
    assert not OPEN & FINAL


def test_every_state_is_reached_from_planned() -> None:
    assert reachable(ChargeState.PLANNED) == set(ChargeState) - {ChargeState.PLANNED}


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_charge_can_still_be_paid_and_can_end_unpaid(state: ChargeState) -> None:
    assert ChargeState.SUCCEEDED in reachable(state)
    assert reachable(state) & {ChargeState.FAILED, ChargeState.CANCELLED}


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_follows_a_final_state(state: ChargeState) -> None:
    assert reachable(state) == set()


def test_R10_only_a_declined_or_ended_charge_lets_an_account_be_suspended() -> None:
    assert set(ChargeState) - BLOCKING == FINAL | {ChargeState.DECLINED}


def test_an_unknown_charge_is_never_confirmed_anew_before_it_is_settled() -> None:
    steps = CHARGE_TRANSITIONS[ChargeState.UNKNOWN]
    assert not steps & {ChargeState.PRICED, ChargeState.CREATED, ChargeState.CONFIRMING}


def test_R10_a_charge_is_cancelled_at_the_provider_before_it_fails_for_good() -> None:
    assert ChargeState.SUCCEEDED in CHARGE_TRANSITIONS[ChargeState.CANCELLING]


def test_check_transition_agrees_with_the_table_for_every_pair() -> None:
    for before, after in product(ChargeState, repeat=2):
        if after in CHARGE_TRANSITIONS[before]:
            check_transition(before=before, after=after)
        else:
            with pytest.raises(RuleError, match=f"no way leads from {before} to {after}"):
                check_transition(before=before, after=after)


@pytest.mark.parametrize("after", sorted(ChargeState))
def test_states_before_is_the_table_read_backwards(after: ChargeState) -> None:
    assert states_before(after) == {state for state in ChargeState if after in CHARGE_TRANSITIONS[state]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE),  # R8b: declined
        (SubscriptionStatus.PAST_DUE, SubscriptionStatus.ACTIVE),  # R8b: paid within the schedule
        (SubscriptionStatus.PAST_DUE, SubscriptionStatus.SUSPENDED),  # R10: the schedule has run out
        (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED),  # R9: renewal is off
        (SubscriptionStatus.SUSPENDED, SubscriptionStatus.ACTIVE),  # R10: a later order
        (SubscriptionStatus.SUSPENDED, SubscriptionStatus.ENDED),  # R11: back to Free
    ],
)
def test_steps_of_a_subscription(before: SubscriptionStatus, after: SubscriptionStatus) -> None:
    check_subscription_transition(before=before, after=after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SubscriptionStatus.ENDED, SubscriptionStatus.ACTIVE),  # an ended one never returns
        (SubscriptionStatus.SUSPENDED, SubscriptionStatus.PAST_DUE),  # the unpaid days are forgiven
        (SubscriptionStatus.ACTIVE, SubscriptionStatus.ACTIVE),  # no step at all
    ],
)
def test_steps_that_no_subscription_takes(before: SubscriptionStatus, after: SubscriptionStatus) -> None:
    with pytest.raises(RuleError, match=f"from {before} to {after}"):
        check_subscription_transition(before=before, after=after)


def test_the_subscription_table_is_closed_and_live_is_active_or_past_due() -> None:
    assert set(SUBSCRIPTION_TRANSITIONS) == set(SubscriptionStatus)
    assert {SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE} == LIVE


def test_the_payout_table_is_closed_and_agrees_with_its_check() -> None:
    assert set(PAYOUT_TRANSITIONS) == set(PayoutState)
    for before, after in product(PayoutState, repeat=2):
        if after in PAYOUT_TRANSITIONS[before]:
            check_payout_transition(before=before, after=after)
        else:
            with pytest.raises(RuleError, match=f"no way leads from {before} to {after}"):
                check_payout_transition(before=before, after=after)


def test_R14b_a_payout_without_an_answer_is_never_planned_again() -> None:
    assert PayoutState.PLANNED not in PAYOUT_TRANSITIONS[PayoutState.UNKNOWN]
    assert PayoutState.SENT not in PAYOUT_TRANSITIONS[PayoutState.UNKNOWN]
    assert PAYOUT_TRANSITIONS[PayoutState.SUCCEEDED] == {PayoutState.FAILED}, "the bank may send it back"
