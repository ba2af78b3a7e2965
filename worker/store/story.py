"""One subscription's whole story, and one account as it stands; for the operator's eyes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

_BY_ID = text("""
    SELECT s.id, s.account_id, a.external_id FROM subscriptions s JOIN accounts a ON a.id = s.account_id
    WHERE s.id = :id
""")
_BY_EXTERNAL_ID = text("""
    SELECT s.id, a.id AS account_id, a.external_id FROM accounts a LEFT JOIN subscriptions s ON s.account_id = a.id
    WHERE a.external_id = :name
    ORDER BY (s.status IN ('active', 'past_due')) DESC NULLS LAST, s.id DESC LIMIT 1
""")


def subscription_by_id(connection: Connection, subscription_id: int) -> Row[Any] | None:
    """A subscription by its number."""
    return connection.execute(_BY_ID, {"id": subscription_id}).one_or_none()


def subscription_of(connection: Connection, external_id: str) -> Row[Any] | None:
    """An account's live subscription, else its newest; `id` is None when it never had one."""
    return connection.execute(_BY_EXTERNAL_ID, {"name": external_id}).one_or_none()


# A rehearsal's clock is not the database's: what bears both times is placed at the earlier one, so that a charge
# never follows its own attempts. Rows of one transaction bear one time: then what was asked for comes before what came
# of it, and money before papers, papers before mails.
_STORY = text("""
    SELECT at, kind, facts FROM (
        SELECT a.created_at AS at, 0 AS rank, a.id, 'account' AS kind,
               jsonb_build_object('external_id', a.external_id, 'currency', a.currency, 'locale', a.locale) AS facts
        FROM accounts a WHERE a.id = :account
        UNION ALL
        SELECT b.created_at, 2, b.id, 'billing_details',
               to_jsonb(b) - ARRAY['id', 'account_id', 'created_at', 'superseded_at']
        FROM billing_details b WHERE b.account_id = :account
        UNION ALL
        SELECT m.created_at, 2, m.id, 'payment_method',
               jsonb_build_object('type', m.type, 'brand', m.brand, 'last4', m.last4, 'state', m.state)
        FROM payment_methods m WHERE m.account_id = :account
        UNION ALL
        SELECT s.created_at, 3, s.id, 'subscription',
               jsonb_build_object('subscription', s.id, 'interval', s.interval, 'anchor_on', s.anchor_on,
                                  'auto_renew', s.auto_renew, 'status', s.status, 'paid_until', s.paid_until)
        FROM subscriptions s WHERE s.id = :subscription
        UNION ALL
        SELECT f.created_at, 4, f.id, 'configuration',
               to_jsonb(f) - ARRAY['id', 'subscription_id', 'created_at', 'superseded_at']
        FROM configurations f WHERE f.subscription_id = :subscription
        UNION ALL
        SELECT coalesce(least(t.created_at, c.paid_at), t.created_at), 9, t.id, 'term',
               jsonb_build_object('number', t.number, 'starts_on', t.starts_on, 'ends_on', t.ends_on,
                                  'paid_minor', t.paid_minor, 'currency', t.currency, 'origin', t.origin,
                                  'charge', t.charge_id)
        FROM terms t LEFT JOIN charges c ON c.id = t.charge_id WHERE t.subscription_id = :subscription
        UNION ALL
        SELECT least(c.created_at, c.paid_at, c.parked_at,
                     (SELECT min(t.sent_at) FROM attempts t WHERE t.charge_id = c.id)), 5, c.id, 'charge',
               jsonb_build_object('charge', c.id, 'for', c.purpose, 'term_number', c.term_number,
                                  'business_date', c.business_date, 'state', c.state, 'paid_by', c.payer,
                                  'amount_minor', c.amount_minor, 'currency', c.currency,
                                  'credit_used_minor', c.credit_used_minor, 'intent', c.provider_intent,
                                  'tries', c.tries, 'next_try_on', c.next_try_on, 'suspends_on', c.suspends_on,
                                  'vat', c.frozen -> 'vat')
        FROM charges c WHERE c.subscription_id = :subscription
        UNION ALL
        SELECT t.sent_at, 6, t.id, 'attempt',
               jsonb_build_object('charge', t.charge_id, 'number', t.number, 'state', t.state, 'code', t.code,
                                  'decline_code', t.decline_code, 'advice_code', t.advice_code,
                                  'request_id', t.request_id, 'answered_at', t.answered_at,
                                  'brand', m.brand, 'last4', m.last4)
        FROM attempts t JOIN charges c ON c.id = t.charge_id JOIN payment_methods m ON m.id = t.payment_method_id
        WHERE c.subscription_id = :subscription
        UNION ALL
        SELECT c.parked_at, 7, c.id, 'parked',
               jsonb_build_object('charge', c.id, 'reason', c.parked_reason, 'detail', c.parked_detail)
        FROM charges c WHERE c.subscription_id = :subscription AND c.parked_at IS NOT NULL
        UNION ALL
        SELECT c.paid_at, 8, c.id, 'paid',
               jsonb_build_object('charge', c.id, 'amount_minor', c.amount_minor, 'currency', c.currency,
                                  'paid_on', c.paid_on)
        FROM charges c WHERE c.subscription_id = :subscription AND c.paid_at IS NOT NULL
        UNION ALL
        SELECT e.created_at, 13, e.id, 'credit',
               jsonb_build_object('amount_minor', e.amount_minor, 'currency', e.currency, 'why', e.kind,
                                  'charge', e.charge_id, 'refund', e.refund_id, 'correction', e.correction_id)
        FROM credit_entries e WHERE e.account_id = :account
        UNION ALL
        SELECT i.created_at, 17, i.id, i.kind,
               jsonb_build_object('number', i.number, 'charge', i.charge_id, 'issued_on', i.issued_on,
                                  'gross_minor', i.gross_minor, 'currency', i.currency)
        FROM invoices i JOIN charges c ON c.id = i.charge_id WHERE c.subscription_id = :subscription
        UNION ALL
        SELECT least(m.created_at, m.sent_at), 18, m.id, 'mail',
               jsonb_build_object('mail', m.id, 'about', m.kind, 'state', m.state, 'sent_at', m.sent_at,
                                  'recipient', m.recipient, 'attempts', m.attempts, 'answer', m.last_answer)
        FROM mails m
        WHERE m.account_id = :account AND (m.subscription_id = :subscription OR m.subscription_id IS NULL)
        UNION ALL
        SELECT n.created_at, 19, n.id, 'notice',
               jsonb_build_object('about', n.kind, 'term_number', n.term_number, 'ends_on', n.ends_on)
        FROM notices n WHERE n.subscription_id = :subscription
        UNION ALL
        SELECT n.withdrawn_at, 20, n.id, 'notice_withdrawn',
               jsonb_build_object('about', n.kind, 'term_number', n.term_number, 'because', n.withdrawn_because)
        FROM notices n WHERE n.subscription_id = :subscription AND n.withdrawn_at IS NOT NULL
        UNION ALL
        SELECT f.created_at, 10, f.id, 'refund',
               jsonb_build_object('refund', f.id, 'about', f.kind, 'total_minor', f.total_minor,
                                  'currency', f.currency, 'requested_on', f.requested_on, 'overridden', f.overridden,
                                  'reason', f.reason)
        FROM refunds f WHERE f.subscription_id = :subscription
        UNION ALL
        SELECT v.made_at, 11, v.id, 'reversal',
               jsonb_build_object('charge', v.charge_id, 'refund', v.refund_id, 'cause_charge', v.cause_charge_id,
                                  'correction', v.correction_id,
                                  'net_minor', v.net_minor, 'vat_minor', v.vat_minor, 'gross_minor', v.gross_minor,
                                  'currency', v.currency, 'reversed_on', v.reversed_on)
        FROM reversals v WHERE v.subscription_id = :subscription
        UNION ALL
        SELECT k.made_at, 11, k.id, 'correction',
               jsonb_build_object('correction', k.id, 'charge', k.charge_id,
                                  'net_minor', k.net_minor, 'vat_minor', k.vat_minor,
                                  'gross_minor', k.gross_minor, 'currency', k.currency,
                                  'to_credit_minor', k.to_credit_minor, 'to_refund_minor', k.to_refund_minor,
                                  'corrected_on', k.corrected_on, 'vat', k.frozen -> 'vat')
        FROM corrections k JOIN charges c ON c.id = k.charge_id WHERE c.subscription_id = :subscription
        UNION ALL
        SELECT coalesce(p.sent_at, p.created_at), 12, p.id, 'payout',
               jsonb_build_object('payout', p.id, 'uid', p.uid, 'refund', p.refund_id, 'charge', p.charge_id,
                                  'amount_minor', p.amount_minor, 'currency', p.currency, 'state', p.state,
                                  'provider_refund', p.provider_refund, 'charged_twice', p.provider_intent,
                                  'paid_at', p.paid_at, 'code', p.code,
                                  'parked', p.parked_reason, 'detail', p.parked_detail)
        FROM payouts p JOIN refunds f ON f.id = p.refund_id WHERE f.subscription_id = :subscription
        UNION ALL
        SELECT d.opened_at, 21, d.id, 'dispute',
               jsonb_build_object('dispute', d.provider_dispute, 'charge', d.charge_id, 'amount_minor', d.amount_minor,
                                  'currency', d.currency, 'reason', d.reason, 'status', d.status,
                                  'closed_at', d.closed_at, 'released_at', d.released_at)
        FROM disputes d WHERE d.account_id = :account
        UNION ALL
        SELECT h.created_at, 15, h.id, 'scheduled',
               jsonb_build_object('what', h.kind, 'not_before', h.not_before, 'priced_on', h.priced_on)
        FROM scheduled_changes h WHERE h.subscription_id = :subscription
        UNION ALL
        SELECT h.decided_at, 16, h.id, 'scheduled_' || h.state,
               jsonb_build_object('what', h.kind, 'charge', h.charge_id)
        FROM scheduled_changes h WHERE h.subscription_id = :subscription AND h.decided_at IS NOT NULL
        UNION ALL
        SELECT g.created_at, 14, g.id, 'goodwill',
               jsonb_build_object('amount_minor', g.amount_minor, 'currency', g.currency, 'why', g.kind,
                                  'charge', g.charge_id)
        FROM goodwill_entries g WHERE g.account_id = :account
        UNION ALL
        SELECT k.told_at, 3, k.id, 'vat_check',
               jsonb_build_object('number', k.number, 'outcome', k.outcome, 'reason', k.reason, 'code', k.code,
                                  'told_on', k.told_on, 'consultation', k.consultation)
        FROM vat_checks k WHERE k.account_id = :account
        UNION ALL
        SELECT l.created_at, CASE WHEN l.act LIKE 'desk.%' THEN 1 ELSE 22 END, l.id, 'audit',
               jsonb_build_object('actor', l.actor, 'act', l.act, 'reason', l.reason, 'details', l.details)
        FROM audit_log l
        WHERE l.subscription_id = :subscription OR (l.account_id = :account AND l.subscription_id IS NULL)
    ) events
    ORDER BY at, rank, id
""")


