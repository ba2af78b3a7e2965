"""The end of a chargeback's hold: support lets the account go on, after the bank has decided (R14c)."""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker.charging.letters import Rung
from worker.desk.request import Ask, Caller, Done, noted, perform
from worker.errors import ActRefusedError
from worker.gateways.answers import DisputeStatus
from worker.runtime import Runtime
from worker.store import disputes


def release_dispute(
    runtime: Runtime, caller: Caller, dispute: str, *, request_id: str, reason: str | None = None
) -> Done:
    """Let renewals, charges and refunds of the account go on; `dispute` is its id at the provider.

    After a lost one the account stays suspended until it orders anew.

    Raises:
        ActRefusedError: a customer asks, no reason, no such dispute of the account, the bank has not decided yet, or
            it was released before.
    """
    ask = Ask(caller, "dispute_release", request_id, {"dispute": dispute}, reason)
    with noted(runtime, ask, support_only=True):
        return perform(runtime, ask, partial(_release, runtime, dispute))


def demand_undisputed(connection: Connection, account: int) -> None:
    """Pass unless a chargeback stands against the account (R14c). Raises ActRefusedError."""
    if disputes.standing(connection, account) is not None:
        raise ActRefusedError(
            "disputed", "a payment is in dispute at the bank, and until that is settled no money moves: contact support"
        )


def _release(runtime: Runtime, dispute: str, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    row = disputes.of_account(connection, account, dispute)
    if row is None:
        raise ActRefusedError(
            "no_dispute", f"the account has no dispute {dispute[:100]!r}: look at `odnowa stuck`, which lists them"
        )
    if row.status == DisputeStatus.OPEN:
        raise ActRefusedError("dispute_open", "the bank has not decided yet: wait until the dispute is won or lost")
    if row.released_at is not None:
        raise ActRefusedError("dispute_released", "the dispute was released before: leave it as it is")
    disputes.release(connection, row.id, now=runtime.clock.now())
    return {"dispute": dispute, "status": row.status, "still_held_by": disputes.standing(connection, account)}
