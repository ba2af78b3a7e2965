"""Cancel at the provider before anybody is suspended; a PaymentIntent that has succeeded meanwhile renews instead."""

from collections import Counter
from collections.abc import Sequence

from worker import boundary
from worker.charging.outcomes import Step, Verdict
from worker.charging.settle import settle
from worker.gateways.answers import Answer, AnswerKind
from worker.queue.items import Lease
from worker.runtime import Runtime
from worker.store import attempts

_AFTER_CANCEL = {AnswerKind.CANCELLED: Step.GIVE_UP, AnswerKind.UNEXPECTED_STATE: Step.READ}
_AFTER_READ = {
    AnswerKind.SUCCEEDED: Step.SUCCEED,
    AnswerKind.PROCESSING: Step.PROCESS,
    AnswerKind.CANCELLED: Step.GIVE_UP,
}


def withdraw(runtime: Runtime, lease: Lease, ids: Sequence[int]) -> Counter[str]:
    """Cancel charges in the state `cancelling`. What the provider does not answer stays there and is asked again."""
    counts: Counter[str] = Counter()
    size = runtime.limits.micro_batch_max
    for start in range(0, len(ids), size):
        with boundary.transaction(runtime.engine, "charging.to_cancel") as connection:
            rows = attempts.to_cancel(connection, ids[start : start + size], item=lease.item_id)
        with_intent = [row for row in rows if row.provider_intent is not None]
        answers = runtime.payments.cancel([row.provider_intent for row in with_intent])
        verdicts = {
            row.id: Verdict(row.id, _AFTER_CANCEL.get(answer.kind, Step.CANCEL_AGAIN), answer)
            for row, answer in zip(with_intent, answers, strict=True)
        }
        moved = [row for row in with_intent if verdicts[row.id].step is Step.READ]
        readings = runtime.payments.read([row.provider_intent for row in moved])
        for row, answer in zip(moved, readings, strict=True):
            verdicts[row.id] = Verdict(row.id, _AFTER_READ.get(answer.kind, Step.CANCEL_AGAIN), answer)
        # what never reached the provider needs no word from it
        nothing = Answer(AnswerKind.CANCELLED)
        verdicts |= {r.id: Verdict(r.id, Step.GIVE_UP, nothing) for r in rows if r.provider_intent is None}
        counts += settle(runtime, lease, list(verdicts.values()), checks={row.id: row.checks for row in rows})
    return counts
