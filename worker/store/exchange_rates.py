"""Published exchange rates: written once, read for a day; and the paid charges whose invoice waits for one."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.billing.exchange import ExchangeRate
from worker.errors import RefusedError
from worker.store.invoices import INVOICEABLE

_INSERT = text("""
    INSERT INTO exchange_rates (source, published_on, currency, per, rate, fetched_at)
    SELECT source, published_on, currency, per, rate, cast(:now AS timestamptz)
    FROM jsonb_to_recordset(:rows) AS v (source text, published_on date, currency text, per integer, rate text)
    ORDER BY published_on, currency
    ON CONFLICT (source, published_on, currency) DO NOTHING
    RETURNING id
""").bindparams(bindparam("rows", type_=JSONB))
_OTHERS = text("""
    SELECT e.source, e.published_on, e.currency, e.per, e.rate, v.per AS per_now, v.rate AS rate_now
    FROM jsonb_to_recordset(:rows) AS v (source text, published_on date, currency text, per integer, rate text)
    JOIN exchange_rates e USING (source, published_on, currency)
    WHERE e.rate::numeric / e.per <> v.rate::numeric / v.per
    ORDER BY e.published_on, e.currency LIMIT 1
""").bindparams(bindparam("rows", type_=JSONB))


def insert_rates(connection: Connection, rates: Sequence[ExchangeRate], *, now: datetime) -> int:
    """Keep published rates; returns how many are new.

    Raises:
        RefusedError: one of them stands there with another value. Documents may bear that one, so it stays.
    """
    rows = [{**asdict(rate), "published_on": rate.published_on.isoformat()} for rate in rates]
    added = connection.execute(_INSERT, {"rows": rows, "now": now}).scalars().all()
    other = connection.execute(_OTHERS, {"rows": rows}).one_or_none()
    if other is not None:
        raise RefusedError(
            f"{other.source} of {other.published_on}: {other.per} {other.currency} cost {other.rate} here and "
            f"{other.rate_now} for {other.per_now} there; what stands never changes"
        )
    return len(added)


_BETWEEN = text("""
    SELECT source, published_on, currency, per, rate FROM exchange_rates
    WHERE published_on BETWEEN :from_on AND :to_on ORDER BY published_on, currency
""")
_NEWEST = text("""
    SELECT source, published_on, currency, per, rate, fetched_at FROM exchange_rates
    ORDER BY published_on DESC, source, currency LIMIT :most
""")
_LISTED_DAYS = text("SELECT DISTINCT published_on FROM exchange_rates WHERE published_on BETWEEN :from_on AND :to_on")


def rates_between(connection: Connection, *, from_on: date, to_on: date) -> list[ExchangeRate]:
    """All rates of the lists of these days, both included."""
    rows = connection.execute(_BETWEEN, {"from_on": from_on, "to_on": to_on})
    return [ExchangeRate(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def newest_rates(connection: Connection, *, most: int) -> Sequence[Row[Any]]:
    """The newest rates first."""
    return connection.execute(_NEWEST, {"most": most}).all()


def listed_days(connection: Connection, *, from_on: date, to_on: date) -> set[date]:
    """Which of these days have a list."""
    return set(connection.execute(_LISTED_DAYS, {"from_on": from_on, "to_on": to_on}).scalars())


LACKS_ITS_RATE = """
    c.currency <> cast(:home_currency AS text) AND NOT EXISTS (
        SELECT 1 FROM exchange_rates e WHERE e.currency = c.currency
        AND e.published_on BETWEEN c.paid_on - cast(:rate_days AS integer) AND c.paid_on)
"""
"""The rule of `billing.exchange.holding` over charges in sets; with NULL as home currency no charge lacks a rate."""

_WAITING = text(f"""
    SELECT c.id, c.subscription_id, c.term_number, c.currency, c.paid_on, c.gross_minor, a.external_id,
           c.paid_at AS since, extract(epoch FROM cast(:now AS timestamptz) - c.paid_at) AS age_s
    FROM charges c JOIN accounts a ON a.id = c.account_id
    WHERE {INVOICEABLE} AND {LACKS_ITS_RATE} AND (cast(:only AS bigint) IS NULL OR c.subscription_id = :only)
    ORDER BY c.paid_at, c.id LIMIT :most
""")  # noqa: S608 - no value is put into the text


def waiting_for_rate(
    connection: Connection,
    *,
    home_currency: str | None,
    rate_days: int,
    now: datetime,
    only: int | None = None,
    most: int | None = None,
) -> Sequence[Row[Any]]:
    """Paid charges whose invoice waits for an exchange rate (R16), oldest first; none of a seller without VAT."""
    if home_currency is None:
        return []
    values = {"home_currency": home_currency, "rate_days": rate_days, "now": now, "only": only, "most": most}
    return connection.execute(_WAITING, values).all()


_RELEASED = text(f"""
    SELECT c.id FROM charges c
    WHERE {INVOICEABLE} AND c.currency <> cast(:home_currency AS text) AND NOT ({LACKS_ITS_RATE})
    ORDER BY c.id
""")  # noqa: S608 - as above


def released_by_rates(connection: Connection, *, home_currency: str, rate_days: int) -> list[int]:
    """Paid charges in other currencies that lack their invoice although their rate is there."""
    values = {"home_currency": home_currency, "rate_days": rate_days}
    return list(connection.execute(_RELEASED, values).scalars())
