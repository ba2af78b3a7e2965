"""Open payments that an act replaces or gives up: cancelled at the provider first, through the pipeline's own states.

When the provider does not answer, or the money has come after all, the act is refused and nothing else has happened.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from worker.charging.outcomes import Step
from worker.charging.settle import REPLACED
from worker.charging.withdraw import withdraw
from worker.errors import ActRefusedError
from worker.queue import items
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import lock_planning, ring
from worker.runtime import Runtime
from worker.store import desk

LATER = "the open payment is still being cancelled: try again in a few minutes"


def begin_withdrawing(runtime: Runtime, connection: Connection, charges: Sequence[Row[Any]]) -> list[int]:
    """Set locked open charges on their way to be cancelled; returns the items that do it, for after the commit.

    Raises:
        ActRefusedError: a worker holds one of them right now.
    """
    if not charges:
        return []
    lock_planning(connection)
    to_cancel = desk.withdraw_charges(connection, [charge.id for charge in charges])
    if len(to_cancel) < len(charges):
        raise ActRefusedError("payment_under_way", LATER)
    return ring(
        connection,
        job="renew",
        items=in_items(to_cancel, size=len(to_cancel), claims=Claimed.CHARGES, prefix=REPLACED),
        business_date=runtime.clock.today(),
        root_run_id=None,
        by="desk",
    )


def carry_out_withdrawing(runtime: Runtime, made: Sequence[int]) -> None:
    """Do the items here and now; a worker who was quicker, or who comes after us, does the same.

    Raises:
        ActRefusedError: another worker does it, or the payment has arrived after all.
        UnreachableError: the provider does not answer; it goes on by itself.
    """
    for item in made:
        held = items.lease(runtime.engine, item, lease_s=runtime.limits.lease_s)
        if held is None:
            raise ActRefusedError("payment_under_way", LATER)
        try:
            counts = withdraw(runtime, held, held.ids)
            items.finish(runtime.engine, held, dict(counts))
        except Exception as error:
            items.fail(runtime.engine, held, error, attempts_max=runtime.limits.item_attempts_max)
            raise
        if counts[Step.SUCCEED.value] or counts[Step.PROCESS.value]:
            raise ActRefusedError(
                "paid_meanwhile",
                "the open payment has arrived after all and pays the term: look at it, then ask again",
            )
