"""One table from the provider's answers to what happens next with a charge."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from worker.billing.declines import classify
from worker.billing.states import DeclineKind
from worker.gateways.answers import Answer, AnswerKind


class Step(StrEnum):
    """What happens next with a charge; closed."""

    SUCCEED = "succeed"
    PROCESS = "process"
    DECLINE = "decline"
    UNKNOWN = "unknown"
    STEP_BACK = "step_back"
    """Certainly not executed: it stands where it stood before the confirmation."""
    GIVE_UP = "give_up"
    """Cancelled at the provider, a definite no that no try can change."""
    PARK = "park"
    READ = "read"
    """The PaymentIntent has moved on; read it first."""
    CANCEL_AGAIN = "cancel_again"
    """The cancellation got no answer; it is asked for again."""
    RESEND = "resend"
    """It waits: the same attempt is sent again under the same key."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A step for one charge, with the answer that led to it."""

    charge_id: int
    step: Step
    answer: Answer
    decline: DeclineKind | None = None
    reason: str | None = None


_FIRST_SEND: Mapping[AnswerKind, Step] = MappingProxyType(
    {
        AnswerKind.SUCCEEDED: Step.SUCCEED,
        AnswerKind.PROCESSING: Step.PROCESS,
        AnswerKind.DECLINED: Step.DECLINE,
        # an off-session confirmation that waits for the customer is a demand for authentication (R8c)
        AnswerKind.WAITING: Step.DECLINE,
        AnswerKind.CANCELLED: Step.GIVE_UP,
        AnswerKind.UNEXPECTED_STATE: Step.READ,
        AnswerKind.REFUSED: Step.PARK,
        AnswerKind.NOT_EXECUTED: Step.STEP_BACK,
        AnswerKind.UNKNOWN: Step.UNKNOWN,
    }
)
# after an unknown answer, "not executed" speaks of the repeat only, and a refusal of the repeat is no answer either
_RESEND: Mapping[AnswerKind, Step] = MappingProxyType(
    {**_FIRST_SEND, AnswerKind.NOT_EXECUTED: Step.UNKNOWN, AnswerKind.REFUSED: Step.UNKNOWN}
)
_READ: Mapping[AnswerKind, Step] = MappingProxyType(
    {
        AnswerKind.SUCCEEDED: Step.SUCCEED,
        AnswerKind.PROCESSING: Step.PROCESS,
        AnswerKind.WAITING: Step.RESEND,
        AnswerKind.CANCELLED: Step.GIVE_UP,
        AnswerKind.DECLINED: Step.UNKNOWN,
        AnswerKind.UNEXPECTED_STATE: Step.UNKNOWN,
        AnswerKind.REFUSED: Step.UNKNOWN,
        AnswerKind.NOT_EXECUTED: Step.UNKNOWN,
        AnswerKind.UNKNOWN: Step.UNKNOWN,
    }
)


def of_confirmation(charge_id: int, answer: Answer, *, resent: bool = False) -> Verdict:
    """What an answer to a confirmation means."""
    step = (_RESEND if resent else _FIRST_SEND)[answer.kind]
    if step is Step.DECLINE:
        return Verdict(charge_id, step, answer, decline=_decline_kind(answer))
    if step is Step.PARK:
        return Verdict(charge_id, step, answer, reason="provider_refused")
    return Verdict(charge_id, step, answer)


def of_reading(charge_id: int, answer: Answer, *, was_processing: bool = False) -> Verdict:
    """What a PaymentIntent that was read back means; one that cannot be read stays unknown.

    A payment that was processing and waits again has failed, and the PaymentIntent says why; one that cannot be
    read goes on processing for all we know.
    """
    step = _READ[answer.kind]
    if was_processing and step is Step.UNKNOWN:
        return Verdict(charge_id, Step.PROCESS, answer)
    if was_processing and step is Step.RESEND:
        return Verdict(charge_id, Step.DECLINE, answer, decline=_classify(answer))
    return Verdict(charge_id, step, answer)


def _decline_kind(answer: Answer) -> DeclineKind:
    return DeclineKind.NEEDS_ACTION if answer.kind is AnswerKind.WAITING else _classify(answer)


def _classify(answer: Answer) -> DeclineKind:
    return classify(
        answer.decline_code,
        code=answer.code,
        advice_code=answer.advice_code,
        network_advice_code=answer.network_advice_code,
    )
