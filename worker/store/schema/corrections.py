"""Corrections of wrong invoices: what the new invoice of a charge says in place of the one before it (R16)."""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Index, Table, text
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

corrections = Table(
    "corrections",
    metadata,
    identity(),
    reference("account_id", "accounts"),
    reference("charge_id", "charges"),
    reference("of_correction_id", "corrections", nullable=True, index=False),
    reference("refund_id", "refunds", nullable=True),
    currency(),
    money("net_minor"),
    money("vat_minor"),
    money("gross_minor"),
    money("to_credit_minor"),
    money("to_refund_minor"),
    Column("frozen", JSONB, nullable=False, comment="as a charge's: lines, VAT decision, place, number and evidence"),
    Column("corrected_on", Date, nullable=False, comment="the real day in the seller's zone"),
    Column("made_at", DateTime(timezone=True), nullable=False),
    created_at(),
    one_of("currency", CURRENCIES),
    CheckConstraint("gross_minor = net_minor + vat_minor AND gross_minor > 0", name="gross_is_net_and_vat"),
    CheckConstraint("to_credit_minor >= 0 AND to_refund_minor >= 0", name="nothing_is_asked_for"),
    CheckConstraint("(to_refund_minor > 0) = (refund_id IS NOT NULL)", name="refund_named"),
    # each invoice is replaced once, the first one or that of an earlier correction, so that one per charge is in force
    Index("corrections_first_key", "charge_id", unique=True, postgresql_where=text("of_correction_id IS NULL")),
    Index("corrections_next_key", "of_correction_id", unique=True),
)
