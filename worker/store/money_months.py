"""Sums of money by month and currency, kept in a small table: twelve months of a large shop are millions of charges.

A month is a calendar month of the seller's zone. Payments count in the month of `paid_on`, refunds in that of the
payout, declines in that of the first refusal, whatever became of the charge later; so a month is summed again for as
long as a schedule of tries may run into the next one, and never changes after that.
"""

from datetime import date, datetime

from sqlalchemy import Connection, text

_MISSING = text("""
    SELECT m::date AS month
    FROM generate_series(cast(:first AS date), cast(:last AS date), interval '1 month') m
    WHERE m::date >= :again OR NOT EXISTS (SELECT 1 FROM money_months k WHERE k.month = m::date)
    ORDER BY m
""")


def to_sum(connection: Connection, *, first: date, last: date, again: date) -> list[date]:
    """First days of the months to sum: those that never were, and those from `again` on."""
    return list(connection.execute(_MISSING, {"first": first, "last": last, "again": again}).scalars())


_FORGET = (
    text("DELETE FROM money_months WHERE month = :month"),
    text("DELETE FROM decline_months WHERE month = :month"),
)
# Every currency has a row, so that a month without money was summed, too.
_SUM = text("""
    INSERT INTO money_months (month, currency, charges, charged_minor, refunds, refunded_minor, declined,
                              declined_minor, recovered, recovered_minor, given_up, given_up_minor, summed_at)
    SELECT :month, k.currency, coalesce(p.n, 0), coalesce(p.minor, 0), coalesce(r.n, 0), coalesce(r.minor, 0),
           coalesce(d.n, 0), coalesce(d.minor, 0), coalesce(d.recovered, 0), coalesce(d.recovered_minor, 0),
           coalesce(d.given_up, 0), coalesce(d.given_up_minor, 0), :now
    FROM (VALUES ('CZK'), ('EUR'), ('PLN'), ('USD')) k (currency)
    LEFT JOIN (
        SELECT currency, count(*) AS n, sum(amount_minor)::bigint AS minor FROM charges
        WHERE paid_on >= :month AND paid_on < :until AND amount_minor > 0 GROUP BY currency
    ) p ON p.currency = k.currency
    LEFT JOIN (
        SELECT currency, count(*) AS n, sum(amount_minor)::bigint AS minor FROM payouts
        WHERE paid_at >= cast(:month AS timestamp) AT TIME ZONE :zone
          AND paid_at < cast(:until AS timestamp) AT TIME ZONE :zone AND state = 'succeeded' GROUP BY currency
    ) r ON r.currency = k.currency
    LEFT JOIN (
        SELECT currency, count(*) AS n, sum(amount_minor)::bigint AS minor,
               count(*) FILTER (WHERE state = 'succeeded') AS recovered,
               (sum(amount_minor) FILTER (WHERE state = 'succeeded'))::bigint AS recovered_minor,
               count(*) FILTER (WHERE state IN ('failed', 'cancelled')) AS given_up,
               (sum(amount_minor) FILTER (WHERE state IN ('failed', 'cancelled')))::bigint AS given_up_minor
        FROM charges WHERE first_declined_on >= :month AND first_declined_on < :until AND purpose = 'renewal'
        GROUP BY currency
    ) d ON d.currency = k.currency
""")
_SUM_DECLINES = text("""
    INSERT INTO decline_months (month, currency, kind, code, attempts)
    SELECT :month, c.currency, coalesce(t.decline_kind, 'soft'), coalesce(t.decline_code, t.code, 'unknown'), count(*)
    FROM attempts t JOIN charges c ON c.id = t.charge_id
    WHERE t.state = 'declined' AND t.sent_on >= :month AND t.sent_on < :until AND c.currency IS NOT NULL
    GROUP BY 2, 3, 4
""")


def sum_month(connection: Connection, *, month: date, until: date, zone: str, now: datetime) -> None:
    """Sum a month, from its first day to that of the next one, in place of what was summed before."""
    values = {"month": month, "until": until, "zone": zone, "now": now}
    for statement in _FORGET:
        connection.execute(statement, {"month": month})
    connection.execute(_SUM, values)
    connection.execute(_SUM_DECLINES, values)
