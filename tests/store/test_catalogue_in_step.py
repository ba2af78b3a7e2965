"""The migrated database and the schema in code are the same, to the last CHECK; and both keep the house's rules."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.support.builders import rows
from tests.support.servers import own_database
from worker.store.schema import ENTITLEMENTS_VIEW, EVIDENCE_TRIGGERS, PAPER_TRIGGERS, RATE_TRIGGERS, metadata
from worker.store.schema.metadata import CURRENCIES

# triggers by which tests watch the steps of charges belong to neither
_ASPECTS = {
    "tables and views": """
        SELECT c.relname, c.relkind::text, obj_description(c.oid, 'pg_class') AS comment
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relname !~ '^alembic_version' AND c.relkind IN ('r', 'v', 'S', 'm', 'p')""",
    "columns": """
        SELECT c.relname, a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum) AS place,
               format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
               a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid) AS default,
               col_description(c.oid, a.attnum) AS comment
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE n.nspname = 'public' AND c.relname !~ '^alembic_version'
          AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT c.relname, o.conname, o.contype::text, pg_get_constraintdef(o.oid) AS is, o.convalidated
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relname !~ '^alembic_version'""",
    "indexes": """
        SELECT c.relname, i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS is, i.indisvalid
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relname !~ '^alembic_version'""",
    "views": """
        SELECT c.relname, pg_get_viewdef(c.oid) AS is
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relname !~ '^alembic_version' AND c.relkind = 'v'""",
    "functions and triggers": """
        SELECT p.proname AS name, pg_get_functiondef(p.oid) AS is
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'public'
        UNION ALL SELECT t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE n.nspname = 'public' AND c.relname !~ '^alembic_version' AND NOT t.tgisinternal
          AND p.pronamespace IS DISTINCT FROM to_regnamespace('watched')""",
    "extensions": "SELECT extname FROM pg_extension",
}


@pytest.fixture(scope="module")
def in_code(postgres_server: str) -> Iterator[Engine]:
    """A second database, made from the schema in code without any migration."""
    with own_database(postgres_server, f"odnowa_in_code_{os.getpid()}") as url:
        made = create_engine(url)
        with made.begin() as connection:
            metadata.create_all(connection)
            connection.exec_driver_sql(ENTITLEMENTS_VIEW)
            connection.execute(text(PAPER_TRIGGERS))
            connection.execute(text(EVIDENCE_TRIGGERS))
            connection.execute(text(RATE_TRIGGERS))
        yield made
        made.dispose()


def catalogue_of(engine: Engine, aspect: str) -> list[tuple[Any, ...]]:
    """What the server knows of one aspect."""
    return sorted((tuple(row.values()) for row in rows(engine, _ASPECTS[aspect])), key=repr)


@pytest.mark.parametrize("aspect", _ASPECTS)
def test_the_migrated_catalogue_equals_the_schema_in_code(engine: Engine, in_code: Engine, aspect: str) -> None:
    assert catalogue_of(engine, aspect) == catalogue_of(in_code, aspect)


@pytest.mark.parametrize(
    ("aspect", "change"),
    [
        ("tables and views", "CREATE TABLE forgotten (id bigint)"),
        ("columns", "ALTER TABLE mails ALTER COLUMN attempts SET DEFAULT 1"),
        ("columns", "ALTER TABLE charges ALTER COLUMN amount_minor TYPE numeric"),
        ("columns", "ALTER TABLE accounts ALTER COLUMN locale DROP NOT NULL"),
        ("columns", "COMMENT ON COLUMN attempts.request IS NULL"),
        ("constraints", "ALTER TABLE accounts DROP CONSTRAINT accounts_currency_known"),
        ("constraints", "ALTER TABLE terms DROP CONSTRAINT terms_never_overlap"),
        ("indexes", "DROP INDEX charges_term_key"),
        ("functions and triggers", "DROP TRIGGER invoice_lines_never_change ON invoice_lines"),
        ("functions and triggers", "ALTER FUNCTION check_credit_note() VOLATILE COST 7"),
        ("views", "DROP VIEW entitlements; CREATE VIEW entitlements AS SELECT 1 AS account"),
    ],
)
def test_a_difference_would_be_seen(in_code: Engine, aspect: str, change: str) -> None:
    before = catalogue_of(in_code, aspect)
    with in_code.connect() as connection:
        for statement in change.split("; "):
            connection.execute(text(statement))
        seen = connection.execute(text(_ASPECTS[aspect])).all()
        connection.rollback()
    assert sorted((tuple(row) for row in seen), key=repr) != before


def test_every_foreign_key_is_covered_by_an_index_that_begins_with_it(engine: Engine) -> None:
    bare = rows(
        engine,
        """
        SELECT o.conrelid::regclass::text AS table, o.conname FROM pg_constraint o
        WHERE o.contype = 'f' AND NOT EXISTS (
            SELECT 1 FROM pg_index i WHERE i.indrelid = o.conrelid AND i.indisvalid AND i.indpred IS NULL
              AND (i.indkey::int2[])[0:cardinality(o.conkey) - 1] = o.conkey)
        """,
    )
    assert bare == []


def test_money_is_bigint_with_a_currency_beside_it(engine: Engine) -> None:
    columns = rows(
        engine,
        """
        SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
          AND (c.column_name LIKE '%\\_minor' OR c.column_name = 'currency')
        """,
    )
    money = {(row["table_name"], row["column_name"]) for row in columns if row["column_name"] != "currency"}
    assert len(money) >= 15
    assert {row["data_type"] for row in columns if row["column_name"] != "currency"} == {"bigint"}
    with_currency = {row["table_name"] for row in columns if row["column_name"] == "currency"}
    # a line's currency is its invoice's
    assert {table for table, _ in money} - with_currency == {"invoice_lines"}
    assert {row["data_type"] for row in columns if row["column_name"] == "currency"} == {"text"}


def test_R3_every_currency_is_limited_to_the_four(engine: Engine) -> None:
    assert set(CURRENCIES) == {"PLN", "EUR", "USD", "CZK"}
    tables = [table.name for table in metadata.sorted_tables if "currency" in table.columns]
    assert "charges" in tables
    for table in tables:
        checks = rows(
            engine,
            "SELECT pg_get_constraintdef(oid) AS is FROM pg_constraint WHERE contype = 'c' AND conname = :name",
            name=f"{table}_currency_known",
        )
        assert len(checks) == 1, table
        allowed = {word for word in checks[0]["is"].replace("'", " ").split() if len(word) == 3 and word.isupper()}
        assert allowed - {"ANY", "IS", "OR"} == set(CURRENCIES), table


def test_no_identity_is_left_to_the_application(engine: Engine) -> None:
    """Ids are the database's own: `GENERATED ALWAYS`, so that no import can bring some along."""
    soft = rows(
        engine,
        """
        SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attname = 'id' AND a.attidentity <> 'a'
          AND c.relname <> 'installation'
        """,
    )
    assert soft == []
