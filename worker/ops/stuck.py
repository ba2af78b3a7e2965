"""`odnowa stuck` and `odnowa requeue`: what cannot go on without a person, why, and another life for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.ops.edge import say
from worker.ops.options import By, Json, Limit, NeedsReason

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from worker.clock import Clock

Items = Annotated[list[int] | None, typer.Option("--item", help="A dead item; may be repeated.", min=1)]
Charges = Annotated[list[int] | None, typer.Option("--charge", help="A parked charge; may be repeated.", min=1)]
Mails = Annotated[list[int] | None, typer.Option("--mail", help="A failed mail; may be repeated.", min=1)]
Payouts = Annotated[list[int] | None, typer.Option("--payout", help="A parked payout; may be repeated.", min=1)]
AllDead = Annotated[bool, typer.Option("--all-dead", help="Every dead item.")]

HELD_PAGE = "held"
"""The runbook's heading for runs that wait for an operator."""
DISPUTE_PAGE = "dispute"
"""Its heading for chargebacks."""
RATE_PAGE = "waiting_for_rate"
"""Its heading for invoices that wait for an exchange rate."""


def stuck(*, limit: Limit = 200, as_json: Json = False) -> None:
    """List what cannot go on without a person, and why.

    Parked and unanswered charges and payouts, disputes, dead items, held runs, failed mails, invoices without a rate;
    oldest first of each kind.
    """
    from worker import boundary
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.runtime import home_currency

    with open_store() as store:
        rule = RateRule(home_currency(store.settings), store.settings.rule_rate_days_max)
        with boundary.transaction(store.engine, "ops.stuck") as connection:
            found = look(connection, store.clock, most=limit, rule=rule)
        if as_json:
            show.document(found)
            return
        rows = [
            (
                f"{one['kind']} {one['id']}",
                one["state"],
                one["about"],
                one["reason"],
                show.age(one["age_s"]),
                one["next"],
            )
            for one in found
        ]
        show.table(("what", "state", "about", "reason", "for", "next step"), rows, title="Stuck", empty="nothing")


@dataclass(frozen=True, slots=True)
class RateRule:
    """Which invoices need an exchange rate: those not in the home currency, with a list at most so many days old."""

    home_currency: str | None = None
    days_max: int = 0


NO_RATES = RateRule()
"""Of a seller who is not registered for VAT."""


def look(connection: "Connection", clock: "Clock", *, most: int, rule: RateRule = NO_RATES) -> list[dict[str, Any]]:
    """Everything that is stuck: kind, id, state, what it is about, reason, age, next step, runbook heading."""
    from worker.store import disputes, exchange_rates, operations, payouts

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
    from worker.ops import show

    about = f"{row.external_id}, subscription {row.subscription_id}, {show.money(row.amount_minor, row.currency)}"
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
    from worker.ops import show

    release = f"odnowa desk dispute-release {row.external_id} {row.provider_dispute} --reason ..."
    return _entry(
        row,
        "dispute",
        state=row.status,
        about=f"{row.external_id}, subscription {row.subscription_id}, {row.provider_dispute}",
        reason=f"chargeback of {show.money(row.amount_minor, row.currency)}: {row.reason}",
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
        act=f"odnowa release {row.id} --reason ...",
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
    from worker.ops import show

    return _entry(
        row,
        "invoice of charge",
        state="waits for a rate",
        about=f"{row.external_id}, subscription {row.subscription_id}, {show.money(row.gross_minor, row.currency)}",
        reason=f"no rate of {row.currency} at most {rule.days_max} days older than the payment of {row.paid_on}",
        runbook=RATE_PAGE,
        act="odnowa rates import FILE",
    )


def requeue(  # noqa: PLR0913 - one argument per option
    *,
    item: Items = None,
    charge: Charges = None,
    mail: Mails = None,
    payout: Payouts = None,
    all_dead: AllDead = False,
    reason: NeedsReason,
    by: By,
    as_json: Json = False,
) -> None:
    """Give what is stuck another life.

    Dead items, parked charges and payouts, failed mails: all of those named, or none.
    """
    from worker.ops import requeueing, show
    from worker.ops.session import open_runtime

    chosen = requeueing.Chosen(
        items=item or (), charges=charge or (), mails=mail or (), payouts=payout or (), all_dead=all_dead
    )
    if chosen == requeueing.Chosen():
        raise typer.BadParameter("name what to requeue: --item, --charge, --mail, --payout or --all-dead")
    with open_runtime() as runtime:
        done = requeueing.requeue(runtime, chosen, by=by, reason=reason)
    if not done.rung:
        say("Redis does not take messages; the scheduler will ring later, nothing is lost")
    if as_json:
        show.document(done)
    else:
        show.line(
            f"requeued: {len(done.items)} items, {len(done.charges)} charges, {len(done.mails)} mails, "
            f"{len(done.payouts)} payouts"
        )
