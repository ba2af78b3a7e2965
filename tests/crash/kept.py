"""A store as it stands, kept beside itself and put back in milliseconds: rows and sequences, by the database alone."""

from sqlalchemy import Connection, Engine, text

_KEEPING = """
CREATE SCHEMA IF NOT EXISTS crash;
CREATE OR REPLACE FUNCTION crash.keep(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE one text; filled boolean;
BEGIN
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', place);
    EXECUTE format('CREATE SCHEMA %I', place);
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one) INTO filled;
        IF filled THEN
            EXECUTE format('CREATE UNLOGGED TABLE %I.%I AS TABLE public.%I', place, one, one);
        END IF;
    END LOOP;
    EXECUTE format('CREATE UNLOGGED TABLE %I."of sequences" AS SELECT sequencename, start_value, last_value
        FROM pg_sequences WHERE schemaname = ''public''', place);
END $$;
CREATE OR REPLACE FUNCTION crash.put_back(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE one text; filled boolean; names text;
BEGIN
    SET LOCAL lock_timeout = '10s';
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM public.%I', one); END IF;
        IF to_regclass(format('%I.%I', place, one)) IS NOT NULL THEN
            SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO names FROM pg_attribute
            WHERE attrelid = format('public.%I', one)::regclass AND attnum > 0 AND NOT attisdropped
              AND attgenerated = '';
            EXECUTE format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %I.%I',
                           one, names, names, place, one);
        END IF;
    END LOOP;
    EXECUTE format('SELECT setval(format(''public.%%I'', sequencename)::regclass, coalesce(last_value, start_value),
        last_value IS NOT NULL) FROM %I."of sequences"', place);
END $$
"""


def _place(name: str) -> str:
    return f"kept {name}"


def prepare(engine: Engine) -> None:
    """Let this database keep and put back."""
    with engine.begin() as connection:
        connection.exec_driver_sql(_KEEPING, execution_options={"no_parameters": True})


def keep(engine: Engine, name: str) -> None:
    """Keep all rows as they stand."""
    with engine.begin() as connection:
        connection.execute(text("SELECT crash.keep(:place)"), {"place": _place(name)})


def put_back(engine: Engine, name: str) -> None:
    """Put all rows back as they were kept; nothing else may be at work in the database."""
    with engine.begin() as connection:
        connection.execute(text("SELECT crash.put_back(:place)"), {"place": _place(name)})


def forget(engine: Engine) -> None:
    """Drop all that was kept."""
    with engine.begin() as connection:
        for name in [*_kept(connection), "crash"]:
            connection.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


def _kept(connection: Connection) -> list[str]:
    found = connection.execute(text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kept %'"))
    return list(found.scalars())


_CONNECTED = text("""
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
""")


def connected(engine: Engine) -> frozenset[int]:
    """The server's processes for others; a dead one's ends once the server has noticed, and frees what it held."""
    with engine.begin() as connection:
        return frozenset(connection.execute(_CONNECTED).scalars())
