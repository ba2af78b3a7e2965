"""A database whose `now()` stands where the clocks of a stage stand, so that what it writes fits what they write.

The product takes the queue's own times from PostgreSQL. In a demo whose clocks are moved from night to night they would
all be of today. So this database has a `now()` of its own, found before PostgreSQL's, also by the tables' defaults.
"""

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL

_OWN_NOW = (
    "CREATE SCHEMA IF NOT EXISTS demo_clock",
    "CREATE TABLE IF NOT EXISTS demo_clock.shift (seconds bigint NOT NULL)",
    "INSERT INTO demo_clock.shift SELECT 0 WHERE NOT EXISTS (SELECT FROM demo_clock.shift)",
    """
    CREATE OR REPLACE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        RETURN pg_catalog.now() + make_interval(secs => (SELECT seconds FROM demo_clock.shift));
    END $$
    """,
)
_MOVE = text("""
    UPDATE demo_clock.shift s SET seconds = :seconds FROM (SELECT seconds FROM demo_clock.shift FOR UPDATE) before
    RETURNING s.seconds - before.seconds
""")
# whoever lives and works goes on living and working over the leap
_BEATS = text("UPDATE heartbeats SET beat_at = beat_at + make_interval(secs => :by)")
_LEASES = text("""
    UPDATE work_items SET lease_expires_at = lease_expires_at + make_interval(secs => :by) WHERE state = 'leased'
""")


def install(database: URL) -> None:
    """Give the database its own `now()`, before its tables are made; once is enough, and twice does no harm."""
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in _OWN_NOW:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f'ALTER DATABASE "{database.database}" SET search_path = public, pg_catalog')
    engine.dispose()


def move(connection: Connection, *, seconds: int) -> None:
    """Have the database's `now()` differ by so many seconds from the machine's."""
    by_s: int = connection.execute(_MOVE, {"seconds": seconds}).scalar_one()
    connection.execute(_BEATS, {"by": by_s})
    connection.execute(_LEASES, {"by": by_s})
