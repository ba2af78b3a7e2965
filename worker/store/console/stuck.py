"""What is stuck, seen closely: the item, charge, mail or payout itself, and how it came to that."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

_ITEM = text("""
    SELECT w.id, w.job, w.key, w.state, w.attempts, w.deferrals, w.dispatches, w.payload, w.last_error,
           w.last_traceback, w.created_at, w.done_at, w.run_id, r.business_date, r.trigger, r.requested_by,
           r.root_run_id
    FROM work_items w JOIN runs r ON r.id = w.run_id WHERE w.id = :id
""")
_FAILURES = text("""
    SELECT attempt, failed_at, error, traceback FROM item_failures WHERE item_id = :id ORDER BY id DESC LIMIT 100
""")
_CHARGE = text("""
    SELECT c.id, a.external_id, c.account_id, c.subscription_id, c.term_number, c.purpose, c.business_date, c.state,
           c.currency, c.amount_minor, c.tries, c.checks, c.decline_kind, c.decline_code, c.next_try_on,
           c.provider_intent, c.parked_at, c.parked_reason, c.parked_detail, c.created_at
    FROM charges c JOIN accounts a ON a.id = c.account_id WHERE c.id = :id
""")
_ATTEMPTS = text("""
    SELECT t.number, t.sent_at, t.state, t.decline_kind, t.decline_code, m.type, m.brand, m.last4
    FROM attempts t JOIN payment_methods m ON m.id = t.payment_method_id
    WHERE t.charge_id = :id ORDER BY t.number DESC LIMIT 100
""")
_MAIL = text("""
    SELECT m.id, a.external_id, m.account_id, m.kind, m.subject_key, m.recipient, m.state, m.attempts, m.last_answer,
           m.created_at
    FROM mails m JOIN accounts a ON a.id = m.account_id WHERE m.id = :id
""")
_PAYOUT = text("""
    SELECT p.id, a.external_id, r.account_id, r.subscription_id, p.charge_id, p.state, p.currency, p.amount_minor,
           p.provider_refund, p.sent_at, p.checks, p.parked_at, p.parked_reason, p.parked_detail, p.created_at
    FROM payouts p JOIN refunds r ON r.id = p.refund_id JOIN accounts a ON a.id = r.account_id WHERE p.id = :id
""")


def item(connection: Connection, number: int) -> Row[Any] | None:
    """A work item with its run."""
    return connection.execute(_ITEM, {"id": number}).one_or_none()


def failures(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """How an item failed, the newest attempt first."""
    return connection.execute(_FAILURES, {"id": number}).all()


def charge(connection: Connection, number: int) -> Row[Any] | None:
    """A charge and where it stands."""
    return connection.execute(_CHARGE, {"id": number}).one_or_none()


def attempts(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """How a charge was tried, the newest first."""
    return connection.execute(_ATTEMPTS, {"id": number}).all()


def mail(connection: Connection, number: int) -> Row[Any] | None:
    """A mail and what the mail server said last."""
    return connection.execute(_MAIL, {"id": number}).one_or_none()


def payout(connection: Connection, number: int) -> Row[Any] | None:
    """Money that goes back, and where it stands."""
    return connection.execute(_PAYOUT, {"id": number}).one_or_none()
