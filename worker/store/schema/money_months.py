"""Sums of money by calendar month of the seller's zone and currency: what the console shows of twelve months.

They repeat what charges, attempts and payouts hold, and may be emptied at any time: the next audit sums them again.
"""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Integer, PrimaryKeyConstraint, Table, Text

from worker.store.schema.metadata import CURRENCIES, currency, metadata, money, one_of

_FIRST_DAY = "extract(day FROM month) = 1"

money_months = Table(
    "money_months",
    metadata,
    Column("month", Date, nullable=False),
    currency(),
    Column("charges", Integer, nullable=False, comment="paid in that month"),
    money("charged_minor"),
    Column("refunds", Integer, nullable=False),
    money("refunded_minor"),
    Column(
        "declined",
        Integer,
        nullable=False,
        comment="charges first declined in that month; what became of them follows",
    ),
    money("declined_minor"),
    Column("recovered", Integer, nullable=False),
    money("recovered_minor"),
    Column("given_up", Integer, nullable=False),
    money("given_up_minor"),
    Column("summed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("month", "currency"),
    one_of("currency", CURRENCIES),
    CheckConstraint(_FIRST_DAY, name="first_day"),
)

decline_months = Table(
    "decline_months",
    metadata,
    Column("month", Date, nullable=False),
    currency(),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    PrimaryKeyConstraint("month", "currency", "kind", "code"),
    one_of("currency", CURRENCIES),
    CheckConstraint(_FIRST_DAY, name="first_day"),
)
