"""How an order stands, in words for its customer; the client secret for the payment page is read, never kept (R6)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from worker import boundary
from worker.billing.declines import reason_for_customer
from worker.billing.states import UNDER_WAY, DeclineKind
from worker.desk.request import Ask, Caller, account_of, note_reading, noted
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import orders


def order_shown(runtime: Runtime, ask: Ask, kept: Mapping[str, Any]) -> dict[str, Any]:
    """How the order of a kept result stands now."""
    with boundary.transaction(runtime.engine, "desk.order.state") as connection:
        account = account_of(connection, ask, lock=False)
        row = orders.order(connection, account, UUID(kept["order"]))
    assert row is not None, "a kept result names an order of the account"
    return _shown(runtime, row)


def show_order(runtime: Runtime, caller: Caller, order: str) -> dict[str, Any]:
    """How an order stands now; changes nothing. Raises ActRefusedError: the account has no such order."""
    ask = Ask(caller, "show_order", "reading", {"order": order})
    with noted(runtime, ask):
        try:
            uid = UUID(order)
        except ValueError:
            raise ActRefusedError("no_order", "that is no order: give the name it was answered with") from None
        with boundary.transaction(runtime.engine, "desk.show_order") as connection:
            account = account_of(connection, ask, lock=False)
            row = orders.order(connection, account, uid)
            if row is None:
                raise ActRefusedError("no_order", "the account has no such order: look at its name again")
            note_reading(connection, ask, account)
        return {"order": order, **_shown(runtime, row)}


def _shown(runtime: Runtime, row: Row[Any]) -> dict[str, Any]:
    period = {"starts_on": row.starts_on.isoformat(), "ends_on": row.ends_on.isoformat()}
    outcome = _outcome(row)
    shown: dict[str, Any] = {"outcome": outcome, "period": period}
    if outcome in {"waiting", "declined"} and row.provider_intent is not None:
        shown["client_secret"] = runtime.payments.read([row.provider_intent])[0].client_secret
        shown["pay_until"] = row.pay_until.isoformat()
    if outcome == "declined":
        shown["because"] = reason_for_customer(row.decline_code).value
    return shown


def _outcome(row: Row[Any]) -> str:
    if row.returned_at is not None:
        return "returned"
    if row.state == "succeeded":
        return "paid"
    if row.state in {"cancelled", "failed", "cancelling"}:
        return "cancelled"
    if row.parked_at is not None or row.state in UNDER_WAY or row.state == "priced":
        return "pending"
    if row.state == "declined":
        return "waiting" if row.decline_kind == DeclineKind.NEEDS_ACTION else "declined"
    return "waiting" if row.payer == "page" else "pending"
