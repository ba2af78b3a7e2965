"""What support scheduled for a subscription's later terms, and the live subscription that it is scheduled for."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

_LIVE = """
    SELECT s.id, s.account_id, a.external_id, s.status, s.auto_renew, s.anchor_on, s.anchor_number, s.term_number,
           s.paid_until, f.id AS configuration_id, f.package, f.interval, f.conversation_block, f.agent_lots,
           f.block_lots, f.currency AS bought_in, coalesce(b.company, '') AS company,
           (SELECT jsonb_object_agg(h.kind, jsonb_build_object(
                'id', h.id, 'not_before', h.not_before, 'priced_on', h.priced_on))
            FROM scheduled_changes h WHERE h.subscription_id = s.id AND h.state = 'waiting') AS waiting
    FROM subscriptions s
    JOIN accounts a ON a.id = s.account_id
    JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    LEFT JOIN billing_details b ON b.account_id = s.account_id AND b.superseded_at IS NULL
    WHERE s.status IN ('active', 'past_due')
"""
"""SQL: live subscriptions with configuration and waiting changes; goes on with AND."""

_LOCK = text("""
    SELECT id FROM subscriptions WHERE account_id = :account AND status IN ('active', 'past_due')
    FOR NO KEY UPDATE
""")
_OF_ACCOUNT = text(f"{_LIVE} AND s.account_id = :account")


def lock_live(connection: Connection, account: int) -> Row[Any] | None:
    """The account's live subscription; it is neither renewed nor suspended until the transaction ends."""
    connection.execute(_LOCK, {"account": account})
    return live(connection, account)


def live(connection: Connection, account: int) -> Row[Any] | None:
    """The account's live subscription as it stands, with what waits for its later terms."""
    return connection.execute(_OF_ACCOUNT, {"account": account}).one_or_none()


_PAGE = text(f"""
    {_LIVE} AND s.id > :after AND f.package = :package AND f.currency = :currency ORDER BY s.id LIMIT :most
""")


def live_of_package(
    connection: Connection, *, package: str, currency: str, after: int, most: int
) -> Sequence[Row[Any]]:
    """A page of live subscriptions to a package in a currency, by number; `after` is the last of the page before."""
    values = {"package": package, "currency": currency, "after": after, "most": most}
    return connection.execute(_PAGE, values).all()


_ADD = text("""
    INSERT INTO scheduled_changes (account_id, subscription_id, kind, not_before, priced_on)
    SELECT account_id, id, :kind, :not_before, :priced_on FROM subscriptions WHERE id = :subscription RETURNING id
""")
_DECIDE = text("""
    UPDATE scheduled_changes SET state = :state, decided_at = :now
    WHERE subscription_id = ANY(:subscriptions) AND kind = ANY(:kinds) AND state = 'waiting'
""")
KINDS = ("interval", "prices")


def schedule(connection: Connection, subscription: int, *, kind: str, not_before: date, priced_on: date) -> int:
    """Let a change come with the first term that starts on a day or later, at the prices of another. Returns its id."""
    values = {"subscription": subscription, "kind": kind, "not_before": not_before, "priced_on": priced_on}
    return int(connection.execute(_ADD, values).scalar_one())


def withdraw(connection: Connection, subscription: int, *, kind: str, now: datetime) -> None:
    """The change does not come."""
    values = {"subscriptions": [subscription], "kinds": [kind], "state": "withdrawn", "now": now}
    connection.execute(_DECIDE, values)


def make_void(connection: Connection, subscriptions: Sequence[int], *, now: datetime) -> None:
    """Nothing that waits comes any more: the subscriptions have ended or are suspended (R13)."""
    if subscriptions:
        values = {"subscriptions": list(subscriptions), "kinds": list(KINDS), "state": "void", "now": now}
        connection.execute(_DECIDE, values)
