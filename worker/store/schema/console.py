"""The ops console: who may enter, who is inside, how often somebody knocked."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, Table, Text, func

from worker.store.schema.metadata import created_at, identity, instant, metadata, one_of, reference

CONSOLE_ROLES = ("read-only", "support", "operator")

console_users = Table(
    "console_users",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True, comment="lower case; as the audit log names the person"),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, comment="argon2id; NULL: only a reverse proxy may vouch for them"),
    Column("locale", Text, comment="NULL: as the browser asks"),
    created_at(),
    instant("disabled_at"),
    one_of("role", CONSOLE_ROLES),
    CheckConstraint("name = lower(name) AND name <> ''", name="name_lower_case"),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    identity(),
    Column("token_sha256", Text, nullable=False, unique=True, comment="only the browser knows the token itself"),
    reference("user_id", "console_users"),
    created_at(),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    instant("ended_at"),
    Index("console_sessions_expires_at_idx", "expires_at"),
)

console_knocks = Table(
    "console_knocks",
    metadata,
    Column("subject", Text, primary_key=True, comment="address:... or name:..."),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("tries", Integer, nullable=False, server_default="0"),
    Index("console_knocks_since_idx", "since"),
)
