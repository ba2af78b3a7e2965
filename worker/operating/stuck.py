"""What cannot go on without a person, and why: parked, unanswered, disputed, dead, held, failed, waiting for a rate."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from worker.clock import Clock
from worker.operating.sums import money
from worker.store import disputes, exchange_rates, operations, payouts

HELD_PAGE = "held"
"""The runbook's heading for runs that wait for an operator."""
DISPUTE_PAGE = "dispute"
"""Its heading for chargebacks."""
RATE_PAGE = "waiting_for_rate"
"""Its heading for invoices that wait for an exchange rate."""


@dataclass(frozen=True, slots=True)
class RateRule:
    """Which invoices need an exchange rate: those not in the home currency, with a list at most so many days old."""

    home_currency: str | None = None
    days_max: int = 0


NO_RATES = RateRule()
"""Of a seller who is not registered for VAT."""


def look(connection: Connection, clock: Clock, *, most: int, rule: RateRule = NO_RATES) -> list[dict[str, Any]]:
    """Everything that is stuck: kind, id, state, what it is about, reason, age, next step, runbook heading."""
    waiting = exchange_rates.waiting_for_rate(
        connection, home_currency=rule.home_currency, rate_days=rule.days_max, now=clock.now(), most=most
    )

    return [
        *(_charge(row) for row in operations.stuck_charges(connection, now=clock.now(), most=most)),
        *(_payout(row) for row in payouts.stuck(connection, now=clock.now(), most=most)),
        *(_dispute(row) for row in disputes.stuck(connection, now=clock.now(), most=most)),
        *(_item(row) for row in operations.dead_items(connection, most=most)),
        *(_run(row) for row in operations.held_runs(connection, most=most)),
        *(_mail(row) for row in operations.failed_mails(connection, most=most)),
        *(_invoice(row, rule) for row in waiting),
    ]


def _entry(row: Any, kind: str, *, state: str, about: str, reason: str, runbook: str, act: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": row.id,
        "state": state,
        "about": about,
        "reason": reason,
        "since": row.since,
        "age_s": int(row.age_s),
        "runbook": runbook,
        "next": f'runbook "{runbook}"; {act}',
    }


def _charge(row: Any) -> dict[str, Any]:
    about = f"{row.external_id}, subscription {row.subscription_id}, term {row.term_number}"
    if row.parked_at is not None:
        return _entry(
            row,
            "charge",
            state=f"parked, {row.state}",
            about=about,
            reason=f"{row.parked_reason}: {row.parked_detail}" if row.parked_detail else row.parked_reason,
            runbook=row.parked_reason,
            act=f"odnowa requeue --charge {row.id} --reason ...",
        )
    return _entry(
        row,
        "charge",
        state=row.state,
        about=about,
        reason=f"the provider's answer is missing, read {row.checks} times",
        runbook=row.state,
        act="follow_payments asks again by itself",
    )


def _payout(row: Any) -> dict[str, Any]:
    about = f"{row.external_id}, subscription {row.subscription_id}, {money(row.amount_minor, row.currency)}"
    about += f" of charge {row.charge_id}"
    if row.parked_at is not None:
        return _entry(
            row,
            "payout",
            state=f"parked, {row.state}",
            about=about,
            reason=f"{row.parked_reason}: {row.parked_detail}" if row.parked_detail else row.parked_reason,
            runbook=row.parked_reason,
            act=f"odnowa requeue --payout {row.id} --reason ...",
        )
    return _entry(
        row,
        "payout",
        state=row.state,
        about=about,
        reason=f"the provider's answer is missing, looked up {row.checks} times",
        runbook=row.state,
        act="pay_refunds looks again by itself",
    )


def _dispute(row: Any) -> dict[str, Any]:
    release = f"odnowa desk dispute-release {row.external_id} {row.provider_dispute} --reason ..."
    return _entry(
        row,
        "dispute",
        state=row.status,
        about=f"{row.external_id}, subscription {row.subscription_id}, {row.provider_dispute}",
        reason=f"chargeback of {money(row.amount_minor, row.currency)}: {row.reason}",
        runbook=DISPUTE_PAGE,
        act="wait for the bank" if row.status == "open" else release,
    )


def _item(row: Any) -> dict[str, Any]:
    return _entry(
        row,
        "item",
        state="dead",
        about=f"{row.job} for {row.business_date}, run {row.run_id}, {row.key}",
        reason=f"{row.last_error} ({row.attempts} attempts)",
        runbook=row.job,
        act=f"odnowa requeue --item {row.id} --reason ...",
    )


def _run(row: Any) -> dict[str, Any]:
    return _entry(
        row,
        "run",
        state="held",
        about=f"{row.job} for {row.business_date}",
        reason=row.held_reason,
        runbook=HELD_PAGE,
        act=f"odnowa release {row.id} --reason ..., or odnowa drop {row.id} --reason ...",
    )


def _mail(row: Any) -> dict[str, Any]:
    return _entry(
        row,
        "mail",
        state="failed",
        about=f"{row.external_id}, {row.kind} to {row.recipient or 'nobody yet'}",
        reason=f"{row.last_answer or 'no answer'} ({row.attempts} attempts)",
        runbook="deliver_mail",
        act=f"odnowa requeue --mail {row.id} --reason ...",
    )


def _invoice(row: Any, rule: RateRule) -> dict[str, Any]:
    return _entry(
        row,
        "invoice of charge",
        state="waits for a rate",
        about=f"{row.external_id}, subscription {row.subscription_id}, {money(row.gross_minor, row.currency)}",
        reason=f"no rate of {row.currency} at most {rule.days_max} days older than the payment of {row.paid_on}",
        runbook=RATE_PAGE,
        act="odnowa rates import FILE",
    )
