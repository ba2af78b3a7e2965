"""The real PostgreSQL and Redis of one pytest run, shared by its parallel processes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import redis
from sqlalchemy import URL, Engine, create_engine, make_url, text

from worker.sandbox.servers import PrivatePostgres, PrivateRedis

_EMPTY = """
DO $$
DECLARE
    one regclass;
    filled boolean;
    found regclass[] := '{}';
BEGIN
    SET LOCAL lock_timeout = '10s';
    FOR one IN
        SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
          AND c.relname <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO filled;
        IF filled THEN found := found || one; END IF;
    END LOOP;
    -- Deleting from the few tables that a test filled takes a tenth of the time of truncating all; it needs a
    -- superuser to leave foreign keys unasked.
    IF current_setting('is_superuser') = 'on' THEN
        SET LOCAL session_replication_role = replica;
        FOREACH one IN ARRAY found LOOP EXECUTE format('DELETE FROM %s', one); END LOOP;
    ELSIF found <> '{}' THEN
        EXECUTE 'TRUNCATE ' || array_to_string(found, ', ') || ' CASCADE';
    END IF;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL;
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


def empty(engine: Engine) -> None:
    """Empty every table but the migrations' own, and let every sequence start again.

    Fails after 10 s when something still holds a table: a process that a test left behind.
    """
    with engine.begin() as connection:
        connection.exec_driver_sql(_EMPTY, execution_options={"no_parameters": True})


def own_redis(server: str, number: int) -> str:
    """Address of one numbered database of a Redis, which must be empty, so that nobody's data is flushed."""
    address = server.partition("?")[0]
    own = f"{address}?db={number}"
    with redis.Redis.from_url(own) as client:
        if client.dbsize():
            raise AssertionError(f"Redis database {number} is not empty; tests would flush it")
    return own
