"""`odnowa stuck`, `odnowa requeue` and `odnowa cancel`: what cannot go on, why, and another life or none for it."""

from typing import Annotated

import typer

from worker.ops.edge import say
from worker.ops.options import By, Json, Limit, NeedsReason

Items = Annotated[list[int] | None, typer.Option("--item", help="A dead item; may be repeated.", min=1)]
Charges = Annotated[list[int] | None, typer.Option("--charge", help="A parked charge; may be repeated.", min=1)]
Mails = Annotated[list[int] | None, typer.Option("--mail", help="A failed mail; may be repeated.", min=1)]
Payouts = Annotated[list[int] | None, typer.Option("--payout", help="A parked payout; may be repeated.", min=1)]
AllDead = Annotated[bool, typer.Option("--all-dead", help="Every dead item.")]


def stuck(*, limit: Limit = 200, as_json: Json = False) -> None:
    """List what cannot go on without a person, and why.

    Parked and unanswered charges and payouts, disputes, dead items, held runs, failed mails, invoices without a rate;
    oldest first of each kind.
    """
    from worker import boundary
    from worker.operating.stuck import RateRule, look
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
    from worker.operating import requeueing
    from worker.ops import show
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


def cancel(*, item: Items = None, reason: NeedsReason, by: By, as_json: Json = False) -> None:
    """Give dead items up: they are not stuck any more, and the next run may plan their rows again."""
    from worker.operating import requeueing
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        done = requeueing.cancel(runtime, item or (), by=by, reason=reason)
    if as_json:
        show.document({"cancelled": done})
    else:
        show.line(f"cancelled: {len(done)} items")
