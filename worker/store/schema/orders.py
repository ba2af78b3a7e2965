"""Quotes: what a buyer was shown before paying, kept so that what is charged is what was seen (R4)."""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from worker.store.schema.metadata import (
    CURRENCIES,
    created_at,
    currency,
    identity,
    metadata,
    money,
    one_of,
    reference,
)

quotes = Table(
    "quotes",
    metadata,
    identity(),
    Column("uid", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    reference("account_id", "accounts"),
    reference("subscription_id", "subscriptions", nullable=True),
    Column("purpose", Text, nullable=False),
    Column("priced_on", Date, nullable=False, comment="the day in the seller's zone that its sums are for"),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("valid_until", DateTime(timezone=True), nullable=False),
    currency(),
    money("to_charge_minor"),
    Column("wish", JSONB, nullable=False, comment="what was asked for"),
    Column("offer", JSONB, nullable=False, comment="what was shown"),
    Column("offer_sha256", Text, nullable=False, comment="the same, to see whether it still holds"),
    created_at(),
    one_of("purpose", ("purchase", "change")),
    one_of("currency", CURRENCIES),
    CheckConstraint("to_charge_minor >= 0", name="not_negative"),
)
