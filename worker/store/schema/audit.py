"""The audit log, the day on which money jobs may begin, and how far the provider's events were read."""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Index, Integer, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from worker.store.schema.metadata import created_at, identity, instant, metadata, reference

audit_log = Table(
    "audit_log",
    metadata,
    identity(),
    created_at(),
    Column("actor", Text, nullable=False, comment="who: a person's name, or the job"),
    Column("act", Text, nullable=False),
    Column("reason", Text),
    reference("account_id", "accounts", nullable=True),
    reference("subscription_id", "subscriptions", nullable=True),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("audit_log_created_at_idx", "created_at"),
    Index("audit_log_actor_idx", "actor", "id"),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("go_live_on", Date, comment="no money job runs for an earlier business date"),
    CheckConstraint("id = 1", name="single_row"),
)

provider_cursors = Table(
    "provider_cursors",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("event_id", Text),
    instant("event_at"),
    Column("read_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
