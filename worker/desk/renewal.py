"""Automatic renewal, on and off (R7, R9, R9b).

Off is accepted until the confirmation of the renewal begins, also on the last day and while past due; reminders and
the notice are then found by `remind`, and the open payment is cancelled by `suspend`. On takes the notice and the
waiting reminders back.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from worker.billing.states import LIVE, UNDER_WAY
from worker.charging.letters import Rung
from worker.desk.request import Ask, Caller, Done, noted, perform, send
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import desk, settlement
from worker.store.mails import NewMail

ACCOUNT_FREE = "the account is Free and has no renewal: buy a package first"
ACCOUNT_SUSPENDED = "the account is suspended and has no renewal: order a package, which starts it again"


def renewal_on(runtime: Runtime, caller: Caller, *, request_id: str, reason: str | None = None) -> Done:
    """Switch automatic renewal on. Raises ActRefusedError: free, suspended, or no payment method is in use."""
    ask = Ask(caller, "renewal_on", request_id, reason=reason)
    with noted(runtime, ask):
        return perform(runtime, ask, partial(_on, runtime))


def renewal_off(runtime: Runtime, caller: Caller, *, request_id: str, reason: str | None = None) -> Done:
    """Switch automatic renewal off. Raises ActRefusedError: free, suspended, or a payment is under way."""
    ask = Ask(caller, "renewal_off", request_id, reason=reason)
    with noted(runtime, ask):
        return perform(runtime, ask, partial(_off, runtime, request_id))


def demand_quiet(charges: Sequence[Row[Any]]) -> None:
    """Pass unless a payment of the account has no answer yet. Raises ActRefusedError."""
    if any(charge.state in UNDER_WAY for charge in charges):
        raise ActRefusedError("payment_under_way", "a payment is being made right now: try again in a few minutes")


def _on(runtime: Runtime, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    desk.lock_open_charges(connection, account)
    row = _live(connection, account)
    if row.method_id is None:
        raise ActRefusedError(
            "no_method", "no payment method is in use: add a Visa or Mastercard card or PayPal first, then switch it on"
        )
    desk.switch_renewal(connection, row.subscription_id, on=True)
    settlement.end_notices(connection, [row.subscription_id], because="renewal_on", now=runtime.clock.now())
    kinds = ("term_ending", "renewal_off_confirmed")
    desk.take_back_mails(connection, row.subscription_id, kinds, because="renewal was switched on first")
    return {"auto_renew": True, "changed": not row.auto_renew, "renews_on": row.paid_until.isoformat()}


def _off(runtime: Runtime, request_id: str, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    charges = desk.lock_open_charges(connection, account)
    row = _live(connection, account)
    demand_quiet(charges)
    suspends_on = max(row.paid_until, runtime.clock.today())
    if row.auto_renew:
        desk.switch_renewal(connection, row.subscription_id, on=False)
        kinds = ("yearly_renewal", "card_expiring", "billing_details_needed")
        desk.take_back_mails(connection, row.subscription_id, kinds, because="renewal was switched off first")
        mail = NewMail(
            account_id=account,
            kind="renewal_off_confirmed",
            subject_key=f"subscription:{row.subscription_id}:renewal_off:{request_id}",
            data={
                "company": row.company,
                "package": row.package,
                "suspends_on": suspends_on.isoformat(),
                "account_url": runtime.links.account_page_url,
            },
            subscription_id=row.subscription_id,
        )
        send(runtime, connection, mail, rung)
    return {"auto_renew": False, "changed": row.auto_renew, "suspends_on": suspends_on.isoformat()}


def _live(connection: Connection, account: int) -> Row[Any]:
    row = desk.standing(connection, account)
    if row.subscription_id is None:
        raise ActRefusedError("free", ACCOUNT_FREE)
    if row.status not in LIVE:
        raise ActRefusedError("suspended", ACCOUNT_SUSPENDED)
    return row
