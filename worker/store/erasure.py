"""The erasure of an account: what stands in its way, what is blanked, and what the law wants kept.

Kept for ten years are issued documents with their snapshots and PDFs, and of paid charges the tax data that was frozen
with them (VAT Directive, Art. 244 and the Czech VAT Act, §35). A test holds every column of text in the schema against
this file, so that a new one is either blanked here or kept for a reason that is written down.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

_OBSTACLES = text("""
    SELECT EXISTS (SELECT 1 FROM subscriptions WHERE account_id = :account AND status IN ('active', 'past_due'))
               AS live,
           EXISTS (SELECT 1 FROM charges WHERE account_id = :account
                   AND state NOT IN ('succeeded', 'failed', 'cancelled')) AS charge,
           EXISTS (SELECT 1 FROM payouts p JOIN refunds f ON f.id = p.refund_id WHERE f.account_id = :account
                   AND (p.state IN ('planned', 'sent', 'unknown', 'pending') OR p.parked_at IS NOT NULL)) AS payout,
           EXISTS (SELECT 1 FROM disputes WHERE account_id = :account AND (status = 'open' OR released_at IS NULL))
               AS dispute,
           EXISTS (SELECT 1 FROM charges c WHERE c.account_id = :account AND c.state = 'succeeded' AND c.gross_minor > 0
                   AND c.carried_out_minor = 0 AND c.returned_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.charge_id = c.id AND i.kind = 'invoice'))
           OR EXISTS (SELECT 1 FROM reversals r WHERE r.account_id = :account AND r.charge_id IS NOT NULL
                      AND NOT EXISTS (SELECT 1 FROM invoices n WHERE n.reversal_id = r.id))
           OR EXISTS (SELECT 1 FROM corrections k WHERE k.account_id = :account
                      AND NOT EXISTS (SELECT 1 FROM invoices n WHERE n.correction_id = k.id)) AS paper
""")


def obstacles(connection: Connection, account: int) -> Row[Any]:
    """What must end before the account can be erased: live, charge, payout, dispute, paper; each true or false."""
    return connection.execute(_OBSTACLES, {"account": account}).one()


_PURSE = text("""
    SELECT what, currency, sum(amount_minor)::bigint AS amount_minor FROM (
        SELECT 'credit' AS what, currency, amount_minor FROM credit_entries WHERE account_id = :account
        UNION ALL
        SELECT 'goodwill', currency, amount_minor FROM goodwill_entries WHERE account_id = :account) entries
    GROUP BY what, currency HAVING sum(amount_minor) <> 0 ORDER BY what, currency
""")
_FORFEIT = {
    "credit": text("""
        INSERT INTO credit_entries (account_id, currency, amount_minor, kind)
        VALUES (:account, :currency, -:amount, 'forfeited')
    """),
    "goodwill": text("""
        INSERT INTO goodwill_entries (account_id, currency, amount_minor, kind)
        VALUES (:account, :currency, -:amount, 'forfeited')
    """),
}


def purse(connection: Connection, account: int) -> Sequence[Row[Any]]:
    """Credit and goodwill that the account still has: what, currency, amount in minor units."""
    return connection.execute(_PURSE, {"account": account}).all()


def forfeit(connection: Connection, account: int, left: Sequence[Row[Any]]) -> None:
    """Book what is left as given up."""
    for row in left:
        values = {"account": account, "currency": row.currency, "amount": row.amount_minor}
        connection.execute(_FORFEIT[row.what], values)


_ERASURE = text("SELECT erasure_began_at, erased_at, provider_customer FROM accounts WHERE id = :account")
_BEGIN = text("UPDATE accounts SET erasure_began_at = coalesce(erasure_began_at, :now) WHERE id = :account")
_SUSPENDED = text("SELECT id FROM subscriptions WHERE account_id = :account AND status NOT IN ('ended', 'pending')")


def erasure(connection: Connection, account: int) -> Row[Any]:
    """How far the account's erasure has come, and its customer at the provider as long as that is known."""
    return connection.execute(_ERASURE, {"account": account}).one()


