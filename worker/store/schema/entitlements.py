"""The view that the chat product reads (R21)."""

ENTITLEMENTS_VIEW = """
CREATE VIEW entitlements AS
SELECT a.external_id AS account,
       coalesce(c.package, 'free') AS package,
       coalesce(c.agents, 1) AS agents,
       coalesce(allowed.included, 0) + coalesce(c.extra_conversations, 0) AS conversations,
       coalesce(s.status, 'free') AS status,
       s.paid_until AS valid_until,
       coalesce(s.status IN ('active', 'past_due'), false) AS support
FROM accounts a
LEFT JOIN LATERAL (
    SELECT * FROM subscriptions
    WHERE account_id = a.id AND status NOT IN ('pending', 'ended')
    ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1
) s ON true
LEFT JOIN configurations c ON c.subscription_id = s.id AND c.in_force
LEFT JOIN terms t ON t.subscription_id = s.id AND t.number = s.term_number
LEFT JOIN LATERAL (
    SELECT included FROM catalogue_allowances
    WHERE package = coalesce(c.package, 'free') AND valid_from <= coalesce(t.starts_on, CURRENT_DATE)
    ORDER BY valid_from DESC LIMIT 1
) allowed ON true
"""
