"""The erasure of an account's personal data, by support; what the law wants kept is kept.

Three steps, each of which may be the last one before a death: the account is closed for all else, the provider is asked
to forget the customer, and the data is blanked. Until the third is committed the account still knows its customer at
the provider, so the same request goes on where it was broken off, and an answer that was lost is asked for again.
"""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker import boundary
from worker.charging.letters import Rung
from worker.desk.request import ERASE, Ask, Caller, Done, account_of, done_before, noted, perform
from worker.desk.to_free import end_service
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import desk, erasure

_IN_THE_WAY = {
    "live": "the account has a live subscription: put it back to Free first",
    "charge": "a payment is open or under way: wait until it has ended, or cancel its order first",
    "payout": "money is on its way back or parked: look at `odnowa stuck`, and wait until it has been paid out",
    "dispute": "a payment is in dispute at the bank: wait until it is decided, and release it first",
    "paper": "an invoice or a credit note is still to be issued: try again in a few minutes",
}


def erase(
    runtime: Runtime, caller: Caller, *, forfeit_credit: bool = False, request_id: str, reason: str | None = None
) -> Done:
    """Blank the account's personal data here and at the provider; twice is harmless.

    Args:
        runtime: the parts.
        caller: somebody of support.
        forfeit_credit: credit and goodwill that are left are given up; otherwise they stand in the way.
        request_id: the caller's own.
        reason: for the audit log; it stays there, so it must name nobody.

    Raises:
        ActRefusedError: a customer asks, no reason, live, something is open, credit is left.
        UnreachableError: the provider does not answer; the account is closed, and the same request goes on.
    """
    ask = Ask(caller, ERASE, request_id, {"forfeit_credit": forfeit_credit}, reason)
    with noted(runtime, ask, support_only=True):
        with boundary.transaction(runtime.engine, "desk.erase.begin") as connection:
            account = account_of(connection, ask, lock=True)
            before = done_before(connection, ask, account)
            if before is not None:
                return before
            _demand_over(connection, account, forfeit_credit=forfeit_credit)
            erasure.begin(connection, account, now=runtime.clock.now())
            customer: str | None = erasure.erasure(connection, account).provider_customer
        known = None if customer is None else runtime.payments.delete_customer(customer)
        return perform(runtime, ask, partial(_erase, runtime, ask, customer, known=known))


def _demand_over(connection: Connection, account: int, *, forfeit_credit: bool) -> None:
    desk.lock_open_charges(connection, account)
    found = erasure.obstacles(connection, account)
    for what, words in _IN_THE_WAY.items():
        if getattr(found, what):
            raise ActRefusedError(f"{what}_open" if what != "live" else what, words)
    left = erasure.purse(connection, account)
    if left and not forfeit_credit:
        sums = ", ".join(f"{row.what} {row.amount_minor} {row.currency} in minor units" for row in left)
        raise ActRefusedError(
            "credit_left", f"the account still has {sums}: ask whether it may be given up, then say --forfeit-credit"
        )


def _erase(
    runtime: Runtime,
    ask: Ask,
    customer: str | None,
    connection: Connection,
    account: int,
    rung: Rung,
    *,
    known: bool | None,
) -> Mapping[str, object]:
    del rung
    _demand_over(connection, account, forfeit_credit=bool(ask.content["forfeit_credit"]))
    if erasure.erasure(connection, account).provider_customer != customer:
        raise ActRefusedError(
            "payment_under_way", "the account was being made known to the provider: try again in a few minutes"
        )
    for subscription in erasure.not_ended(connection, account):
        end_service(runtime, connection, subscription, because=ERASE)
    left = erasure.purse(connection, account)
    erasure.forfeit(connection, account, left)
    erasure.blank(connection, account, name=ask.caller.account_external_id, now=runtime.clock.now())
    return {
        "at_provider": {None: "never known", True: "deleted", False: "unknown there"}[known],
        "forfeited": [{"what": row.what, "currency": row.currency, "amount_minor": row.amount_minor} for row in left],
    }
