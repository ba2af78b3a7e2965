"""Who is due, in dunning or past the end, and whether the customer was told: each stands where the rules want it."""

from collections.abc import Sequence

from worker.store.audit.invariant import Invariant

_LAST = "(SELECT max(r.{column}) FROM runs r WHERE r.job = '{job}' AND r.business_date <= {today} AND {whole})"


def _last(job: str, column: str) -> str:
    """SQL: of the newest run of a job for all subscriptions, its date or the moment at which it was planned."""
    return _LAST.replace("{job}", job).replace("{column}", column)


_LIVE_ALREADY = "coalesce((SELECT go_live_on FROM installation), '-infinity') <= {today}"

_RENEWAL_MISSED = """
    SELECT s.id, s.account_id, s.id, 'its term ended on ' || s.paid_until || ', and nothing is under way for the next'
    FROM subscriptions s
    WHERE {live} AND s.auto_renew AND s.paid_until <= greatest({today} - 1, {renewed_on}) AND {live_already}
      AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.subscription_id = s.id AND {open})
      AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.account_id = s.account_id
                      AND (d.released_at IS NULL OR d.released_at > {now} - interval '1 day'))
      -- what came or was asked for after the last run, or an order that ran out unpaid since, is the next run's
      AND NOT coalesce(s.created_at > {renewed_at} AND s.created_at > {now} - interval '1 day', false)
      AND NOT EXISTS (SELECT 1 FROM desk_requests q WHERE q.account_id = s.account_id
                      AND q.created_at > {renewed_at} AND q.created_at > {now} - interval '1 day')
      AND NOT EXISTS (SELECT 1 FROM charges c
                      WHERE c.subscription_id = s.id AND c.pay_until > {now} - interval '2 days')
"""
_NOTICE_MISSING = """
    SELECT s.id, s.account_id, s.id, 'it ends on ' || s.paid_until || ', and no notice says so'
    FROM subscriptions s
    WHERE {live} AND NOT s.auto_renew AND s.paid_until > {today}
      AND s.paid_until <= {reminded_on} + cast(:notice_days AS integer)
      AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.subscription_id = s.id AND n.term_number = s.term_number
                      AND n.withdrawn_at IS NULL)
      -- what came about after the last run is the next run's
      AND s.created_at <= {reminded_at}
      AND NOT EXISTS (SELECT 1 FROM terms t WHERE t.subscription_id = s.id AND t.created_at > {reminded_at})
      AND NOT EXISTS (SELECT 1 FROM desk_requests q WHERE q.account_id = s.account_id AND q.created_at > {reminded_at})
"""

INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "renewal_missed",
        "R8 a renewal that is due is neither charged, in dunning, parked, disputed nor suspended",
        "A customer has the service and is not asked to pay for it.",
        _RENEWAL_MISSED.replace("{renewed_on}", _last("renew", "business_date"))
        .replace("{renewed_at}", _last("renew", "created_at"))
        .replace("{live_already}", _LIVE_ALREADY),
    ),
    Invariant(
        "dunning_overrun",
        "R8b a declined charge was not tried on its day, or its schedule ran out and nobody was suspended",
        "The morning's jobs leave a declined charge out: the customer keeps the service unpaid.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' should have been '
               || CASE WHEN c.next_try_on IS NULL THEN 'given up on ' || c.suspends_on
                       ELSE 'tried on ' || c.next_try_on END
        FROM charges c JOIN subscriptions s ON s.id = c.subscription_id
        WHERE c.state = 'declined' AND c.purpose = 'renewal' AND c.parked_at IS NULL AND {live} AND {undisputed}
          AND (c.next_try_on IS NULL AND c.suspends_on < {today} OR s.auto_renew AND c.next_try_on < {today})
          AND NOT EXISTS (SELECT 1 FROM work_items w WHERE w.id = c.work_item_id AND w.state IN ('ready', 'leased'))""",
    ),
    Invariant(
        "service_not_ended",
        "R9 a term with renewal off has ended, no charge is open, and the account is not suspended",
        "A customer who left keeps the service for nothing.",
        """
        SELECT s.id, s.account_id, s.id, 'its last term ended on ' || s.paid_until
        FROM subscriptions s
        WHERE {live} AND NOT s.auto_renew AND s.paid_until < {today}
          AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.subscription_id = s.id AND {open})""",
    ),
    Invariant(
        "decline_not_told",
        "R8b a renewal was declined, and no mail says what to do",
        "A customer will be suspended without having been told why.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' was declined on ' || c.first_declined_on
        FROM charges c
        WHERE c.state = 'declined' AND c.purpose = 'renewal'
          AND NOT EXISTS (SELECT 1 FROM mails m WHERE m.account_id = c.account_id
                          AND starts_with(m.subject_key, 'charge:' || c.id || ':' || 'declined'))""",
    ),
    Invariant(
        "notice_stands",
        "R9b a notice stands where nothing ends",
        "A customer reads in the account that the service ends, and it does not.",
        """
        SELECT n.id, s.account_id, s.id, 'the notice says that term ' || n.term_number || ' ends on ' || n.ends_on
        FROM notices n JOIN subscriptions s ON s.id = n.subscription_id
        WHERE n.withdrawn_at IS NULL
          AND NOT ({live} AND NOT s.auto_renew AND n.term_number = s.term_number AND n.ends_on = s.paid_until)""",
    ),
    Invariant(
        "notice_missing",
        "R9b a term ends soon with renewal off, and no notice stands in the account",
        "A customer will be suspended without having been warned in the account.",
        _NOTICE_MISSING.replace("{reminded_on}", _last("remind", "business_date")).replace(
            "{reminded_at}", _last("remind", "created_at")
        ),
    ),
)