def begin(connection: Connection, account: int, *, now: datetime) -> None:
    """From now on nothing else can be done to the account."""
    connection.execute(_BEGIN, {"account": account, "now": now})


def not_ended(connection: Connection, account: int) -> list[int]:
    """Subscriptions that are suspended: they end with the account."""
    return list(connection.execute(_SUSPENDED, {"account": account}).scalars())


_BLANK = (
    text("""
        UPDATE billing_details SET company = '', street = '', city = '', postcode = '', country = '', email = '',
                                   vat_number = NULL
        WHERE account_id = :account
    """),
    text("""
        UPDATE payment_methods SET provider_method = 'erased_' || id, state = 'removed', last4 = NULL,
                                   exp_month = NULL, exp_year = NULL
        WHERE account_id = :account
    """),
    text("""
        UPDATE attempts t SET request = t.request - 'payment_method' FROM charges c
        WHERE c.id = t.charge_id AND c.account_id = :account
    """),
    # of what was never paid nothing is kept for the tax office
    text("""
        UPDATE charges SET parked_detail = NULL,
                           frozen = CASE state WHEN 'succeeded' THEN frozen ELSE frozen - 'vat_number' END
        WHERE account_id = :account
    """),
    # before the mails themselves, which tell the items apart
    text("""
        UPDATE item_failures SET error = '', traceback = NULL
        WHERE error <> '' AND item_id IN (
            SELECT work_item_id FROM mails WHERE account_id = :account
            UNION SELECT work_item_id FROM charges WHERE account_id = :account)
    """),
    text("""
        UPDATE work_items SET last_error = NULL, last_traceback = NULL
        WHERE last_error IS NOT NULL AND id IN (
            SELECT work_item_id FROM mails WHERE account_id = :account
            UNION SELECT work_item_id FROM charges WHERE account_id = :account)
    """),
    text("""
        UPDATE mails SET data = '{}', recipient = NULL, last_answer = NULL,
                         state = CASE WHEN state IN ('waiting', 'failed') THEN 'withdrawn' ELSE state END
        WHERE account_id = :account
    """),
    text("UPDATE invoice_notes SET note = '' WHERE account_id = :account"),
    text("UPDATE refunds SET reason = NULL WHERE account_id = :account"),
    text("UPDATE desk_requests SET result = '{}', content_sha256 = 'erased' WHERE account_id = :account"),
    text("""
        UPDATE runs SET reason = NULL
        WHERE reason IS NOT NULL AND (selection ->> 'only_subscription')::bigint IN (
            SELECT id FROM subscriptions WHERE account_id = :account)
    """),
    # who, which act and when stays, and the code of a refusal; what was asked, answered and given as a reason goes
    text("""
        UPDATE audit_log l SET
            actor = CASE WHEN l.actor LIKE 'customer:%' THEN 'customer:erased' ELSE l.actor END,
            reason = NULL,
            details = jsonb_strip_nulls(jsonb_build_object(
                'account', l.details -> 'account', 'request_id', l.details -> 'request_id',
                'refused', l.details -> 'refused', 'erased', true))
        WHERE l.act <> 'desk.erase' AND (
            l.account_id = :account OR l.details ->> 'account' = :name
            OR l.subscription_id IN (SELECT id FROM subscriptions WHERE account_id = :account))
    """),
    text("""
        UPDATE accounts SET source_hash = NULL, provider_customer = NULL, erased_at = coalesce(erased_at, :now)
        WHERE id = :account
    """),
)


def blank(connection: Connection, account: int, *, name: str, now: datetime) -> None:
    """Blank all that is personal and need not be kept; a second time nothing is left to blank.

    Args:
        connection: in the act's transaction, with the account locked.
        account: its number.
        name: its external id, which stays; rows of the audit log bear it.
        now: when.
    """
    for statement in _BLANK:
        connection.execute(statement, {"account": account, "name": name, "now": now})
