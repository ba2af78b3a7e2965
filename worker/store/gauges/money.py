"""Charges, payouts and disputes, as numbers. Money is in minor units of its currency: 100 are 1.00."""

from sqlalchemy import text

from worker.store.gauges.gauge import Gauge, Measure

_OPEN = text("""
    SELECT purpose, CASE WHEN parked_at IS NULL THEN state ELSE 'parked' END AS state,
           coalesce(currency, '') AS currency, count(*) AS value, coalesce(sum(amount_minor), 0) AS minor
    FROM charges WHERE state NOT IN ('succeeded', 'failed', 'cancelled') GROUP BY 1, 2, 3
""")
_DAYS = text("""
    SELECT d.day, c.purpose, c.state AS outcome, coalesce(c.currency, '') AS currency, count(*) AS value,
           coalesce(sum(c.amount_minor), 0) AS minor
    FROM (VALUES ('today', cast(:today AS date)), ('yesterday', cast(:today AS date) - 1)) AS d (day, on_)
    JOIN charges c ON c.business_date = d.on_
    GROUP BY 1, 2, 3, 4
""")
_DECLINED = text("""
    SELECT coalesce(decline_kind, '') AS kind, count(*) AS value
    FROM charges WHERE state = 'declined' GROUP BY 1
""")
_PARKED = text("""
    SELECT 'charge' AS what, parked_reason AS reason, count(*) AS value
    FROM charges WHERE parked_at IS NOT NULL GROUP BY parked_reason
    UNION ALL
    SELECT 'payout', parked_reason, count(*) FROM payouts WHERE parked_at IS NOT NULL GROUP BY parked_reason
""")
_PAYOUTS = text("""
    SELECT state, currency, count(*) AS value, sum(amount_minor) AS minor
    FROM payouts WHERE state IN ('planned', 'sent', 'unknown', 'pending') GROUP BY state, currency
""")
_DISPUTES = text("""
    SELECT status, count(*) AS value FROM disputes WHERE released_at IS NULL GROUP BY status
""")

MEASURES = (
    Measure(
        "open_charges",
        ("purpose", "state", "currency"),
        (
            Gauge("odnowa_charges_open", "charges that have not come to an end; parked whatever their state"),
            Gauge("odnowa_charges_open_minor", "their money; no currency: not priced yet", "minor"),
        ),
        _OPEN,
        ("charges_open_idx",),
    ),
    Measure(
        "days",
        ("day", "purpose", "outcome", "currency"),
        (
            Gauge("odnowa_day_charges", "charges of the business days today and yesterday"),
            Gauge("odnowa_day_money_minor", "their money; succeeded is what was taken", "minor"),
        ),
        _DAYS,
        ("charges_business_date_idx",),
    ),
    Measure(
        "declined",
        ("kind",),
        (Gauge("odnowa_charges_declined", "charges in dunning, by the kind of the last decline"),),
        _DECLINED,
        ("charges_open_idx",),
    ),
    Measure(
        "parked",
        ("what", "reason"),
        (Gauge("odnowa_parked", "charges and payouts that wait for a person"),),
        _PARKED,
        ("charges_parked_idx", "payouts_parked_idx"),
    ),
    Measure(
        "payouts",
        ("state", "currency"),
        (
            Gauge("odnowa_payouts_open", "refunds under way"),
            Gauge("odnowa_payouts_open_minor", "their money", "minor"),
        ),
        _PAYOUTS,
        ("payouts_open_idx",),
    ),
    Measure(
        "disputes",
        ("status",),
        (Gauge("odnowa_disputes_standing", "chargebacks that support has not released"),),
        _DISPUTES,
        ("disputes_standing_idx",),
    ),
)
