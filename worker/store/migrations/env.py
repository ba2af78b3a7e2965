"""Alembic's entry: one locked transaction per upgrade, on the connection that it is handed."""

from alembic import context
from sqlalchemy import text

MIGRATION_LOCK = 7_206_311
"""An arbitrary constant: the advisory lock that makes simultaneous upgrades wait for each other."""

connection = context.config.attributes["connection"]
connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
context.configure(connection=connection, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
