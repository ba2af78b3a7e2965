"""Accounts: the customer, versions of billing details, payment methods (ids, brand, last four; R5b)."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text

from worker.store.schema.metadata import (
    CURRENCIES,
    created_at,
    currency,
    identity,
    instant,
    metadata,
    one_of,
    reference,
)

accounts = Table(
    "accounts",
    metadata,
    identity(),
    Column("external_id", Text, nullable=False, unique=True),
    Column("locale", Text, nullable=False),
    currency(),
    Column("provider_customer", Text),
    Column("source_hash", Text, comment="of the imported row: the same row again changes nothing"),
    created_at(),
    instant("erasure_began_at"),
    instant("erased_at"),
    one_of("currency", CURRENCIES),
    CheckConstraint("locale ~ '^[a-z]{2}(_[A-Z]{2})?$'", name="locale_shape"),
    CheckConstraint("length(external_id) BETWEEN 1 AND 100", name="external_id_length"),
    Index("accounts_provider_customer_idx", "provider_customer"),
)

billing_details = Table(
    "billing_details",
    metadata,
    identity(),
    reference("account_id", "accounts", index=False),
    Column("version", Integer, nullable=False),
    Column("company", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("postcode", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("vat_number", Text),
    created_at(),
    instant("superseded_at"),
    CheckConstraint("country ~ '^[A-Z]{2}$' OR country = ''", name="country_shape"),
    Index("billing_details_account_version_key", "account_id", "version", unique=True),
    Index(
        "billing_details_current_key",
        "account_id",
        unique=True,
        postgresql_where=text("superseded_at IS NULL"),
    ),
    # the beginnings of names and addresses, whatever the collation of the database
    Index(
        "billing_details_company_idx",
        text("lower(company) text_pattern_ops"),
        postgresql_where=text("superseded_at IS NULL"),
    ),
    Index(
        "billing_details_email_idx",
        text("lower(email) text_pattern_ops"),
        postgresql_where=text("superseded_at IS NULL"),
    ),
)

payment_methods = Table(
    "payment_methods",
    metadata,
    identity(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("provider_method", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("brand", Text),
    Column("last4", Text),
    Column("exp_month", Integer),
    Column("exp_year", Integer),
    Column("state", Text, nullable=False),
    created_at(),
    one_of("type", ("card", "paypal")),
    one_of("state", ("in_use", "saved", "removed")),
    CheckConstraint("(type = 'card') = (brand IS NOT NULL)", name="brand_of_cards"),
    CheckConstraint("brand IS NULL OR brand IN ('visa', 'mastercard')", name="brand_accepted"),
    CheckConstraint("last4 IS NULL OR last4 ~ '^[0-9]{4}$'", name="last4_shape"),
    CheckConstraint("exp_month IS NULL OR exp_month BETWEEN 1 AND 12", name="exp_month_range"),
    CheckConstraint("(exp_month IS NULL) = (exp_year IS NULL)", name="expiry_whole"),
    Index("payment_methods_in_use_key", "account_id", unique=True, postgresql_where=text("state = 'in_use'")),
)
