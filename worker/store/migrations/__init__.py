"""Migrations: Alembic keeps the order, SQL files say what happens.

Every process asks whether the database is migrated, and few migrate. So asking does without Alembic, whose import is
a fifth of a worker's start: a revision is the number at the beginning of its file's name.
"""

from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from worker.errors import UnmigratedError, UnreachableError
from worker.store.engine import database_url

_HERE = Path(__file__).parent


def sql_file(name: str) -> str:
    """The text of a migration's SQL file, by the migration's own name."""
    return (_HERE / "versions" / f"{name}.sql").read_text(encoding="utf-8")


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the database to the newest revision; returns the revisions before and after.

    Several callers at once are harmless: an advisory lock lets one through at a time.

    Raises:
        SettingsError: the address is none of PostgreSQL's.
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


def check_migrated(engine: Engine) -> None:
    """Pass if database and code agree.

    Raises:
        UnmigratedError: they do not; the message tells the command.
        UnreachableError: the server does not answer.
    """
    try:
        current = current_revision(engine)
    except OperationalError as error:
        raise UnreachableError(f"the database does not answer: {str(error.orig).splitlines()[0]}") from error
    if current != head_revision():
        raise UnmigratedError(
            f"the database stands at {current or 'nothing'}, the code needs {head_revision()}: run `odnowa db upgrade`"
        )
