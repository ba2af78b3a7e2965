"""The inbox of the provider's webhooks: once per event, ids and a type only; what happened is read back."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Table, Text, func, text

from worker.store.schema.metadata import identity, instant, metadata, one_of

provider_inbox = Table(
    "provider_inbox",
    metadata,
    identity(),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("object_id", Text, nullable=False, comment="what it happened to"),
    Column("intent_id", Text, nullable=False, comment="the PaymentIntent that it concerns, empty when there is none"),
    Column("api_version", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, comment="by the provider's clock"),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("state", Text, nullable=False),
    instant("handled_at"),
    one_of("state", ("waiting", "handled", "ignored")),
    CheckConstraint("(state = 'handled') = (handled_at IS NOT NULL)", name="handled_with_time"),
    CheckConstraint("length(event_id) BETWEEN 1 AND 255 AND length(type) BETWEEN 1 AND 255", name="names_bounded"),
    CheckConstraint("length(object_id) <= 255 AND length(intent_id) <= 255", name="objects_bounded"),
    Index("provider_inbox_waiting_idx", "id", postgresql_where=text("state = 'waiting'")),
    Index("provider_inbox_received_at_idx", "received_at"),
)
