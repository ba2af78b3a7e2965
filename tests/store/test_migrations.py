"""Migrations: from nothing to the newest, once, by however many callers; and what is said when it was forgotten."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from tests.support.builders import rows, size
from tests.support.processes import CHECKOUT
from tests.support.servers import own_database
from tests.support.waiting import wait_until
from worker.errors import SettingsError, TransientError, UnmigratedError, UnreachableError
from worker.store import migrations
from worker.store.engine import database_url, make_engine
from worker.store.migrations import running

MIGRATION_LOCK = 7_206_311
"""The lock of worker/store/migrations/env.py, which only Alembic can import."""


@pytest.fixture
def fresh(postgres_server: str) -> Iterator[str]:
    """An empty database."""
    with own_database(postgres_server, f"odnowa_fresh_{os.getpid()}") as url:
        yield url


@pytest.fixture
def fresh_engine(fresh: str) -> Iterator[Engine]:
    made = create_engine(fresh)
    yield made
    made.dispose()


def test_an_upgrade_goes_from_nothing_to_the_newest_and_twice_is_harmless(fresh: str, fresh_engine: Engine) -> None:
    head = migrations.head_revision()
    assert migrations.current_revision(fresh_engine) is None
    assert migrations.upgrade(fresh) == (None, head)
    migrations.check_migrated(fresh_engine)
    with fresh_engine.begin() as connection:
        connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES ('kept', 'worker')"))
    assert migrations.upgrade(fresh) == (head, head)
    assert size(fresh_engine, "heartbeats") == 1


def test_a_revision_is_the_number_in_its_files_name() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    known = list(script.walk_revisions())
    assert script.get_current_head() == migrations.head_revision()
    assert {f"{each.revision}_" for each in known} == {Path(each.path).name[:5] for each in known}


def test_asking_does_not_load_alembic() -> None:
    asked = "import sys, worker.runtime, worker.ops.session; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=CHECKOUT, check=False).returncode == 0


def test_an_upgrade_takes_the_plain_address(fresh: str, fresh_engine: Engine) -> None:
    plain = make_url(fresh).set(drivername="postgresql").render_as_string(hide_password=False)
    migrations.upgrade(plain)
    migrations.check_migrated(fresh_engine)


def test_two_upgrades_at_once_migrate_once(fresh: str, fresh_engine: Engine) -> None:
    """Both processes are held at the lock until the other has come, then let go."""
    command = [sys.executable, "-c", f"from worker.store import migrations; migrations.upgrade({fresh!r})"]
    with fresh_engine.connect() as gate, ExitStack() as ended:
        # as the migration holds it: CREATE INDEX CONCURRENTLY would wait for a transaction that is left open here
        gate.execution_options(isolation_level="AUTOCOMMIT")
        gate.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        upgrading = [subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE) for _ in range(2)]
        for process in upgrading:
            ended.callback(process.kill)
        wait_until(lambda: waiting_for_the_lock(fresh_engine) == 2)
        gate.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
        gate.commit()  # CREATE INDEX CONCURRENTLY waits for whoever may still read
        said = [process.communicate(timeout=30)[1] for process in upgrading]
        assert [process.returncode for process in upgrading] == [0, 0], said
    migrations.check_migrated(fresh_engine)
    assert size(fresh_engine, "alembic_version") == 1
    assert size(fresh_engine, "accounts") == 0


def waiting_for_the_lock(engine: Engine) -> int:
    """How many sessions of this database ask for the lock again and again."""
    query = """
        SELECT count(*) AS n FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_try_advisory_lock%'
    """
    return int(rows(engine, query)[0]["n"])


def test_a_failed_upgrade_leaves_nothing_behind(fresh: str, fresh_engine: Engine) -> None:
    with fresh_engine.begin() as connection:
        connection.execute(text("CREATE TABLE work_items (in_the_way int)"))
    with pytest.raises(Exception, match="already exists"):
        migrations.upgrade(fresh)
    found = rows(fresh_engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row["tablename"] for row in found} - {"alembic_version"} == {"work_items"}
    with pytest.raises(UnmigratedError):
        migrations.check_migrated(fresh_engine)


def test_a_database_that_was_never_migrated_is_told_the_command(fresh_engine: Engine) -> None:
    with pytest.raises(UnmigratedError, match=r"stands at nothing.*odnowa db upgrade"):
        migrations.check_migrated(fresh_engine)
    assert rows(fresh_engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


@contextmanager
def standing_at(engine: Engine, revision: str, *, comment: str = "") -> Iterator[None]:
    """The database stands elsewhere, and says so."""
    head = migrations.head_revision()
    told = f"COMMENT ON TABLE alembic_version IS '{comment}'"
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :there"), {"there": revision})
        connection.execute(text(told))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
            connection.execute(text("COMMENT ON TABLE alembic_version IS NULL"))


def test_a_database_behind_the_code_is_refused_and_one_ahead_of_it_is_not(engine: Engine) -> None:
    head = migrations.head_revision()
    migrations.check_migrated(engine)
    with (
        standing_at(engine, "0001"),
        pytest.raises(UnmigratedError, match=f"at 0001, the code needs {head}: run `odnowa db upgrade`"),
    ):
        migrations.check_migrated(engine)
    with standing_at(engine, "9999"):
        migrations.check_migrated(engine)
    with standing_at(engine, "9999", comment=f"oldest code: {head}"):
        migrations.check_migrated(engine)


def test_code_that_a_contracted_database_does_not_know_any_more_is_refused(engine: Engine) -> None:
    with (
        standing_at(engine, "9999", comment="oldest code: 9998"),
        pytest.raises(UnmigratedError, match=r"stands at 9999 and works with code from 9998 on.*deploy the newer"),
    ):
        migrations.check_migrated(engine)


def test_a_migration_gives_way_to_who_holds_its_table(
    fresh: str, fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrations.LIMITS == {"lock_timeout": "5s", "statement_timeout": "60s"}
    monkeypatch.setattr(migrations, "LIMITS", migrations.LIMITS | {"lock_timeout": "100ms"})
    with fresh_engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"))
    with fresh_engine.connect() as busy:
        busy.execute(text("LOCK TABLE alembic_version IN EXCLUSIVE MODE"))
        with pytest.raises(TransientError, match="gave way: run `odnowa db upgrade` again"):
            migrations.upgrade(fresh)
        busy.rollback()
    assert rows(fresh_engine, "SELECT 1 FROM pg_tables WHERE tablename = 'accounts'") == []
    migrations.upgrade(fresh)


ALONE_SQL = f"""{migrations.ALONE}
-- an index that nobody waits for
DROP INDEX CONCURRENTLY IF EXISTS heartbeats_beat_at_idx;
CREATE INDEX CONCURRENTLY IF NOT EXISTS heartbeats_beat_at_idx ON heartbeats (beat_at);
ALTER TABLE heartbeats DROP CONSTRAINT IF EXISTS heartbeats_named, ADD CONSTRAINT heartbeats_named
    CHECK (process <> '') NOT VALID;
