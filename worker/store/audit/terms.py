"""Terms without gaps or overlaps, configurations that add up, and one of what an account may have one of."""

from collections.abc import Sequence

from worker.store.audit.invariant import Invariant

INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "terms_overlap",
        "two terms of a subscription overlap",
        "A customer paid twice for the same days.",
        """
        SELECT t.id, s.account_id, s.id, 'term ' || t.number || ' begins on ' || t.starts_on
               || ', and another one lasts until ' || t.longest
        FROM (SELECT id, subscription_id, number, starts_on,
                     max(ends_on) OVER (PARTITION BY subscription_id ORDER BY starts_on, ends_on, id
                                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS longest
              FROM terms WHERE starts_on < ends_on) t
        JOIN subscriptions s ON s.id = t.subscription_id
        WHERE t.starts_on < t.longest""",
    ),
    Invariant(
        "gap_without_suspension",
        "R10 a gap between two terms without a suspension and a new beginning",
        "Days of service were given without being sold, or a term was sold with the wrong dates.",
        """
        SELECT t.id, s.account_id, s.id, 'term ' || t.number || ' begins on ' || t.starts_on
               || ', the one before ended on ' || t.before
        FROM (SELECT *, lag(ends_on) OVER (PARTITION BY subscription_id ORDER BY number) AS before FROM terms) t
        LEFT JOIN charges c ON c.id = t.charge_id JOIN subscriptions s ON s.id = t.subscription_id
        WHERE t.starts_on > t.before
          AND NOT (c.anchor_on IS NOT DISTINCT FROM t.starts_on
                   AND (EXISTS (SELECT 1 FROM mails m WHERE m.subscription_id = s.id AND m.kind = 'suspended')
                        OR EXISTS (SELECT 1 FROM disputes d WHERE d.account_id = s.account_id)))""",
    ),
    Invariant(
        "off_its_last_term",
        "a subscription does not stand where its last term does",
        "It will be charged on another day than its term ends, and the chat product reads a wrong date.",
        """
        SELECT s.id, s.account_id, s.id, 'it says term ' || s.term_number || ' until ' || s.paid_until
               || ', the last one is ' || t.number || ' until ' || t.ends_on
        FROM subscriptions s JOIN LATERAL (
          SELECT number, ends_on FROM terms WHERE subscription_id = s.id ORDER BY number DESC LIMIT 1) t ON true
        WHERE (s.term_number, s.paid_until) <> (t.number, t.ends_on)""",
    ),
    Invariant(
        "configuration_in_force",
        "a subscription that runs has not one configuration in force, of its own interval",
        "Its next renewal cannot be priced, or is priced for another interval.",
        """
        SELECT s.id, s.account_id, s.id, n.total || ' configurations in force by the ' || s.interval
        FROM subscriptions s CROSS JOIN LATERAL (
          SELECT count(*) AS total FROM configurations f
          WHERE f.subscription_id = s.id AND f.in_force AND f.interval = s.interval) n
        WHERE s.status IN ('active', 'past_due', 'suspended') AND n.total <> 1""",
    ),
    Invariant(
        "configuration_of_lots",
        "R3b a configuration is not the sum of its lots",
        "A renewal would charge another sum than what was bought.",
        """
        SELECT f.id, s.account_id, s.id, 'configuration ' || f.id || ' says ' || f.agents || ' agents, '
               || f.extra_conversations || ' conversations and ' || f.list_minor || ' ' || f.currency
               || ' in minor units'
        FROM configurations f JOIN subscriptions s ON s.id = f.subscription_id
        WHERE f.agents <> (SELECT sum((l ->> 0)::bigint) FROM jsonb_array_elements(f.agent_lots) l)
           OR f.extra_conversations <> f.conversation_block
              * (SELECT coalesce(sum((l ->> 0)::bigint), 0) FROM jsonb_array_elements(f.block_lots) l)
           OR f.list_minor <> (SELECT sum((l ->> 0)::bigint * (l ->> 1)::bigint)
                               FROM jsonb_array_elements(f.agent_lots || f.block_lots) l)""",
    ),
    Invariant(
        "currency_of_account",
        "R3 a subscription is priced in another currency than its account pays in",
        "Its next renewal is parked, or credit is counted in the wrong currency.",
        """
        SELECT s.id, s.account_id, s.id, 'priced in ' || f.currency || ', the account pays in ' || a.currency
        FROM subscriptions s JOIN accounts a ON a.id = s.account_id
        JOIN configurations f ON f.subscription_id = s.id AND f.in_force
        WHERE {live} AND f.currency <> a.currency""",
    ),
    Invariant(
        "open_orders",
        "an account has more than one open order",
        "A customer may pay two orders of which only one can be carried out.",
        """
        SELECT c.account_id, c.account_id, min(c.subscription_id), count(*) || ' orders are open'
        FROM charges c WHERE c.purpose <> 'renewal' AND {open}
        GROUP BY c.account_id HAVING count(*) > 1""",
    ),
    Invariant(
        "live_subscriptions",
        "an account has more than one live subscription",
        "A customer is charged twice each term.",
        """
        SELECT s.account_id, s.account_id, max(s.id), count(*) || ' subscriptions are live'
        FROM subscriptions s WHERE {live} GROUP BY s.account_id HAVING count(*) > 1""",
    ),
    Invariant(
        "pending_without_order",
        "a pending subscription waits for no open order",
        "A purchase was given up halfway: nothing will ever start or end this subscription.",
        """
        SELECT s.id, s.account_id, s.id, 'pending, and no order of it is open'
        FROM subscriptions s WHERE s.status = 'pending'
          AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.subscription_id = s.id AND {open})""",
    ),
)
