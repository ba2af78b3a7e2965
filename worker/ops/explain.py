"""`odnowa explain`: one subscription's whole story in order of time."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from worker.ops.options import Json

Subscription = Annotated[
    str, typer.Argument(help="A subscription's number, or its account's external id.", metavar="SUBSCRIPTION")
]


def explain(subscription: Subscription, *, as_json: Json = False) -> None:
    """Tell a subscription's whole story in order of time.

    Terms, charges, attempts, invoices, refunds, disputes, mails, notices, credit, goodwill, what is scheduled, audit.
    """
    from worker import boundary
    from worker.ops import show
    from worker.ops.session import find_subscription, open_store
    from worker.store import story

    with open_store() as store:
        found = find_subscription(store.engine, subscription)
        with boundary.transaction(store.engine, "ops.explain") as connection:
            events = story.story(connection, account_id=found.account_id, subscription_id=found.subscription_id)
        if as_json:
            told = [{"at": row.at, "kind": row.kind, "facts": row.facts} for row in events]
            show.document({"subscription": found.subscription_id, "account": found.external_id, "events": told})
            return
        show.table(
            ("at", "what", "facts"),
            [(show.instant(row.at, store.clock.zone), row.kind, in_words(row.facts)) for row in events],
            title=f"Subscription {found.subscription_id} of {found.external_id}, times in {store.clock.zone.key}",
        )


def in_words(facts: Mapping[str, Any]) -> str:
    """An event's facts in a line, sums as money."""
    from worker.ops import show

    currency = facts.get("currency")
    said = {
        key.removesuffix("_minor"): show.money(value, currency) if key.endswith("_minor") else value
        for key, value in facts.items()
        if value is not None and not (key == "currency" and any(name.endswith("_minor") for name in facts))
    }
    return show.facts(said)
