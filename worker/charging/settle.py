"""Settling: verdicts of a micro-batch into the books in one short transaction; a bad row is parked alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from worker import boundary
from worker.billing import dunning
from worker.billing.states import DeclineKind, Purpose
from worker.charging.fulfil import Moment, carry_out
from worker.charging.learning import keep_learned, learn_methods
from worker.charging.letters import NO_METHOD_CODE, Rung, mail_of_decline, ring_now, send_mails
from worker.charging.outcomes import Step, Verdict
from worker.charging.suspension import give_up
from worker.gateways.answers import AnswerKind, ProviderMethod
from worker.queue.items import Lease, fence
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import charges, orders, settlement
from worker.store.mails import NewMail

AMOUNT_DIFFERS = "amount_differs"
PROCESSING_CHECK = timedelta(hours=6)
"""A payment that processes is told of by events; this is how long we trust them before we read."""
UNKNOWN_PAUSES = (timedelta(seconds=20), timedelta(seconds=40), timedelta(minutes=1), timedelta(minutes=5))
UNKNOWN_PAUSE_MAX = timedelta(minutes=30)
REPLACED = "replaced"
"""Prefix of the keys of items that cancel what an order at the desk takes the place of."""
ORDER_PAUSE_FIRST = timedelta(minutes=1)
"""After so long an order that waits for its customer is read for the first time."""
UNKNOWN_CHECKS_MAX = 100
"""About two days of reading in vain; then a person must look."""


def check_pause(checks: int) -> timedelta:
    """How long to wait before an unknown charge is read for the next time."""
    return UNKNOWN_PAUSES[checks] if checks < len(UNKNOWN_PAUSES) else UNKNOWN_PAUSE_MAX


def settle(
    runtime: Runtime, lease: Lease, verdicts: Sequence[Verdict], *, checks: dict[int, int] | None = None
) -> Counter[str]:
    """Write a micro-batch's verdicts. Returns how many charges took which step.

    When the set violates a constraint, each verdict is written alone, and the one that cannot be is parked.
    """
    if not verdicts:
        return Counter()
    learned = learn_methods(runtime, verdicts)
    try:
        return _settle(runtime, lease, verdicts, checks or {}, learned)
    except IntegrityError as error:
        if len(verdicts) > 1:
            counts: Counter[str] = Counter()
            for verdict in verdicts:
                counts += settle(runtime, lease, [verdict], checks=checks)
            return counts
        detail = str(error.orig).splitlines()[0]
        with boundary.transaction(runtime.engine, "charging.park") as connection:
            fence(connection, lease)
            charges.park(connection, [(verdicts[0].charge_id, "books_refuse", detail)], now=runtime.clock.now())
        return Counter({Step.PARK.value: 1})


def _settle(
    runtime: Runtime,
    lease: Lease,
    verdicts: Sequence[Verdict],
    checks: dict[int, int],
    learned: Mapping[int, ProviderMethod],
) -> Counter[str]:
    now, today = runtime.clock.now(), runtime.clock.today()
    rung = Rung()
    with boundary.transaction(runtime.engine, "charging.settle") as connection:
        fence(connection, lease)
        orders.lock_accounts(connection, [v.charge_id for v in verdicts])
        verdicts = _demand_right_amounts(connection, verdicts)
        by_step = {step: [v for v in verdicts if v.step is step] for step in Step}
        _answer_attempts(connection, verdicts, now=now)
        keep_learned(connection, learned)
        mails = _succeed(runtime, connection, lease, by_step[Step.SUCCEED], rung, now=now, today=today)
        mails += _decline(runtime, connection, by_step[Step.DECLINE], now=now, today=today)
        _wait(
            connection,
            [*by_step[Step.PROCESS], *by_step[Step.UNKNOWN], *by_step[Step.CANCEL_AGAIN]],
            checks,
            now=now,
        )
        stepping = [v for v in (*by_step[Step.STEP_BACK], *by_step[Step.PARK]) if v.reason != AMOUNT_DIFFERS]
        settlement.step_back(connection, [v.charge_id for v in stepping])
        mails += give_up(
            connection,
            [v.charge_id for v in by_step[Step.GIVE_UP]],
            runtime,
            today=today,
            now=now,
            replaced=lease.key.startswith(REPLACED),
        )
        rung.items += _begin_anew(connection, lease, [v.charge_id for v in by_step[Step.GIVE_UP]], today=today)
        charges.park(
            connection,
            list(_parked(by_step[Step.PARK], [*by_step[Step.UNKNOWN], *by_step[Step.CANCEL_AGAIN]], checks)),
            now=now,
        )
        send_mails(connection, lease, mails, rung)
    ring_now(runtime, rung)
    return Counter(verdict.step.value for verdict in verdicts)


def _begin_anew(connection: Connection, lease: Lease, given_up: Sequence[int], *, today: date) -> list[int]:
    """Renewals that were given up without any answer are charged anew at once: the morning's run may be over (R8b)."""
    if not given_up or lease.key.startswith(REPLACED):
        return []
    planned = charges.plan_anew(connection, given_up, today=today)
    return ring(
        connection,
        job="renew",
        items=in_items(planned, size=len(planned) or 1, claims=Claimed.CHARGES, prefix="charges"),
        business_date=today,
        root_run_id=lease.root_run_id,
        by=lease.job,
    )


