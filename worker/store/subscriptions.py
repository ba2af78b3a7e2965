"""Subscriptions: who must be suspended, reminded or told; a set at a time."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from worker.store.claims import FREE

_NOTHING_OPEN = """
    NOT EXISTS (SELECT 1 FROM charges c WHERE c.subscription_id = s.id
                AND c.state NOT IN ('succeeded', 'failed', 'cancelled')
                AND NOT (c.purpose <> 'renewal' AND c.state IN ('priced', 'created', 'declined')))
"""
"""SQL: no charge of the subscription `s` is open; an order that nobody pays holds back no suspension (R10)."""

_HOPELESS_NOW = """
    (c.purpose = 'renewal'
         AND (c.state = 'declined' AND (NOT s.auto_renew OR c.next_try_on IS NULL AND c.suspends_on <= :today)
              OR c.state IN ('priced', 'created') AND NOT s.auto_renew)
     OR c.purpose <> 'renewal' AND c.state IN ('priced', 'created', 'declined') AND c.suspends_on <= :today)
"""
"""SQL: the schedule of the charge `c` has run out, also of an order that replaced a declined renewal (R12d), or renewal
of its subscription `s` is off."""

_UNRENEWED = text(f"""
    SELECT s.id FROM subscriptions s
    WHERE s.status IN ('active', 'past_due') AND NOT s.auto_renew AND s.paid_until <= :date
      AND (cast(:only AS bigint) IS NULL OR s.id = :only)
      AND {_NOTHING_OPEN}
    ORDER BY s.id
""")  # noqa: S608 - no value is put into the text


def unrenewed(connection: Connection, *, business_date: date, only: int | None) -> list[int]:
    """Live subscriptions whose term has ended, with renewal off and no charge open (R9, R10)."""
    return list(connection.execute(_UNRENEWED, {"date": business_date, "only": only}).scalars())


_HOPELESS = text(f"""
    SELECT c.id FROM charges c JOIN subscriptions s ON s.id = c.subscription_id
    WHERE c.parked_at IS NULL AND (cast(:only AS bigint) IS NULL OR s.id = :only)
      AND s.status IN ('active', 'past_due') AND s.paid_until <= :date
      AND ({_HOPELESS_NOW} OR c.state = 'cancelling')
      AND {FREE.format(alias="c")}
    ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text


def hopeless_charges(connection: Connection, *, business_date: date, today: date, only: int | None) -> list[int]:
    """Charges to cancel at the provider before their account is suspended (R7, R10).

    The schedule has run out, or renewal was switched off while past due. Those planned, processing, unknown or
    parked are not among them.
    """
    values = {"date": business_date, "today": today, "only": only}
    return list(connection.execute(_HOPELESS, values).scalars())


_SUSPEND = text(f"""
    UPDATE subscriptions s SET status = 'suspended'
    FROM billing_details b, configurations f
    WHERE s.id = ANY(:ids) AND s.status IN ('active', 'past_due') AND s.paid_until <= :today
      AND {_NOTHING_OPEN}
      AND b.account_id = s.account_id AND b.superseded_at IS NULL
      AND f.subscription_id = s.id AND f.in_force
    RETURNING s.id, s.account_id, s.term_number, s.paid_until, s.auto_renew, b.company, f.package
""")  # noqa: S608 - no value is put into the text


def suspend(connection: Connection, ids: Sequence[int], *, today: date) -> Sequence[Row[Any]]:
    """Suspend those of the set that are live, unpaid and have no open charge; returns them."""
    return connection.execute(_SUSPEND, {"ids": list(ids), "today": today}).all()


_BEGIN_CANCELLING = text(f"""
    UPDATE charges c SET state = 'cancelling' FROM subscriptions s
    WHERE c.id = ANY(:ids) AND c.work_item_id = :item AND c.parked_at IS NULL AND s.id = c.subscription_id
      AND {_HOPELESS_NOW}
    RETURNING c.id
""")  # noqa: S608 - no value is put into the text


def begin_cancelling(connection: Connection, ids: Sequence[int], *, item: int, today: date) -> list[int]:
    """Write the intent to cancel before the provider is called; what has changed meanwhile stays."""
    values = {"ids": list(ids), "item": item, "today": today}
    return list(connection.execute(_BEGIN_CANCELLING, values).scalars())
