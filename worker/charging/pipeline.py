"""A leased batch of charges, from wherever each stands to its answer.

The rows' states say what is left to do, so a batch whose worker died goes on where it stopped: what was planned is
priced, what has no PaymentIntent gets one, and a confirmation without an answer is read back before anything else.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from worker import boundary
from worker.billing.states import DeclineKind, Purpose
from worker.charging.letters import NO_METHOD_CODE
from worker.charging.outcomes import Step, Verdict, of_confirmation, of_reading
from worker.charging.price import price_planned
from worker.charging.recover import recover
from worker.charging.settle import ORDER_PAUSE_FIRST, settle
from worker.charging.withdraw import withdraw
from worker.errors import UnreachableError
from worker.gateways.answers import Answer, AnswerKind
from worker.gateways.stripe import ConfirmRequest, IntentRequest
from worker.queue.items import Lease, fence
from worker.runtime import Runtime
from worker.store import attempts, charges

CHARGEABLE = ("priced", "created", "declined")
CREATION_KEYS_MAX = 10
"""So many keys are tried for one PaymentIntent while the provider answers each with an error that it keeps."""


def charge(runtime: Runtime, lease: Lease) -> Counter[str]:
    """Bring every charge of the lease as far as it can go now; returns how many took which step.

    Raises:
        UnreachableError: the provider did not execute some of it; the item is tried again with a pause.
        LeaseLostError: somebody else goes on.
    """
    pricing = price_planned(runtime, lease)
    counts = Counter({"priced": len(pricing.frozen), "unwanted": len(pricing.unwanted), "parked": len(pricing.parked)})
    with boundary.transaction(runtime.engine, "charging.states") as connection:
        fence(connection, lease)
        now, today = runtime.clock.now(), runtime.clock.today()
        charges.park_ended_terms(connection, lease.ids, item=lease.item_id, today=today, now=now)
        states = charges.states(connection, lease.ids, item=lease.item_id)
    lost = [charge_id for charge_id, state in states.items() if state in {"confirming", "unknown", "processing"}]
    counts += recover(runtime, lease, lost)
    counts += withdraw(runtime, lease, [i for i, state in states.items() if state == "cancelling"])
    chargeable = [charge_id for charge_id, state in states.items() if state in CHARGEABLE]
    size = runtime.limits.micro_batch_max
    for start in range(0, len(chargeable), size):
        counts += _micro_batch(runtime, lease, chargeable[start : start + size])
    left = counts[Step.STEP_BACK.value] + counts["not_created"]
    if left:
        raise UnreachableError(f"{left} charges wait for the provider: {dict(counts)}")
    return +counts


def _micro_batch(runtime: Runtime, lease: Lease, ids: Sequence[int]) -> Counter[str]:
    counts: Counter[str] = Counter()
    created, refused = _create(runtime, lease, ids, counts)
    clock = runtime.clock
    with boundary.transaction(runtime.engine, "charging.begin") as connection:
        fence(connection, lease)
        attempts.set_intents(connection, created, look_at=clock.now() + ORDER_PAUSE_FIRST)
        charges.park(connection, refused, now=clock.now())
        unwanted = attempts.withdraw_unwanted(connection, ids, item=lease.item_id)
        methodless = attempts.without_method(connection, ids, item=lease.item_id, today=clock.today())
        begun = attempts.begin(
            connection,
            [i for i in ids if i not in set(methodless)],
            item=lease.item_id,
            today=clock.today(),
            now=clock.now(),
            return_url=runtime.links.account_page_url,
        )
    answers = runtime.payments.confirm(
        [ConfirmRequest(key=f"attempt-{row.uid}", intent=row.provider_intent, parameters=row.request) for row in begun]
    )
    verdicts = [of_confirmation(row.id, _with_ours(row, answer)) for row, answer in zip(begun, answers, strict=True)]
    verdicts = _read_moved_on(runtime, verdicts, {row.id: row.provider_intent for row in begun})
    verdicts += [_nothing_to_pay(i) for i in _free_of_charge(runtime, lease, ids)]
    verdicts += [_no_method(i) for i in methodless]
    counts += settle(runtime, lease, verdicts)
    counts += withdraw(runtime, lease, unwanted)
    return counts


def _create(
    runtime: Runtime, lease: Lease, ids: Sequence[int], counts: Counter[str]
) -> tuple[list[tuple[int, str]], list[tuple[int, str, str]]]:
    """PaymentIntents for charges that have none: (charge, intent) created and (charge, reason, detail) refused."""
    with boundary.transaction(runtime.engine, "charging.to_create") as connection:
        rows = [row for row in attempts.to_create(connection, ids, item=lease.item_id) if row.provider_customer]
    answers = _until_not_kept(runtime, [_intent_of(row) for row in rows])
    created, refused = [], []
    for row, answer in zip(rows, answers, strict=True):
        if answer.kind is AnswerKind.WAITING and answer.intent is not None:
            created.append((row.id, answer.intent))
        elif answer.kind is AnswerKind.REFUSED:
            refused.append((row.id, "provider_refused", f"{answer.code or ''} {answer.message or ''}".strip()))
        else:
            counts["not_created"] += 1
    return created, refused


def _intent_of(row: Row[Any]) -> IntentRequest:
    return IntentRequest(
        key=_creation_key(row),
        amount_minor=row.amount_minor,
        currency=row.currency,
        customer=row.provider_customer,
        metadata={"charge": str(row.uid), "account": row.external_id, "term": str(row.term_number)},
        # also of a saved one: if it is declined, the customer may pay with another one on the page
        save_method=row.purpose != Purpose.RENEWAL,
    )


def _until_not_kept(runtime: Runtime, requests: Sequence[IntentRequest]) -> list[Answer]:
    """Create PaymentIntents; where the provider keeps an error of its own for a key, under that key's next one.

    It would say the same for a day. What the error left behind is never confirmed, so it costs nobody anything. Who
    comes to it later walks the same keys, and a store that was set back is refused at the first.
    """
    answers = runtime.payments.create(requests)
    for another in range(2, CREATION_KEYS_MAX + 1):
        stuck = [n for n, answer in enumerate(answers) if answer.kept and answer.kind is AnswerKind.UNKNOWN]
        if not stuck:
            break
        again = [replace(requests[n], key=f"{requests[n].key}-{another}") for n in stuck]
        for n, answer in zip(stuck, runtime.payments.create(again), strict=True):
            answers[n] = answer
    return answers


def _with_ours(row: Row[Any], answer: Answer) -> Answer:
    """The answer without the name of the method that we sent: there is nothing to learn of it after it has paid."""
    return replace(answer, method=None) if answer.method == row.request["payment_method"] else answer


def _creation_key(row: Row[Any]) -> str:
    """A renewal's is a business key: a store that was set back and plans the charge again is refused, not obeyed."""
    if row.purpose != Purpose.RENEWAL:
        return f"order-{row.uid}"
    return f"renewal-{row.subscription_id}-{row.term_number}-{row.ordinal}"