ALTER TABLE heartbeats VALIDATE CONSTRAINT {{named}};
"""


def test_a_file_that_says_so_commits_statement_by_statement_and_can_be_repeated(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = iter([ALONE_SQL.format(named="nobody"), ALONE_SQL.format(named="heartbeats_named")])
    monkeypatch.setattr(running, "sql_file", lambda _: next(texts))
    with fresh_engine.begin() as connection:
        connection.execute(text("CREATE TABLE heartbeats (process text, beat_at timestamptz)"))

    def run() -> None:
        with fresh_engine.connect() as connection:
            made = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
            with Operations.context(made), made.begin_transaction():
                running.run("of no matter")
                left = "SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS time"
                assert dict(connection.execute(text(left)).one()._mapping) == {"lock": "0", "time": "0"}

    with pytest.raises(ProgrammingError, match="nobody"):
        run()
    kept = rows(fresh_engine, "SELECT convalidated FROM pg_constraint WHERE conname = 'heartbeats_named'")
    assert kept == [{"convalidated": False}]
    run()
    kept = rows(fresh_engine, "SELECT convalidated FROM pg_constraint WHERE conname = 'heartbeats_named'")
    assert kept == [{"convalidated": True}]
    assert rows(fresh_engine, "SELECT indisvalid FROM pg_index WHERE indrelid = 'heartbeats'::regclass") == [
        {"indisvalid": True}
    ]


def test_a_file_is_split_at_semicolons_that_end_a_line_and_not_within_a_body() -> None:
    found = migrations.statements(
        "-- a; comment;\nSELECT 1;\n\nDO $$\nBEGIN;\nEND $$;\nSELECT ';x'\n  -- y;\n, 2;\nSELECT 3"
    )
    assert found == ["SELECT 1;", "DO $$\nBEGIN;\nEND $$;", "SELECT ';x'\n\n, 2;", "SELECT 3"]


def test_every_migration_has_its_sql_file() -> None:
    folder = Path(migrations.__file__).parent / "versions"
    names = {path.stem for path in folder.glob("0*.py")}
    assert names
    assert {path.stem for path in folder.glob("*.sql")} == names
    assert all(migrations.sql_file(name).strip() for name in names)


def test_a_server_that_is_away_is_told_in_one_line() -> None:
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    engine = make_engine(away)
    for ask in (lambda: migrations.check_migrated(engine), lambda: migrations.upgrade(away)):
        with pytest.raises(UnreachableError, match="the database does not answer") as told:
            ask()
        assert "\n" not in str(told.value)
    engine.dispose()


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite:///x.db", "mysql://a@b/c", "redis://a"])
def test_an_address_that_is_not_postgresqls_is_refused(url: str) -> None:
    for take in (database_url, make_engine, migrations.upgrade):
        with pytest.raises(SettingsError, match="DATABASE_URL"):
            take(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_any_postgresql_address_gets_our_driver_and_keeps_the_rest(scheme: str) -> None:
    taken = database_url(f"{scheme}://u@h:1/d?sslmode=require")
    assert (taken.drivername, taken.host, taken.port, taken.database) == ("postgresql+psycopg", "h", 1, "d")
    assert taken.query == {"sslmode": "require"}


def test_statements_and_idle_transactions_end_by_themselves(engine: Engine) -> None:
    limited = make_engine(engine.url.render_as_string(hide_password=False), statement_timeout_s=7, name="odnowa-test")
    with limited.connect() as connection:
        shown = {
            name: connection.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "timezone",
                "application_name",
            )
        }
    limited.dispose()
    assert shown == {
        "statement_timeout": "7s",
        "lock_timeout": "3500ms",
        "idle_in_transaction_session_timeout": "7s",
        "timezone": "UTC",
        "application_name": "odnowa-test",
    }
