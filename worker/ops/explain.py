"""`odnowa explain`: one subscription's whole story in order of time."""

from typing import Annotated

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
    from worker.operating import telling
    from worker.ops import show
    from worker.ops.session import find_subscription, open_store
    from worker.store import story

    with open_store() as store:
        found = find_subscription(store.engine, subscription)
        with boundary.transaction(store.engine, "ops.explain") as connection:
            events = story.story(connection, account_id=found.account_id, subscription_id=found.subscription_id)
        told = [(row, telling.sentence(row.kind, row.facts)) for row in events]
        if as_json:
            listed = [{"at": row.at, "kind": row.kind, "facts": row.facts, "told": said} for row, said in told]
            show.document({"subscription": found.subscription_id, "account": found.external_id, "events": listed})
            return
        show.table(
            ("at", "what happened"),
            [(show.instant(row.at, store.clock.zone), said) for row, said in told],
            title=f"Subscription {found.subscription_id} of {found.external_id}, times in {store.clock.zone.key}",
        )
