"""What must hold over the whole store whatever happened: queries that find what may not be, one sentence each.

`hold(house)` at the end of a test asks them all, when nothing is left to do. Sums are minor units.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from tests.support.builders import rows
from tests.support.house import House

_OPEN = "state NOT IN ('succeeded', 'failed', 'cancelled')"
_SOLD = "c.state = 'succeeded' AND c.returned_at IS NULL"
_ENTRIES = """
    SELECT c.id, c.state, c.purpose, c.returned_at, c.credit_used_minor, c.unused_minor, c.goodwill_minor,
           coalesce((c.frozen -> 'unused' ->> 'applied_minor')::bigint, 0) AS applied_minor,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'used'), 0) AS used,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'returned'), 0) AS returned,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'unused'), 0) AS unused,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'applied'), 0) AS applied,
           (SELECT coalesce(sum(g.amount_minor), 0) FROM goodwill_entries g WHERE g.charge_id = c.id) AS goodwill
    FROM charges c LEFT JOIN credit_entries e ON e.charge_id = c.id
    GROUP BY c.id
"""

RULES: Mapping[str, str] = {
    "two terms of a subscription overlap": """
        SELECT a.subscription_id AS id FROM terms a JOIN terms b
          ON b.subscription_id = a.subscription_id AND b.number > a.number AND a.starts_on < a.ends_on
             AND b.starts_on < b.ends_on AND daterange(a.starts_on, a.ends_on) && daterange(b.starts_on, b.ends_on)""",
    "R10 a gap between two terms without a suspension and a new beginning": """
        SELECT t.subscription_id AS id
        FROM (SELECT *, lag(ends_on) OVER (PARTITION BY subscription_id ORDER BY number) AS before FROM terms) t
        LEFT JOIN charges c ON c.id = t.charge_id JOIN subscriptions s ON s.id = t.subscription_id
        WHERE t.starts_on > t.before
          AND NOT (c.anchor_on IS NOT DISTINCT FROM t.starts_on
                   AND (EXISTS (SELECT 1 FROM mails m WHERE m.subscription_id = s.id AND m.kind = 'suspended')
                        OR EXISTS (SELECT 1 FROM disputes d WHERE d.account_id = s.account_id)))""",
    "a subscription does not stand where its last term does": """
        SELECT s.id FROM subscriptions s JOIN LATERAL (
          SELECT number, ends_on FROM terms WHERE subscription_id = s.id ORDER BY number DESC LIMIT 1) t ON true
        WHERE (s.term_number, s.paid_until) <> (t.number, t.ends_on)""",
    "a subscription that runs has not one configuration in force, of its own interval": """
        SELECT s.id FROM subscriptions s
        WHERE s.status IN ('active', 'past_due', 'suspended')
          AND (SELECT count(*) FROM configurations f
               WHERE f.subscription_id = s.id AND f.in_force AND f.interval = s.interval) <> 1""",
    "R3b a configuration is not the sum of its lots": """
        SELECT f.id FROM configurations f
        WHERE f.agents <> (SELECT sum((l ->> 0)::bigint) FROM jsonb_array_elements(f.agent_lots) l)
           OR f.extra_conversations <> f.conversation_block
              * (SELECT coalesce(sum((l ->> 0)::bigint), 0) FROM jsonb_array_elements(f.block_lots) l)
           OR f.list_minor <> (SELECT sum((l ->> 0)::bigint * (l ->> 1)::bigint)
                               FROM jsonb_array_elements(f.agent_lots || f.block_lots) l)""",
    "R12c an account's credit is overdrawn": """
        SELECT account_id AS id FROM credit_entries GROUP BY account_id, currency HAVING sum(amount_minor) < 0""",
    "R15b an account's goodwill is overdrawn": """
        SELECT account_id AS id FROM goodwill_entries GROUP BY account_id, currency HAVING sum(amount_minor) < 0""",
    "the parts of a charge are not its gross sum": """
        SELECT id FROM charges
        WHERE gross_minor <> amount_minor + credit_used_minor + carried_out_minor OR gross_minor < 0""",
    "R4 what is charged is not what was quoted": """
        SELECT c.id FROM charges c JOIN quotes q ON q.id = c.quote_id
        WHERE (c.amount_minor, c.currency) <> (q.to_charge_minor, q.currency)""",
    "a sold charge has other credit entries than it says": """
        SELECT id FROM ({entries}) c WHERE {sold}
          AND (used + returned + applied <> -credit_used_minor OR unused <> unused_minor OR applied <> -applied_minor
               OR goodwill <> -goodwill_minor)""",
    "an open charge has not reserved the credit that it will use": """
        SELECT id FROM ({entries}) c WHERE {open} AND state <> 'planned'
          AND (used + returned <> applied_minor - credit_used_minor OR unused <> 0 OR goodwill <> -goodwill_minor)""",
    "a charge that came to nothing has kept credit or goodwill": """
        SELECT id FROM ({entries}) c WHERE (state IN ('failed', 'cancelled') OR returned_at IS NOT NULL)
          AND (used + returned <> 0 OR unused <> 0 OR applied <> 0 OR goodwill <> 0)""",
    "R7b a carried sum waits in a charge that came to nothing": """
        SELECT k.id FROM carried_sums k JOIN charges c ON c.id = k.into_charge_id
        WHERE c.state IN ('failed', 'cancelled') OR c.returned_at IS NOT NULL""",
    "a term is not sold by exactly one paid charge": """
        SELECT c.id FROM charges c WHERE (SELECT count(*) FROM terms t WHERE t.charge_id = c.id)
          <> CASE WHEN {sold} AND c.buys_term THEN 1 ELSE 0 END""",
    "R15 a paid charge has not exactly one invoice": """
        SELECT c.id FROM charges c WHERE {sold} AND c.gross_minor > 0 AND c.carried_out_minor = 0
          AND (SELECT count(*) FROM invoices i WHERE i.charge_id = c.id AND i.kind = 'invoice') <> 1""",
    "R15 what was not paid or went back has an invoice": """
        SELECT c.id FROM charges c WHERE NOT ({sold})
          AND EXISTS (SELECT 1 FROM invoices i WHERE i.charge_id = c.id AND i.kind = 'invoice')""",
    "R15b more of a charge was reversed than was sold": """
        SELECT c.id FROM charges c
        WHERE (SELECT sum(r.gross_minor) FROM reversals r WHERE r.charge_id = c.id) > c.gross_minor""",
    "R15b the unused part is not reversed once": """
        SELECT c.id FROM charges c WHERE coalesce((SELECT sum(r.gross_minor) FROM reversals r
          WHERE r.cause_charge_id = c.id), 0) <> CASE WHEN {sold} THEN c.unused_minor ELSE 0 END""",
    "R14b more of a charge goes back than was paid": """
        SELECT c.id FROM charges c
        WHERE (SELECT sum(p.amount_minor) FROM payouts p WHERE p.charge_id = c.id) > coalesce(c.amount_minor, 0)""",
    "R4 the money of a returned order does not go back, all of it, once": """
        SELECT c.id FROM charges c WHERE c.returned_at IS NOT NULL AND c.amount_minor > 0
          AND (SELECT array_agg(p.amount_minor) FROM payouts p WHERE p.charge_id = c.id)
              IS DISTINCT FROM ARRAY[c.amount_minor]""",
    "an account has more than one open order": """
        SELECT account_id AS id FROM charges WHERE purpose <> 'renewal' AND {open}
        GROUP BY account_id HAVING count(*) > 1""",
    "an account has more than one live subscription": """
        SELECT account_id AS id FROM subscriptions WHERE status IN ('active', 'past_due')
        GROUP BY account_id HAVING count(*) > 1""",
    "a pending subscription waits for no open order": """
        SELECT s.id FROM subscriptions s WHERE s.status = 'pending'
          AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.subscription_id = s.id AND c.{open})""",
    "R9b a notice stands where nothing ends": """
        SELECT n.id FROM notices n JOIN subscriptions s ON s.id = n.subscription_id
        WHERE n.withdrawn_at IS NULL
          AND NOT (s.status IN ('active', 'past_due') AND NOT s.auto_renew AND n.term_number = s.term_number
                   AND n.ends_on = s.paid_until)""",
    "a decided charge has an attempt without an answer, or two that succeeded": """
        SELECT c.id FROM charges c JOIN attempts t ON t.charge_id = c.id GROUP BY c.id
        HAVING count(*) FILTER (WHERE t.state = 'succeeded') > 1
            OR NOT c.{open} AND count(*) FILTER (WHERE t.state IN ('sent', 'unknown', 'processing')) > 0""",
    "R3 a subscription is priced in another currency than its account pays in": """
        SELECT s.id FROM subscriptions s JOIN accounts a ON a.id = s.account_id
        JOIN configurations f ON f.subscription_id = s.id AND f.in_force
        WHERE s.status IN ('active', 'past_due') AND f.currency <> a.currency""",
}
"""Each query returns the ids of what breaks the rule; the names in braces stand for the texts of `_PARTS`."""
_PARTS = {"{entries}": _ENTRIES, "{sold}": _SOLD, "{open}": _OPEN}


def broken(engine: Engine) -> list[str]:
    """The rules that do not hold, with the ids of what breaks them."""
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for said, query in RULES.items():
        whole = query
        for name, part in _PARTS.items():
            whole = whole.replace(name, part)
        found.append((said, rows(engine, whole)))
    return [f"{said}: {sorted(row['id'] for row in wrong)}" for said, wrong in found if wrong]


def hold(house: House) -> None:
    """Fail unless all rules hold and our books equal the provider's; to be asked when nothing is left to do."""
    assert broken(house.engine) == []
    assert house.books().equal, house.books().differences
