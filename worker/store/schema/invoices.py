"""Invoices, their lines, the rendered documents and the number series (R15, R16, R18)."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
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

number_series = Table(
    "number_series",
    metadata,
    Column("series", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("next_sequence", Integer, nullable=False),
    PrimaryKeyConstraint("series", "year"),
    CheckConstraint("next_sequence >= 1", name="sequence_positive"),
)

invoices = Table(
    "invoices",
    metadata,
    identity(),
    reference("account_id", "accounts"),
    Column(
        "charge_id",
        BigInteger,
        ForeignKey("charges.id"),
        nullable=False,
        index=True,
        comment="the charge that is invoiced; of a credit note, that of the corrected invoice",
    ),
    Column("kind", Text, nullable=False),
    Column("series", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("number", Text, nullable=False, unique=True),
    Column("issued_on", Date, nullable=False),
    Column(
        "paid_on",
        Date,
        nullable=False,
        comment="the real day of the payment; of a credit note, that of the correction",
    ),
    currency(),
    money("net_minor"),
    money("vat_minor"),
    money("gross_minor"),
    Column("snapshot", JSONB, nullable=False, comment="everything printed"),
    Column("snapshot_sha256", Text, nullable=False),
    created_at(),
    reference("reversal_id", "reversals", nullable=True, index=False),
    reference("correction_id", "corrections", nullable=True, index=False),
    one_of("kind", ("invoice", "credit_note")),
    CheckConstraint("(kind = 'credit_note') = (reversal_id IS NOT NULL)", name="credit_note_of_reversal"),
    one_of("currency", CURRENCIES),
    CheckConstraint("gross_minor = net_minor + vat_minor", name="gross_is_net_and_vat"),
    CheckConstraint("issued_on >= paid_on", name="issued_after_payment"),
    CheckConstraint("correction_id IS NULL OR kind = 'invoice'", name="correction_of_invoice"),
    Index(
        "invoices_first_key",
        "charge_id",
        unique=True,
        postgresql_where=text("kind = 'invoice' AND correction_id IS NULL"),
    ),
    Index("invoices_correction_key", "correction_id", unique=True),
    Index("invoices_reversal_key", "reversal_id", unique=True),
    Index("invoices_series_key", "series", "year", "sequence", unique=True),
)

invoice_lines = Table(
    "invoice_lines",
    metadata,
    reference("invoice_id", "invoices", index=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    money("unit_price_minor"),
    money("net_minor"),
    PrimaryKeyConstraint("invoice_id", "position"),
    one_of("kind", ("agents", "conversations", "carried", "goodwill")),
)

invoice_documents = Table(
    "invoice_documents",
    metadata,
    reference("invoice_id", "invoices", index=False),
    Column("template_version", Integer, nullable=False),
    Column("pdf", LargeBinary, comment="of documents from before there was a place of files"),
    Column("pdf_sha256", Text, nullable=False, comment="the address of the bytes in the place of files"),
    Column("replaced", Text, nullable=False, server_default="", comment="characters without a glyph"),
    created_at(),
    Column(
        "edition",
        Integer,
        nullable=False,
        comment="1 as issued, then one for each note that was written for it (R17)",
    ),
    reference("note_id", "invoice_notes", nullable=True),
    PrimaryKeyConstraint("invoice_id", "edition", "template_version"),
    CheckConstraint("(edition = 1) = (note_id IS NULL)", name="later_edition_has_note"),
)
