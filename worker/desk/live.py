"""What support's acts on a live subscription begin with: locks in their order, and when to come again later."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from worker.billing import calendar
from worker.billing.calendar import Interval
from worker.errors import ActRefusedError
from worker.queue.runs import lock_planning
from worker.store import desk, scheduled


def live_subscription(connection: Connection, account: int) -> Row[Any]:
    """The locked account's live subscription, locked. Raises ActRefusedError: the account is Free or suspended."""
    row = scheduled.lock_live(connection, account)
    if row is not None:
        return row
    if desk.standing(connection, account).subscription_id is None:
        raise ActRefusedError("free", "the account is Free and has no subscription: ask the customer to buy one first")
    raise ActRefusedError("suspended", "the account is suspended: ask the customer to order again first")


def demand_nothing_open(connection: Connection, account: int) -> None:
    """Pass when no charge of the account is open, and let none be planned until the transaction ends.

    Raises:
        ActRefusedError: a renewal or an order is being charged, or waits for its next try.
    """
    desk.lock_open_charges(connection, account)
    lock_planning(connection)
    # looked at again: a renewal may have been planned while we waited for the planners
    if desk.lock_open_charges(connection, account):
        raise ActRefusedError(
            "charge_open", "the renewal or an order is being charged: try again after it, or cancel it first"
        )


def first_term_from(row: Row[Any], day: date) -> date:
    """The start of the first term that starts on a day or later, with a waiting move to monthly taken into account.

    `row` has the subscription's anchor, last paid term and end, its interval, and what is waiting.
    """
    interval, anchor_on, anchor_number = Interval(row.interval), row.anchor_on, row.anchor_number
    if "interval" in (row.waiting or {}):
        interval, anchor_on, anchor_number = Interval.MONTH, row.paid_until, row.term_number + 1
    number = row.term_number + 1
    while True:
        term = calendar.term(anchor_on=anchor_on, anchor_number=anchor_number, interval=interval, number=number)
        if term.starts_on >= day:
            return term.starts_on
        number += 1
