"""Money: twelve months as they were summed, refusals by reason, and what is past due now; never over currencies."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

_MONTHS = text("SELECT * FROM money_months WHERE month >= :first ORDER BY currency, month")


def months(connection: Connection, *, first: date) -> Sequence[Row[Any]]:
    """Summed months from that day on, by currency."""
    return connection.execute(_MONTHS, {"first": first}).all()


_DECLINES = text("""
    SELECT currency, kind, code, attempts FROM decline_months WHERE month = :month
    ORDER BY currency, attempts DESC, code LIMIT 200
""")


def declines(connection: Connection, *, month: date) -> Sequence[Row[Any]]:
    """Refused attempts of a month by currency and reason, the most frequent first."""
    return connection.execute(_DECLINES, {"month": month}).all()


# what is declined is open, so the partial index over open charges holds them alone
_PAST_DUE = text("""
    SELECT currency, tries, count(*) AS charges, sum(amount_minor)::bigint AS amount_minor,
           count(*) FILTER (WHERE next_try_on IS NOT NULL) AS tried_again
    FROM charges
    WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND state = 'declined' AND currency IS NOT NULL
      AND purpose = 'renewal'
    GROUP BY currency, tries ORDER BY currency, tries
""")


def past_due(connection: Connection) -> Sequence[Row[Any]]:
    """Renewals that were refused and are not given up, by currency and tries so far."""
    return connection.execute(_PAST_DUE).all()
