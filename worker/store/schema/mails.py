"""The mail outbox: one row per reason and account, sent at least once and remembered for ever."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from worker.store.schema.metadata import created_at, identity, instant, metadata, one_of, reference

mails = Table(
    "mails",
    metadata,
    identity(),
    reference("account_id", "accounts", index=False),
    Column("kind", Text, nullable=False),
    Column("subject_key", Text, nullable=False, comment="the reason: charge:12, term:7:3:14 ..."),
    reference("subscription_id", "subscriptions", nullable=True),
    reference("invoice_id", "invoices", nullable=True),
    Column("data", JSONB, nullable=False),
    Column("useless_on", Date, comment="from this day on it would mislead and is withdrawn"),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=text("'-infinity'")),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("work_item_id", BigInteger, ForeignKey("work_items.id", ondelete="SET NULL"), index=True),
    Column("recipient", Text, comment="where it really went"),
    Column("last_answer", Text),
    created_at(),
    instant("sent_at"),
    one_of("state", ("waiting", "sent", "failed", "withdrawn")),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_with_time"),
    Index("mails_reason_key", "account_id", "kind", "subject_key", unique=True),
    Index("mails_waiting_idx", "not_before", "id", postgresql_where=text("state = 'waiting'")),
    Index("mails_failed_idx", "id", postgresql_where=text("state = 'failed'")),
)
