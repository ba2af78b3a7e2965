"""Runs and work items: the durable queue, the outbox of messages, and what dashboards show."""

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
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from worker.store.schema.metadata import created_at, identity, instant, metadata, one_of, reference

runs = Table(
    "runs",
    metadata,
    identity(),
    Column("job", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("root_run_id", BigInteger, ForeignKey("runs.id"), index=True),
    Column("requested_by", Text, nullable=False),
    Column("reason", Text),
    Column("selection", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column(
        "planned",
        JSONB,
        nullable=False,
        server_default=text("'{}'::jsonb"),
        comment="counts and sums by currency",
    ),
    created_at(),
    instant("held_at"),
    Column("held_reason", Text),
    instant("finished_at"),
    one_of("trigger", ("timetable", "manual", "rung", "minutely")),
    CheckConstraint("(held_at IS NULL) = (held_reason IS NULL)", name="held_with_reason"),
    Index(
        "runs_timetable_key",
        "job",
        "business_date",
        unique=True,
        postgresql_where=text("trigger = 'timetable'"),
    ),
    Index("runs_job_idx", "job", "business_date", "id"),
    Index("runs_open_idx", "id", postgresql_where=text("finished_at IS NULL")),
    Index(
        "runs_asked_idx",
        "id",
        postgresql_where=text("trigger IN ('timetable', 'manual') OR (trigger = 'rung' AND root_run_id IS NULL)"),
    ),
)

work_items = Table(
    "work_items",
    metadata,
    identity(),
    reference("run_id", "runs", index=False),
    Column("job", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="ready"),
    Column("attempts", Integer, nullable=False, server_default="0", comment="leases that failed or ran out"),
    Column("deferrals", Integer, nullable=False, server_default="0", comment="times a server it needs was away"),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("dispatches", Integer, nullable=False, server_default="0"),
    Column("next_dispatch_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("lease_token", Uuid),
    instant("lease_expires_at"),
    Column("last_error", Text),
    Column("last_traceback", Text),
    Column("result", JSONB),
    created_at(),
    instant("done_at"),
    one_of("state", ("ready", "leased", "done", "dead", "cancelled")),
    CheckConstraint("(state = 'leased') = (lease_token IS NOT NULL)", name="leased_with_token"),
    Index("work_items_run_key_key", "run_id", "key", unique=True),
    Index("work_items_ready_idx", "next_dispatch_at", "id", postgresql_where=text("state = 'ready'")),
    Index("work_items_leased_idx", "lease_expires_at", postgresql_where=text("state = 'leased'")),
    Index("work_items_dead_idx", "id", postgresql_where=text("state = 'dead'")),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", Text, primary_key=True, comment="kind:host:pid"),
    Column("kind", Text, nullable=False),
    Column("beat_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    one_of("kind", ("worker", "scheduler")),
)

paused_jobs = Table(
    "paused_jobs",
    metadata,
    Column("job", Text, primary_key=True),
    Column("paused_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("paused_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

item_failures = Table(
    "item_failures",
    metadata,
    identity(),
    reference("item_id", "work_items"),
    Column("failed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("attempt", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("traceback", Text, comment="NULL when the lease ran out"),
)
