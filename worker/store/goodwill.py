"""Goodwill that support gives: an account's entries, net, in one currency each; charges take and return them (R15b)."""

from sqlalchemy import Connection, text

_GRANT = text("""
    INSERT INTO goodwill_entries (account_id, currency, amount_minor, kind)
    VALUES (:account, :currency, :amount_minor, 'granted')
""")
_BALANCE = text("""
    SELECT coalesce(sum(amount_minor), 0)::bigint FROM goodwill_entries
    WHERE account_id = :account AND currency = :currency
""")


def grant(connection: Connection, account: int, *, amount_minor: int, currency: str) -> int:
    """Give an account goodwill; returns all that it has in that currency now, in minor units."""
    values = {"account": account, "currency": currency}
    connection.execute(_GRANT, {**values, "amount_minor": amount_minor})
    return int(connection.execute(_BALANCE, values).scalar_one())
