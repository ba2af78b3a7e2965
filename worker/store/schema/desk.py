"""The desk: requests that were carried out, each with its result, and the customers' notes for invoices (R17)."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from worker.store.schema.metadata import created_at, identity, metadata, reference

desk_requests = Table(
    "desk_requests",
    metadata,
    identity(),
    reference("account_id", "accounts", index=False),
    Column("request_id", Text, nullable=False, comment="the caller's name for this request"),
    Column("act", Text, nullable=False),
    Column("content_sha256", Text, nullable=False, comment="the same id with other content is refused"),
    Column("result", JSONB, nullable=False),
    created_at(),
    CheckConstraint("length(request_id) BETWEEN 1 AND 100", name="request_id_length"),
    Index("desk_requests_account_request_key", "account_id", "request_id", unique=True),
)

invoice_notes = Table(
    "invoice_notes",
    metadata,
    identity(),
    reference("account_id", "accounts", index=False),
    reference("invoice_id", "invoices", nullable=True),
    Column("version", Integer, nullable=False),
    Column("note", Text, nullable=False, comment="empty: the customer took it back"),
    created_at(),
    CheckConstraint("length(note) <= 500", name="note_length"),
    Index(
        "invoice_notes_account_invoice_key",
        "account_id",
        "invoice_id",
        "version",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
)