def _demand_right_amounts(connection: Connection, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Park a success whose sum is not ours: the books must never say what did not happen."""
    paid = [v for v in verdicts if v.step is Step.SUCCEED and v.answer.amount_minor is not None]
    if not paid:
        return list(verdicts)
    ours = settlement.amounts(connection, [v.charge_id for v in paid])
    wrong = {v.charge_id for v in paid if ours[v.charge_id] != (v.answer.amount_minor, v.answer.currency)}
    return [
        Verdict(v.charge_id, Step.PARK, v.answer, reason=AMOUNT_DIFFERS) if v.charge_id in wrong else v
        for v in verdicts
    ]


_ATTEMPT_STATES = {
    Step.SUCCEED: "succeeded",
    Step.PROCESS: "processing",
    Step.DECLINE: "declined",
    Step.UNKNOWN: "unknown",
    Step.STEP_BACK: "void",
    Step.GIVE_UP: "void",
    Step.PARK: "void",
    Step.CANCEL_AGAIN: "unknown",
}


def _answer_attempts(connection: Connection, verdicts: Iterable[Verdict], *, now: datetime) -> None:
    rows: list[dict[str, object]] = [
        {
            "charge_id": v.charge_id,
            "state": _ATTEMPT_STATES[v.step],
            "code": v.answer.code,
            "decline_code": v.answer.decline_code,
            "advice_code": v.answer.advice_code,
            "decline_kind": None if v.decline is None else v.decline.value,
            "request_id": v.answer.request_id,
        }
        for v in verdicts
        if v.reason != AMOUNT_DIFFERS
    ]
    settlement.answer_attempts(connection, rows, now=now)


def _succeed(
    runtime: Runtime,
    connection: Connection,
    lease: Lease,
    verdicts: Sequence[Verdict],
    rung: Rung,
    *,
    now: datetime,
    today: date,
) -> list[NewMail]:
    if not verdicts:
        return []
    settled = settlement.succeed(connection, [v.charge_id for v in verdicts], now=now, today=today)
    renewals = [row for row in settled if row.purpose == Purpose.RENEWAL]
    renewed = [row.id for row in renewals]
    settlement.begin_terms(connection, renewed, [row.subscription_id for row in renewals], now=now)
    ordered = [row.id for row in settled if row.purpose != Purpose.RENEWAL]
    carried = carry_out(connection, runtime, ordered, Moment(now, today, lease.root_run_id))
    rung.items += carried.items
    paid = sorted([*renewed, *carried.fulfilled])
    rung.items += ring(
        connection,
        job="issue_invoices",
        items=in_items(paid, size=len(paid) or 1, claims=None, prefix="charges"),
        business_date=lease.business_date,
        root_run_id=lease.root_run_id,
        by=lease.job,
    )
    return carried.mails


def _decline(
    runtime: Runtime, connection: Connection, verdicts: Sequence[Verdict], *, now: datetime, today: date
) -> list[NewMail]:
    if not verdicts:
        return []
    verdict_of = {v.charge_id: v for v in verdicts}
    rows, mails = [], []
    for row in settlement.to_decline(connection, list(verdict_of)):
        verdict = verdict_of[row.id]
        kind = verdict.decline or DeclineKind.SOFT
        if row.purpose != Purpose.RENEWAL:
            rows.append(_declined_order(row, verdict, kind, now=now))
            continue
        first = row.first_declined_on or today
        next_try = dunning.next_try(first_declined_on=first, today=today, kind=kind, policy=runtime.policy)
        suspends_on = dunning.schedule(first, runtime.policy).ends_on
        code = verdict.answer.decline_code or verdict.answer.code
        rows.append(
            {
                "id": row.id,
                "counts": code != NO_METHOD_CODE,
                "kind": kind.value,
                "code": code,
                "first_declined_on": first.isoformat(),
                "next_try_on": None if next_try is None else next_try.isoformat(),
                "suspends_on": suspends_on.isoformat(),
                "check_after": None,
            }
        )
        mails.append(mail_of_decline(runtime, row, kind, code, next_try=next_try, suspends_on=suspends_on, today=today))
    settlement.decline(connection, rows)
    return mails


def _declined_order(row: Row[Any], verdict: Verdict, kind: DeclineKind, *, now: datetime) -> dict[str, object]:
    """An order has no schedule: its customer is there, is told at once, and may pay otherwise on the page (R4)."""
    code = verdict.answer.decline_code or verdict.answer.code
    return {
        "id": row.id,
        "counts": code != NO_METHOD_CODE,
        "kind": kind.value,
        "code": code,
        "first_declined_on": None if row.first_declined_on is None else row.first_declined_on.isoformat(),
        "next_try_on": None,
        "suspends_on": None if row.suspends_on is None else row.suspends_on.isoformat(),
        "check_after": (now + ORDER_PAUSE_FIRST).isoformat(),
    }


_WAITING_STATES = {Step.PROCESS: "processing", Step.UNKNOWN: "unknown", Step.CANCEL_AGAIN: "cancelling"}


def _wait(connection: Connection, verdicts: Sequence[Verdict], checks: dict[int, int], *, now: datetime) -> None:
    rows: list[dict[str, object]] = []
    for verdict in verdicts:
        # one that goes on processing for all we know, since it could not be read, is read again soon
        processing = verdict.step is Step.PROCESS and verdict.answer.kind is AnswerKind.PROCESSING
        done = checks.get(verdict.charge_id, 0)
        pause = PROCESSING_CHECK if processing else check_pause(done)
        rows.append(
            {
                "id": verdict.charge_id,
                "state": _WAITING_STATES[verdict.step],
                "check_after": (now + pause).isoformat(),
                "checks": 0 if processing else done + 1,
            }
        )
    settlement.wait(connection, rows)


def _parked(
    refused: Sequence[Verdict], unknown: Sequence[Verdict], checks: dict[int, int]
) -> Iterable[tuple[int, str, str]]:
    for verdict in refused:
        detail = f"{verdict.answer.code or ''} {verdict.answer.message or ''} {verdict.answer.request_id or ''}"
        yield verdict.charge_id, verdict.reason or "provider_refused", detail.strip()
    for verdict in unknown:
        if checks.get(verdict.charge_id, 0) >= UNKNOWN_CHECKS_MAX:
            yield (
                verdict.charge_id,
                "unknown_too_long",
                verdict.answer.message or "the provider gives no answer",
            )
