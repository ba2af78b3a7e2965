"""Disputes: chargebacks as the provider tells of them, and whose account stands still for one (R14c)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

_STANDING = text("""
    SELECT provider_dispute FROM disputes WHERE account_id = :account AND released_at IS NULL ORDER BY id LIMIT 1
""")


def standing(connection: Connection, account: int) -> str | None:
    """The oldest dispute that support has not released, None when the account's money may move."""
    found: str | None = connection.execute(_STANDING, {"account": account}).scalar_one_or_none()
    return found


_STATUSES = text("SELECT provider_dispute, status FROM disputes WHERE provider_dispute = ANY(:names)")


def statuses(connection: Connection, names: list[str]) -> dict[str, str]:
    """How those that we know of stand, by the provider's id."""
    return {row.provider_dispute: row.status for row in connection.execute(_STATUSES, {"names": names})}


_DISPUTED = text("""
    SELECT c.id, c.account_id, c.subscription_id, c.currency, c.amount_minor
    FROM charges c JOIN accounts a ON a.id = c.account_id
    WHERE c.provider_intent = :intent FOR NO KEY UPDATE OF a
""")


def lock_disputed(connection: Connection, intent: str) -> Row[Any] | None:
    """The charge that was paid with that PaymentIntent, its account locked; None when it is none of ours."""
    return connection.execute(_DISPUTED, {"intent": intent}).one_or_none()


_LOCK = text("SELECT id, status FROM disputes WHERE provider_dispute = :name FOR UPDATE")
_OPEN = text("""
    INSERT INTO disputes (account_id, charge_id, provider_dispute, currency, amount_minor, reason, status, opened_at,
                          closed_at)
    VALUES (:account, :charge, :name, :currency, :amount, :reason, :status, :opened_at, :closed_at)
    RETURNING id
""")
_CLOSE = text("""
    UPDATE disputes SET status = :status, amount_minor = :amount, closed_at = :now WHERE id = :dispute
""")


def lock(connection: Connection, name: str) -> Row[Any] | None:
    """The dispute of that name at the provider, if it is known here."""
    return connection.execute(_LOCK, {"name": name}).one_or_none()


def keep(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    *,
    account_id: int,
    charge_id: int,
    name: str,
    currency: str,
    amount_minor: int,
    reason: str,
    status: str,
    opened_at: datetime,
    closed_at: datetime | None,
) -> int:
    """Keep a dispute that was not known; returns its number."""
    values = {
        "account": account_id,
        "charge": charge_id,
        "name": name,
        "currency": currency,
        "amount": amount_minor,
        "reason": reason,
        "status": status,
        "opened_at": opened_at,
        "closed_at": closed_at,
    }
    return int(connection.execute(_OPEN, values).scalar_one())


def close(connection: Connection, dispute: int, *, status: str, amount_minor: int, now: datetime) -> None:
    """The bank has decided: won, or lost with the sum that is lost, in minor units."""
    connection.execute(_CLOSE, {"dispute": dispute, "status": status, "amount": amount_minor, "now": now})


_OF_ACCOUNT = text("""
    SELECT id, status, released_at FROM disputes
    WHERE account_id = :account AND provider_dispute = :name FOR UPDATE
""")
_RELEASE = text("UPDATE disputes SET released_at = :now WHERE id = :dispute")


def of_account(connection: Connection, account: int, name: str) -> Row[Any] | None:
    """The account's dispute of that name at the provider."""
    return connection.execute(_OF_ACCOUNT, {"account": account, "name": name}).one_or_none()


def release(connection: Connection, dispute: int, *, now: datetime) -> None:
    """The account's money may move again, unless another dispute stands."""
    connection.execute(_RELEASE, {"dispute": dispute, "now": now})


_SUSPEND = text("""
    UPDATE subscriptions SET status = 'suspended' WHERE account_id = :account AND status IN ('active', 'past_due')
    RETURNING id
""")
_CUT_TERMS = text("""
    UPDATE terms SET ends_on = greatest(starts_on, :today) WHERE subscription_id = :subscription AND ends_on > :today
""")
_CUT_PAID = text("""
    UPDATE subscriptions s SET paid_until = (SELECT max(t.ends_on) FROM terms t WHERE t.subscription_id = s.id)
    WHERE s.id = :subscription AND s.paid_until > :today
""")


def suspend_at_once(connection: Connection, account: int, *, today: date) -> int | None:
    """End the service in the middle of a term whose money was taken back; returns the subscription, None if none lives.

    The term is cut short to today, so that a later order may begin a new one.
    """
    found: int | None = connection.execute(_SUSPEND, {"account": account}).scalar_one_or_none()
    if found is not None:
        connection.execute(_CUT_TERMS, {"subscription": found, "today": today})
        connection.execute(_CUT_PAID, {"subscription": found, "today": today})
    return found


_STUCK = text("""
    SELECT d.id, d.provider_dispute, d.status, d.amount_minor, d.currency, d.reason, a.external_id, c.subscription_id,
           coalesce(d.closed_at, d.opened_at) AS since,
           extract(epoch FROM cast(:now AS timestamptz) - coalesce(d.closed_at, d.opened_at)) AS age_s
    FROM disputes d JOIN accounts a ON a.id = d.account_id JOIN charges c ON c.id = d.charge_id
    WHERE d.released_at IS NULL ORDER BY since, d.id LIMIT :most
""")


def stuck(connection: Connection, *, now: datetime, most: int) -> list[Row[Any]]:
    """Disputes that support has not released, oldest first; ages in seconds."""
    return list(connection.execute(_STUCK, {"now": now, "most": most}).all())
