"""Terms that support gives away: they cost nothing, and the next paid term starts where they end."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

_ADD = text("""
    INSERT INTO terms (subscription_id, number, starts_on, ends_on, configuration_id, paid_minor, currency, origin)
    VALUES (:subscription, :number, :starts_on, :ends_on, :configuration, 0, :currency, 'gift')
""")
_MOVE = text("""
    UPDATE subscriptions SET term_number = :number, paid_until = :ends_on, anchor_on = :ends_on,
                             anchor_number = :number + 1
    WHERE id = :subscription
""")


def extend(connection: Connection, row: Row[Any], *, ends_on: date) -> None:
    """Put a gift behind the last term of a locked live subscription; from its end on terms count from a new anchor."""
    values = {
        "subscription": row.id,
        "number": row.term_number + 1,
        "starts_on": row.paid_until,
        "ends_on": ends_on,
        "configuration": row.configuration_id,
        "currency": row.bought_in,
    }
    connection.execute(_ADD, values)
    connection.execute(_MOVE, values)
