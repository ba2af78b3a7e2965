"""The real PostgreSQL and Redis of one pytest run, shared by its parallel processes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
import redis
from sqlalchemy import URL, create_engine, make_url, text

from worker.sandbox.servers import PrivatePostgres, PrivateRedis

# A statement for each table that is there now; as a function, so that the server plans them once for all tests.
_MAKE = """
DO $$
DECLARE
    every text;
BEGIN
    SELECT string_agg(format('IF EXISTS (SELECT FROM %1$s) THEN %2$s; END IF;', one, how), E'\n') INTO every
    FROM (
        SELECT c.oid::regclass AS one, format(
            CASE WHEN current_setting('is_superuser') = 'on' THEN 'DELETE FROM %s' ELSE 'TRUNCATE %s CASCADE' END,
            c.oid::regclass) AS how
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
          AND c.relname <> 'alembic_version'
    ) AS tables;
    EXECUTE format('CREATE FUNCTION pg_temp.empty_all() RETURNS void LANGUAGE plpgsql AS %L', 'BEGIN ' || every || '
        PERFORM setval(format(''%I.%I'', schemaname, sequencename)::regclass, start_value, false)
        FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL; END');
    SET lock_timeout = '10s';
    -- Deleting from the few tables that a test filled takes a tenth of the time of truncating all; it needs a
    -- superuser to leave foreign keys unasked. Set once: with each change the server forgets all its plans.
    IF current_setting('is_superuser') = 'on' THEN SET session_replication_role = replica; END IF;
END $$
"""


@dataclass(slots=True)
class Servers:
    """Addresses of both servers. Ours are started when first asked for, given ones are used as they are."""

    postgres: str | None
    """A database on the server; tests never touch it, they make databases of their own beside it."""
    redis: str | None
    """Only the highest numbered databases of a given server are used, and only when they are empty."""
    _started: ExitStack = field(default_factory=ExitStack)

    def postgres_url(self) -> str:
        """Address of a database from which others can be made."""
        if self.postgres is None:
            self.postgres = self._started.enter_context(PrivatePostgres(durable=False)).url("postgres")
        return self.postgres

    def redis_url(self) -> str:
        """Address of a Redis."""
        if self.redis is None:
            self.redis = self._started.enter_context(PrivateRedis()).url(0)
        return self.redis

    def close(self) -> None:
        """Stop what was started here."""
        self._started.close()


def _psycopg(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+psycopg")


@contextmanager
def own_database(server: str, name: str) -> Iterator[str]:
    """An empty database on a server, dropped at the end, connections or not."""
    engine = create_engine(_psycopg(server), isolation_level="AUTOCOMMIT")
    drop = text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    try:
        with engine.connect() as connection:
            connection.execute(drop)
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        yield _psycopg(server).set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(drop)
    finally:
        engine.dispose()


@contextmanager
def emptying(url: str) -> Iterator[Callable[[], None]]:
    """What empties every table but the migrations' own, and lets every sequence start again, as often as called.

    Fails after 10 s when something still holds a table: a process that a test left behind.
    """
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(_MAKE)
        yield lambda: connection.execute("SELECT pg_temp.empty_all()").close()


def own_redis(server: str, number: int) -> str:
    """Address of one numbered database of a Redis, which must be empty, so that nobody's data is flushed."""
    address = server.partition("?")[0]
    own = f"{address}?db={number}"
    with redis.Redis.from_url(own) as client:
        if client.dbsize():
            raise AssertionError(f"Redis database {number} is not empty; tests would flush it")
    return own
