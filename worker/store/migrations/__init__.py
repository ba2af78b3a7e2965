"""Migrations: Alembic keeps the order, SQL files say what happens.

Every process asks whether the database is migrated, and few migrate. So asking does without Alembic, whose import is
a fifth of a worker's start: a revision is the number at the beginning of its file's name.

Migrations only add, so that code works on its own schema and on every later one: a release is migrated first and
deployed then, while the code of the release before goes on. What that code no longer needs is dropped by a later
migration, which says in the database how old code may be (`contracts`). How to write one: docs/architecture.md.
"""

import re
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from worker.errors import TransientError, UnmigratedError, UnreachableError
from worker.store.engine import database_url

_HERE = Path(__file__).parent

ALONE = "-- each statement commits by itself"
"""The first line of a file whose statements run outside a transaction, as CONCURRENTLY and VALIDATE want it."""
LIMITS = {"lock_timeout": "5s", "statement_timeout": "60s"}
"""Whoever waits for a table's lock holds up all who come after; so a migration gives way and is run again."""
OLDEST_CODE = re.compile(r"oldest code: (\d{4})")
"""What a contracting migration writes into the comment of `alembic_version`."""
LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was not had in time."""


def sql_file(name: str) -> str:
    """The text of a migration's SQL file, by the migration's own name."""
    return (_HERE / "versions" / f"{name}.sql").read_text(encoding="utf-8")


def statements(sql: str) -> list[str]:
    """The statements of a file; each ends with a semicolon at the end of its line. Bodies in $$ are kept whole."""
    plain = re.sub(r"^\s*--.*$", "", sql, flags=re.MULTILINE)
    found: list[str] = []
    begun = ""
    for piece in re.split(r"(?<=;)[ \t]*$", plain, flags=re.MULTILINE):
        begun += piece
        if begun.count("$$") % 2 == 0:
            found += [begun.strip()] if begun.strip() else []
            begun = ""
    return [*found, begun.strip()] if begun.strip() else found


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the database to the newest revision; returns the revisions before and after.

    Several callers at once are harmless: an advisory lock lets one through at a time. What was done before a failure
    stays: the same again goes on with the migration that failed.

    Raises:
        SettingsError: the address is none of PostgreSQL's.
        TransientError: a table was in use for so long that the migration gave way; the same may be asked again.
        UnreachableError: the server does not answer.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    engine = create_engine(database_url(url), connect_args={"connect_timeout": 5})
    try:
        before = current_revision(engine)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise TransientError(
                "a table was in use for too long, and the migration gave way: run `odnowa db upgrade` again"
            ) from error
        raise UnreachableError(f"the database does not answer: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()
    return before, head_revision()


def head_revision() -> str:
    """The newest revision that this code knows."""
    return max(path.name for path in (_HERE / "versions").glob("[0-9]*.sql")).partition("_")[0]


def current_revision(engine: Engine) -> str | None:
    """The revision that the database stands at, None when it was never migrated."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def oldest_code(engine: Engine) -> str:
    """The oldest code that may run on this database, by its newest migration; "" while nothing was contracted."""
    with engine.connect() as connection:
        comment = connection.scalar(text("SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"))
    found = OLDEST_CODE.fullmatch(comment or "")
    return "" if found is None else found[1]


def check_migrated(engine: Engine) -> None:
    """Pass if this code may run on the database, which stands where the code does, or further.

    Raises:
        UnmigratedError: it may not; the message tells what to do.
        UnreachableError: the server does not answer.
    """
    head = head_revision()
    try:
        current = current_revision(engine)
        oldest = oldest_code(engine) if current is not None and current > head else ""
    except OperationalError as error:
        raise UnreachableError(f"the database does not answer: {str(error.orig).splitlines()[0]}") from error
    if current is None or current < head:
        raise UnmigratedError(
            f"the database stands at {current or 'nothing'}, the code needs {head}: run `odnowa db upgrade`"
        )
    if head < oldest:
        raise UnmigratedError(
            f"the database stands at {current} and works with code from {oldest} on, this is {head}: deploy the newer"
        )