def story(connection: Connection, *, account_id: int, subscription_id: int) -> Sequence[Row[Any]]:
    """Everything that happened to a subscription, in order of time: instant, kind, facts."""
    return connection.execute(_STORY, {"account": account_id, "subscription": subscription_id}).all()


_ACCOUNT = text("""
    SELECT a.id, a.external_id, a.locale, a.currency, a.provider_customer, a.created_at,
           b.version AS details_version, b.company, b.street, b.city, b.postcode, b.country, b.email, b.vat_number,
           vn.state AS vat_state,
           s.id AS subscription_id, s.status, s.auto_renew, s.interval, s.anchor_on, s.paid_until,
           f.package, f.agents, f.extra_conversations, f.agent_lots, f.block_lots, f.list_minor,
           f.conversation_block, f.currency AS bought_in,
           t.number AS term_number, t.starts_on, t.ends_on, t.paid_minor,
           m.type AS method_type, m.brand, m.last4, m.exp_month, m.exp_year
    FROM accounts a
    LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    LEFT JOIN vat_numbers vn ON vn.account_id = a.id AND vn.number = b.vat_number
    LEFT JOIN LATERAL (
        SELECT * FROM subscriptions WHERE account_id = a.id
        ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1
    ) s ON true
    LEFT JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    LEFT JOIN terms t ON t.subscription_id = s.id AND t.number = s.term_number
    LEFT JOIN payment_methods m ON m.account_id = a.id AND m.state = 'in_use'
    WHERE a.external_id = :name
""")
_CREDIT = text("""
    SELECT currency, sum(amount_minor)::bigint AS amount_minor FROM credit_entries WHERE account_id = :account
    GROUP BY currency HAVING sum(amount_minor) <> 0 ORDER BY currency
""")
_ENTITLEMENT = text("SELECT * FROM entitlements WHERE account = :name")


def account(connection: Connection, external_id: str) -> Row[Any] | None:
    """An account with its billing details, newest subscription, term and method in use."""
    return connection.execute(_ACCOUNT, {"name": external_id}).one_or_none()


def credit(connection: Connection, account_id: int) -> dict[str, int]:
    """The account's credit by currency, in minor units."""
    return {row.currency: row.amount_minor for row in connection.execute(_CREDIT, {"account": account_id})}


def entitlement(connection: Connection, external_id: str) -> Row[Any] | None:
    """What the chat product reads of this account (R21)."""
    return connection.execute(_ENTITLEMENT, {"name": external_id}).one_or_none()
