"""Nothing waits longer than its limit: items, charges in flight, payouts, mails. What is parked is `stuck` instead."""

from collections.abc import Sequence

from worker.store.audit.invariant import Invariant

ITEM_HOURS = 6
"""A day of 100,000 renewals with its paper takes about two."""
LEASE_HOURS = 1
"""An expired lease is taken back within seconds, so an hour means that nobody does."""
BEGUN_DAYS = 1
"""What is planned is taken up by the next run of its job, a day later at most."""
ANSWER_DAYS = 3
"""A charge or payout is parked after about two days of reading without an answer."""
PROCESSING_DAYS = 14
"""The slowest ways to pay take about as long."""
PENDING_DAYS = 30
"""The slowest banks take about as long over a refund."""
MAIL_DAYS = 1
MAIL_HOURS = 6
"""The longest pause between two tries is four hours."""

_HELD = "EXISTS (SELECT 1 FROM work_items w WHERE w.id = {alias}.work_item_id AND w.state IN ('ready', 'leased'))"

_CHARGES = f"""
    SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' is ' || c.state || ' since '
           || date(coalesce(t.sent_at, c.created_at))
    FROM charges c
    LEFT JOIN LATERAL (SELECT max(sent_at) AS sent_at FROM attempts WHERE charge_id = c.id) t ON true
    WHERE {{open}} AND c.parked_at IS NULL AND {{undisputed}}
      AND (c.purpose = 'renewal' AND c.state IN ('planned', 'priced', 'created')
               AND c.created_at < now() - interval '{BEGUN_DAYS} day' AND NOT {_HELD.format(alias="c")}
           OR c.state IN ('confirming', 'unknown', 'cancelling')
               AND coalesce(t.sent_at, c.created_at) < {{now}} - interval '{ANSWER_DAYS} days'
           OR c.state = 'processing' AND t.sent_at < {{now}} - interval '{PROCESSING_DAYS} days'
           OR c.purpose <> 'renewal' AND c.state IN ('priced', 'created', 'declined')
               AND c.pay_until < {{now}} - interval '{BEGUN_DAYS} day')
"""  # noqa: S608 - numbers and texts of this file
_PAYOUTS = f"""
    SELECT p.id, c.account_id, c.subscription_id, 'payout ' || p.id || ' is ' || p.state || ' since '
           || date(coalesce(p.sent_at, p.created_at))
    FROM payouts p JOIN charges c ON c.id = p.charge_id
    WHERE p.parked_at IS NULL AND {{undisputed}}
      AND (p.state = 'planned' AND p.created_at < now() - interval '{BEGUN_DAYS} day' AND NOT {_HELD.format(alias="p")}
           OR p.state IN ('sent', 'unknown') AND p.sent_at < {{now}} - interval '{ANSWER_DAYS} days'
           OR p.state = 'pending' AND p.sent_at < {{now}} - interval '{PENDING_DAYS} days')
"""  # noqa: S608 - as above

_ITEMS = f"""
    SELECT w.id, cast(NULL AS bigint), cast(NULL AS bigint), 'item ' || w.id || ' of ' || w.job || ' is ' || w.state
           || ', due since ' || date_trunc('minute', coalesce(w.lease_expires_at, w.not_before))
    FROM work_items w
    WHERE w.state = 'ready' AND greatest(w.not_before, w.created_at) < now() - interval '{ITEM_HOURS} hours'
       OR w.state = 'leased' AND w.lease_expires_at < now() - interval '{LEASE_HOURS} hour'
"""  # noqa: S608 - as above
_MAILS = f"""
    SELECT m.id, m.account_id, m.subscription_id, 'mail ' || m.id || ', ' || m.kind || ', waits since '
           || date(m.created_at)
    FROM mails m
    WHERE m.state = 'waiting' AND m.created_at < now() - interval '{MAIL_DAYS} day'
      AND m.not_before < {{now}} - interval '{MAIL_HOURS} hours'
"""  # noqa: S608 - as above

_ERASURES = f"""
    SELECT a.id, a.id, cast(NULL AS bigint), 'the erasure of the account began on ' || date(a.erasure_began_at)
    FROM accounts a
    WHERE a.erasure_began_at < {{now}} - interval '{BEGUN_DAYS} day'
      AND (a.erased_at IS NULL OR a.provider_customer IS NOT NULL)
"""  # noqa: S608 - as above

INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "items_wait",
        "work has waited for longer than any day's work takes",
        "No worker takes items, or no scheduler rings for them.",
        _ITEMS,
    ),
    Invariant(
        "charges_wait",
        "a charge is under way for longer than its limit",
        "A customer's payment is neither taken nor given up.",
        _CHARGES,
    ),
    Invariant(
        "payouts_wait",
        "a refund is under way for longer than its limit",
        "A customer waits for money that was promised.",
        _PAYOUTS,
    ),
    Invariant(
        "mails_wait",
        "a mail has waited for longer than its limit",
        "Customers are not told what they should know.",
        _MAILS,
    ),
    Invariant(
        "waiting_for_rate",
        "R16 the invoice of a paid charge waits for an exchange rate",
        "A customer has no invoice, because no list of rates is near enough before the payment.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' was paid on ' || c.paid_on
               || ', and no rate of ' || c.currency || ' is so near before it'
        FROM charges c
        WHERE {sold} AND c.gross_minor > 0 AND c.carried_out_minor = 0 AND c.parked_at IS NULL
          AND c.paid_at <= {settled} AND {lacks_rate}
          AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.charge_id = c.id AND i.kind = 'invoice')""",
    ),
    Invariant(
        "erasures_wait",
        "an account's erasure was begun and not ended",
        "Personal data that should be gone is still here or at the provider.",
        _ERASURES,
    ),
)
