"""Accounts themselves: opened once per external id, and known to the payment provider under one customer."""

from typing import Any

from sqlalchemy import Connection, Row, text

# looked for first, since what conflicts would burn a number of the sequence each time
_OPEN = text("""
    INSERT INTO accounts (external_id, locale, currency)
    SELECT :name, :locale, :currency WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE external_id = :name)
    ON CONFLICT (external_id) DO NOTHING
""")
_TERMS = text("SELECT locale, currency FROM accounts WHERE id = :account")


def open_account(connection: Connection, external_id: str, *, locale: str, currency: str) -> bool:
    """Make a Free account, unless there is one of that external id; returns whether it is new.

    Whoever opens the same one at the same time waits here until we have committed.
    """
    values = {"name": external_id, "locale": locale, "currency": currency}
    return connection.execute(_OPEN, values).rowcount == 1


def language_and_currency(connection: Connection, account: int) -> tuple[str, str]:
    """The account's locale and the currency that it pays in."""
    row = connection.execute(_TERMS, {"account": account}).one()
    return row.locale, row.currency


_CUSTOMER = text("""
    SELECT a.id, a.external_id, a.provider_customer, a.erasure_began_at, coalesce(b.version, 0) AS details_version,
           nullif(b.email, '') AS email, nullif(b.company, '') AS name
    FROM accounts a LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    WHERE a.id = :account
""")
_KEEP_CUSTOMER = text("""
    UPDATE accounts SET provider_customer = :customer WHERE id = :account AND provider_customer IS NULL
""")


def customer_facts(connection: Connection, account: int) -> Row[Any]:
    """The account's customer at the provider, if it has one, and what the provider is told to make one."""
    return connection.execute(_CUSTOMER, {"account": account}).one()


def keep_customer(connection: Connection, account: int, customer: str) -> None:
    """Note the account's customer at the provider; one that is noted already stays."""
    connection.execute(_KEEP_CUSTOMER, {"account": account, "customer": customer})
