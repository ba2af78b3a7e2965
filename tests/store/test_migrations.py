"""Migrations: from nothing to the newest, once, by however many callers; and what is said when it was forgotten."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url, text

from tests.support.builders import rows, size
from tests.support.processes import CHECKOUT
from tests.support.servers import own_database
from tests.support.waiting import wait_until
from worker.errors import SettingsError, UnmigratedError, UnreachableError
from worker.store import migrations
from worker.store.engine import database_url, make_engine

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
        gate.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        upgrading = [subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE) for _ in range(2)]
        for process in upgrading:
            ended.callback(process.kill)
        wait_until(lambda: waiting_for_the_lock(fresh_engine) == 2)
        gate.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
        said = [process.communicate(timeout=30)[1] for process in upgrading]
        assert [process.returncode for process in upgrading] == [0, 0], said
    migrations.check_migrated(fresh_engine)
    assert size(fresh_engine, "alembic_version") == 1
    assert size(fresh_engine, "accounts") == 0


def waiting_for_the_lock(engine: Engine) -> int:
    """How many sessions of this database wait for an advisory lock."""
    query = """
        SELECT count(*) AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
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


def test_a_database_of_another_version_is_refused(engine: Engine) -> None:
    head = migrations.head_revision()
    migrations.check_migrated(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(UnmigratedError, match=f"stands at 9999, the code needs {head}"):
            migrations.check_migrated(engine)
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})


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
