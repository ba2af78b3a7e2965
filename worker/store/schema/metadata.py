"""The metadata with its naming convention, and the column shapes that several tables share."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    MetaData,
    Text,
    func,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)

CURRENCIES = ("PLN", "EUR", "USD", "CZK")
"""R3: no other currency exists."""


def identity() -> Column[int]:
    """The surrogate key."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def reference(name: str, target: str, *, nullable: bool = False, index: bool = True) -> Column[int]:
    """A foreign key, indexed unless another index begins with it."""
    return Column(name, BigInteger, ForeignKey(f"{target}.id"), nullable=nullable, index=index)


def created_at() -> Column[object]:
    """The instant of insertion by the database's clock."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def instant(name: str) -> Column[object]:
    """An optional UTC instant."""
    return Column(name, DateTime(timezone=True))


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A closed set of text values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def currency(*, nullable: bool = False) -> Column[str]:
    """ISO code, limited by a CHECK beside it."""
    return Column("currency", Text, nullable=nullable)


def money(name: str, *, nullable: bool = False, default: int | None = None) -> Column[int]:
    """Integer minor units of the row's currency."""
    return Column(name, BigInteger, nullable=nullable, server_default=None if default is None else str(default))
