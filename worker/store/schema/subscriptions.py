"""Subscriptions: what was bought (configurations), the paid stretches (terms), what is scheduled, notices."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from worker.store.schema.catalogue import INTERVALS, PACKAGES
from worker.store.schema.metadata import (
    CURRENCIES,
    created_at,
    currency,
    identity,
    instant,
    metadata,
    money,
    one_of,
    reference,
)

LIVE = "status IN ('active', 'past_due')"

subscriptions = Table(
    "subscriptions",
    metadata,
    identity(),
    reference("account_id", "accounts"),
    Column("status", Text, nullable=False),
    Column("auto_renew", Boolean, nullable=False),
    Column("interval", Text, nullable=False),
    Column("anchor_on", Date, nullable=False, comment="every term start is computed from this day"),
    Column(
        "anchor_number",
        Integer,
        nullable=False,
        server_default="0",
        comment="the term that began on anchor_on",
    ),
    Column("term_number", Integer, nullable=False, comment="the last paid term"),
    Column("paid_until", Date, nullable=False, comment="its ends_on: the first day that is not paid"),
    Column("first_paid_on", Date),
    created_at(),
    one_of("status", ("pending", "active", "past_due", "suspended", "ended")),
    one_of("interval", INTERVALS),
    Index("subscriptions_live_key", "account_id", unique=True, postgresql_where=text(LIVE)),
    Index("subscriptions_due_idx", "paid_until", "id", postgresql_where=text(LIVE)),
)

configurations = Table(
    "configurations",
    metadata,
    identity(),
    reference("subscription_id", "subscriptions"),
    Column("package", Text, nullable=False),
    Column("interval", Text, nullable=False),
    currency(),
    Column("agents", Integer, nullable=False),
    Column("extra_conversations", Integer, nullable=False),
    Column("conversation_block", Integer, nullable=False),
    created_at(),
    instant("superseded_at"),
    Column(
        "agent_lots", JSONB, nullable=False, comment="[[quantity, unit price in minor units], ...], oldest first (R3b)"
    ),
    Column("block_lots", JSONB, nullable=False, comment="the same of blocks of conversations"),
    money("list_minor"),
    Column("in_force", Boolean, nullable=False, comment="false: ordered and not paid yet, or a former one"),
    one_of("package", PACKAGES),
    one_of("interval", INTERVALS),
    one_of("currency", CURRENCIES),
    CheckConstraint("agents >= 1", name="agents_positive"),
    CheckConstraint("extra_conversations >= 0 AND conversation_block >= 1", name="conversations_sensible"),
    CheckConstraint("jsonb_array_length(agent_lots) >= 1 AND jsonb_array_length(block_lots) >= 0", name="lots_listed"),
    CheckConstraint("list_minor >= 0", name="list_not_negative"),
    CheckConstraint("NOT (in_force AND superseded_at IS NOT NULL)", name="in_force_not_superseded"),
    Index(
        "configurations_current_key",
        "subscription_id",
        unique=True,
        postgresql_where=text("in_force"),
    ),
)

terms = Table(
    "terms",
    metadata,
    identity(),
    reference("subscription_id", "subscriptions", index=False),
    Column("number", Integer, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    reference("configuration_id", "configurations"),
    money("paid_minor"),
    currency(),
    Column("origin", Text, nullable=False),
    reference("charge_id", "charges", nullable=True),
    created_at(),
    one_of("currency", CURRENCIES),
    one_of("origin", ("import", "charge", "gift")),
    CheckConstraint("ends_on >= starts_on", name="not_negative"),
    CheckConstraint("(origin = 'charge') = (charge_id IS NOT NULL)", name="charge_of_origin"),
    Index("terms_subscription_number_key", "subscription_id", "number", unique=True),
    ExcludeConstraint(
        (text("int8range(subscription_id, subscription_id, '[]')"), "&&"),
        (text("daterange(starts_on, ends_on)"), "&&"),
        name="terms_never_overlap",
        using="gist",
    ),
)

notices = Table(
    "notices",
    metadata,
    identity(),
    reference("account_id", "accounts"),
    reference("subscription_id", "subscriptions"),
    Column("kind", Text, nullable=False),
    Column("term_number", Integer, nullable=False),
    Column("ends_on", Date, nullable=False),
    created_at(),
    instant("withdrawn_at"),
    Column("withdrawn_because", Text),
    one_of("kind", ("term_ending",)),
    Index(
        "notices_standing_key",
        "subscription_id",
        "kind",
        "term_number",
        unique=True,
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
)

scheduled_changes = Table(
    "scheduled_changes",
    metadata,
    identity(),
    reference("account_id", "accounts"),
    reference("subscription_id", "subscriptions"),
    Column("kind", Text, nullable=False),
    Column("not_before", Date, nullable=False, comment="it comes with the first term that starts then or later"),
    Column("priced_on", Date, nullable=False, comment="the day whose prices it brings"),
    Column("state", Text, nullable=False, server_default="waiting"),
    reference("charge_id", "charges", nullable=True),
    created_at(),
    instant("decided_at"),
    one_of("kind", ("interval", "prices")),
    one_of("state", ("waiting", "applied", "withdrawn", "void")),
    CheckConstraint("(state = 'applied') = (charge_id IS NOT NULL)", name="applied_by_charge"),
    Index(
        "scheduled_changes_waiting_key",
        "subscription_id",
        "kind",
        unique=True,
        postgresql_where=text("state = 'waiting'"),
    ),
)
