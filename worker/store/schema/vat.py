"""VAT numbers that VIES is asked about, and what it said each time: the evidence of a reverse charge (R19, R19b)."""

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
)

from worker.store.schema.metadata import created_at, identity, instant, metadata, one_of, reference

vat_checks = Table(
    "vat_checks",
    metadata,
    identity(),
    reference("account_id", "accounts"),
    Column("number", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, comment="why it is unknown"),
    Column("code", Text, comment="the register's own word for that"),
    Column("told_at", DateTime(timezone=True), nullable=False, comment="by our clock"),
    Column("told_on", Date, nullable=False, comment="the same as a day of the seller's zone"),
    Column("consultation", Text, comment="the register's number for the question"),
    Column("told_on_their_clock", Text),
    Column("body", Text, comment="the answer as it came, of a yes or a no"),
    Column("body_sha256", Text),
    created_at(),
    one_of("outcome", ("valid", "invalid", "unknown")),
    CheckConstraint("(outcome = 'unknown') = (reason IS NOT NULL)", name="reason_of_unknown"),
    CheckConstraint("(outcome = 'unknown') = (body IS NULL)", name="body_of_answers"),
    CheckConstraint("(body IS NULL) = (body_sha256 IS NULL)", name="hash_of_body"),
)

vat_numbers = Table(
    "vat_numbers",
    metadata,
    identity(),
    reference("account_id", "accounts", index=False),
    Column("number", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("evidence_id", BigInteger, ForeignKey("vat_checks.id"), comment="the last plain yes or no"),
    Column("asked_at", DateTime(timezone=True)),
    Column("unanswered", Integer, nullable=False, comment="how many of the last questions had no plain answer"),
    instant("ask_at"),
    created_at(),
    one_of("state", ("pending", "valid", "invalid")),
    CheckConstraint("(state = 'pending') = (evidence_id IS NULL)", name="evidence_of_state"),
    CheckConstraint("state <> 'pending' OR ask_at IS NOT NULL", name="pending_is_asked"),
    CheckConstraint("unanswered >= 0", name="unanswered_counts"),
    Index("vat_numbers_account_number_key", "account_id", "number", unique=True),
    Index("vat_numbers_ask_at_idx", "ask_at"),
    Index("vat_numbers_evidence_id_idx", "evidence_id"),
)

EVIDENCE_TRIGGERS = """
CREATE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence never changes: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER vat_checks_never_change BEFORE UPDATE OR DELETE ON vat_checks
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_evidence();
"""
"""The same text stands in the migration 0005, which must not change with the code."""
