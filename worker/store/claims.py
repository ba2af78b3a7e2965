"""Conditions that several statements share: rows that no living item holds, methods and accounts to be charged."""

FREE = """
    ({alias}.work_item_id IS NULL OR NOT EXISTS (
        SELECT 1 FROM work_items w WHERE w.id = {alias}.work_item_id AND w.state IN ('ready', 'leased')))
"""
"""SQL: a row bears the id of the item that holds it; free is a row whose item lives no more. Format with its alias."""


USABLE = """
    (m.account_id = c.account_id AND m.state = 'in_use' AND NOT EXISTS (
        SELECT 1 FROM attempts r JOIN charges o ON o.id = r.charge_id
        WHERE r.payment_method_id = m.id AND r.decline_kind = 'hard'
          AND o.subscription_id = c.subscription_id AND o.term_number = c.term_number))
"""
"""SQL: the method `m` is in use, and was not refused for good for the charge `c` or another of its term (R8b)."""


UNDISPUTED = """
    (NOT EXISTS (SELECT 1 FROM disputes d WHERE d.account_id = {account} AND d.released_at IS NULL))
"""
"""SQL: no chargeback stands against the account, so that its money may move (R14c). Format with the account's id."""
