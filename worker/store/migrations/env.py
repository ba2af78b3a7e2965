"""Alembic's entry: one upgrade at a time, a transaction per migration, on the connection that it is handed.

The lock is the session's, since a migration may commit within; and it is asked for again and again instead of waited
for: who waits in a statement is a reader to whom CREATE INDEX CONCURRENTLY would wait in turn.
"""

from alembic import context
from sqlalchemy import text

from worker.clock import sleep_s
from worker.store.migrations import LIMITS

MIGRATION_LOCK = 7_206_311
"""An arbitrary constant: the advisory lock that makes simultaneous upgrades wait for each other."""
PAUSE_S = 0.1

connection = context.config.attributes["connection"]
connection.execution_options(isolation_level="AUTOCOMMIT")
while not connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK}).scalar_one():
    sleep_s(PAUSE_S)
for name, value in LIMITS.items():
    connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})
connection.rollback()
connection.execution_options(isolation_level=connection.default_isolation_level)
try:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
finally:
    connection.rollback()
    connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
    connection.commit()