def _read_moved_on(runtime: Runtime, verdicts: Sequence[Verdict], intents: dict[int, str]) -> list[Verdict]:
    """A PaymentIntent that refused the confirmation because it has moved on is read at once."""
    moved = [verdict.charge_id for verdict in verdicts if verdict.step is Step.READ]
    answers = runtime.payments.read([intents[charge_id] for charge_id in moved])
    readings = {i: of_reading(i, answer) for i, answer in zip(moved, answers, strict=True)}
    # it waits after all: left unknown, the next look sends the same attempt again
    return [
        Verdict(v.charge_id, Step.UNKNOWN, r.answer) if (r := readings.get(v.charge_id, v)).step is Step.RESEND else r
        for v in verdicts
    ]


def _free_of_charge(runtime: Runtime, lease: Lease, ids: Sequence[int]) -> list[int]:
    with boundary.transaction(runtime.engine, "charging.free") as connection:
        return charges.without_sum(connection, ids, item=lease.item_id)


def _nothing_to_pay(charge_id: int) -> Verdict:
    return Verdict(charge_id, Step.SUCCEED, Answer(AnswerKind.SUCCEEDED))


def _no_method(charge_id: int) -> Verdict:
    answer = Answer(AnswerKind.DECLINED, code=NO_METHOD_CODE)
    return Verdict(charge_id, Step.DECLINE, answer, decline=DeclineKind.HARD)
