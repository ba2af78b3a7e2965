"""The table of outcomes: closed, and nothing but a definite answer is taken for one."""

import pytest

from worker.billing.states import DeclineKind
from worker.charging.outcomes import Step, of_confirmation, of_reading
from worker.gateways.answers import Answer, AnswerKind

DEFINITE = {Step.SUCCEED, Step.DECLINE, Step.GIVE_UP}


@pytest.mark.parametrize("kind", list(AnswerKind))
def test_every_answer_has_a_step_and_no_step_guesses(kind: AnswerKind) -> None:
    sent, again, read = (
        of_confirmation(1, Answer(kind)),
        of_confirmation(1, Answer(kind), resent=True),
        of_reading(1, Answer(kind)),
    )
    for verdict in (sent, again, read):
        assert (verdict.step is Step.SUCCEED) == (kind is AnswerKind.SUCCEEDED)
        assert (verdict.step is Step.GIVE_UP) == (kind is AnswerKind.CANCELLED)
        assert (verdict.decline is not None) == (verdict.step is Step.DECLINE)
    assert again.step not in {Step.STEP_BACK, Step.PARK}, "a repeat says nothing of the first time"
    assert read.step not in {Step.DECLINE, Step.STEP_BACK, Step.PARK, Step.READ}, "a read only tells where it stands"


@pytest.mark.parametrize("kind", [AnswerKind.UNKNOWN, AnswerKind.REFUSED, AnswerKind.NOT_EXECUTED])
def test_what_cannot_be_read_stays_as_it_is(kind: AnswerKind) -> None:
    assert of_reading(1, Answer(kind)).step is Step.UNKNOWN
    assert of_reading(1, Answer(kind), was_processing=True).step is Step.PROCESS


def test_a_payment_that_processed_and_waits_again_has_failed_and_says_why() -> None:
    poor = Answer(AnswerKind.WAITING, code="card_declined", decline_code="insufficient_funds")
    stolen = Answer(AnswerKind.WAITING, code="card_declined", decline_code="stolen_card")
    assert of_reading(1, poor, was_processing=True).decline is DeclineKind.SOFT
    assert of_reading(1, stolen, was_processing=True).decline is DeclineKind.HARD
    assert of_reading(1, poor).step is Step.RESEND, "without that, only the same attempt again tells"


def test_R8c_a_confirmation_that_waits_asks_for_the_customer() -> None:
    assert of_confirmation(1, Answer(AnswerKind.WAITING)).decline is DeclineKind.NEEDS_ACTION
    demanded = Answer(AnswerKind.DECLINED, code="authentication_required")
    assert of_confirmation(1, demanded).decline is DeclineKind.NEEDS_ACTION


def test_R8b_an_ended_agreement_is_no_usable_method() -> None:
    ended = Answer(AnswerKind.DECLINED, code="payment_intent_mandate_invalid")
    assert of_confirmation(1, ended).decline is DeclineKind.HARD
    assert of_confirmation(1, ended).step in DEFINITE
