"""Published exchange rates: what a bank said of a day, once and for good."""

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Index, Integer, Table, Text

from worker.store.schema.metadata import CURRENCIES, identity, metadata, one_of

exchange_rates = Table(
    "exchange_rates",
    metadata,
    identity(),
    Column("source", Text, nullable=False, comment="who published it"),
    Column("published_on", Date, nullable=False, comment="the day of the list"),
    Column("currency", Text, nullable=False),
    Column("per", Integer, nullable=False, comment="units of the currency that the rate is for"),
    Column("rate", Text, nullable=False, comment="exact decimal text, in the currency of the source's country"),
    Column("fetched_at", DateTime(timezone=True), nullable=False),
    one_of("currency", CURRENCIES),
    CheckConstraint("per >= 1", name="per_positive"),
    CheckConstraint("rate ~ '^[0-9]+([.][0-9]+)?$' AND rate::numeric > 0", name="rate_positive"),
    Index("exchange_rates_day_key", "source", "published_on", "currency", unique=True),
)

RATE_TRIGGERS = """
CREATE FUNCTION refuse_change_of_rates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published rate never changes: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER exchange_rates_never_change BEFORE UPDATE OR DELETE ON exchange_rates
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_rates();
"""
"""The same text stands in the migration 0006, which must not change with the code."""
