"""The catalogue: unit prices and allowances, each with the date from which it holds (R2, R3b)."""

from sqlalchemy import CheckConstraint, Column, Date, Integer, PrimaryKeyConstraint, Table, Text

from worker.store.schema.metadata import CURRENCIES, currency, metadata, money, one_of

PACKAGES = ("standard", "pro")
INTERVALS = ("month", "year")

catalogue_prices = Table(
    "catalogue_prices",
    metadata,
    Column("package", Text, nullable=False),
    Column("interval", Text, nullable=False),
    currency(),
    Column("valid_from", Date, nullable=False),
    money("agent_price_minor"),
    money("conversation_price_minor"),
    PrimaryKeyConstraint("package", "interval", "currency", "valid_from"),
    one_of("package", PACKAGES),
    one_of("interval", INTERVALS),
    one_of("currency", CURRENCIES),
    CheckConstraint("agent_price_minor >= 0 AND conversation_price_minor >= 0", name="prices_not_negative"),
)

catalogue_allowances = Table(
    "catalogue_allowances",
    metadata,
    Column("package", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("included", Integer, nullable=False),
    Column("limit", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    PrimaryKeyConstraint("package", "valid_from"),
    one_of("package", ("free", *PACKAGES)),
    CheckConstraint('included >= 0 AND "limit" >= included AND block >= 1', name="allowance_sensible"),
)
