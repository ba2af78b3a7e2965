"""Payment methods of one account: kept, put to use, removed; ids, brand and last four only (R5b)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

_BY_NAME = text("SELECT id, account_id, state FROM payment_methods WHERE provider_method = :name")


def by_provider_id(connection: Connection, name: str) -> Row[Any] | None:
    """The method of that id at the provider, whosever it is."""
    return connection.execute(_BY_NAME, {"name": name}).one_or_none()


_KEEP = text("""
    INSERT INTO payment_methods (account_id, provider_method, type, brand, last4, exp_month, exp_year, state)
    VALUES (:account, :name, :type, :brand, :last4, :exp_month, :exp_year, 'saved')
    ON CONFLICT (provider_method) DO NOTHING
""")


def keep(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    account: int,
    *,
    name: str,
    type: str,  # noqa: A002 - the column's name
    brand: str | None,
    last4: str | None,
    exp_month: int | None,
    exp_year: int | None,
) -> None:
    """Save a method that the provider knows; one that is known here stays as it is."""
    card = {"brand": brand, "last4": last4, "exp_month": exp_month, "exp_year": exp_year}
    connection.execute(_KEEP, {"account": account, "name": name, "type": type, **card})


_LAY_BY = text("""
    UPDATE payment_methods SET state = 'saved' WHERE account_id = :account AND state = 'in_use' AND id <> :method
""")
_USE = text("UPDATE payment_methods SET state = 'in_use' WHERE id = :method")
_REMOVE = text("UPDATE payment_methods SET state = 'removed' WHERE id = :method")
_UNDER_WAY = text("""
    SELECT 1 FROM attempts WHERE payment_method_id = :method AND state IN ('sent', 'unknown', 'processing') LIMIT 1
""")


def put_to_use(connection: Connection, account: int, method: int) -> None:
    """Make it the one in use; the one before stays saved."""
    connection.execute(_LAY_BY, {"account": account, "method": method})
    connection.execute(_USE, {"method": method})


def remove(connection: Connection, method: int) -> None:
    """It is never tried again."""
    connection.execute(_REMOVE, {"method": method})


def pays_right_now(connection: Connection, method: int) -> bool:
    """Whether a payment with it has no answer yet."""
    return connection.execute(_UNDER_WAY, {"method": method}).first() is not None


_UNKNOWN_OF_ORDERS = text("""
    SELECT c.id FROM charges c
    JOIN unnest(cast(:ids AS bigint[]), cast(:names AS text[])) AS v (id, name) ON v.id = c.id
    WHERE c.purpose <> 'renewal'
      AND NOT EXISTS (SELECT 1 FROM payment_methods m WHERE m.provider_method = v.name)
""")
_ACCOUNT_OF = text("SELECT account_id FROM charges WHERE id = :charge")
_PAID_WITH = text("UPDATE charges SET last_method_id = :method WHERE id = :charge")


def unknown_of_orders(connection: Connection, paid: Mapping[int, str]) -> list[int]:
    """Those of the charges that are orders and were paid with a method that is not kept here."""
    values = {"ids": list(paid), "names": list(paid.values())}
    return list(connection.execute(_UNKNOWN_OF_ORDERS, values).scalars())


def learn(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    charge_id: int,
    *,
    name: str,
    type: str,  # noqa: A002 - the column's name
    brand: str | None,
    last4: str | None,
    exp_month: int | None,
    exp_year: int | None,
) -> None:
    """Keep the method that an order was paid with, and put it to use."""
    account = int(connection.execute(_ACCOUNT_OF, {"charge": charge_id}).scalar_one())
    keep(
        connection,
        account,
        name=name,
        type=type,
        brand=brand,
        last4=last4,
        exp_month=exp_month,
        exp_year=exp_year,
    )
    row = by_provider_id(connection, name)
    if row is not None and row.account_id == account:
        put_to_use(connection, account, row.id)
        connection.execute(_PAID_WITH, {"method": row.id, "charge": charge_id})
