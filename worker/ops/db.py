"""`odnowa db`: bring the database up to date, or tell where it stands."""

from typing import TYPE_CHECKING

import typer

from worker.ops.edge import ExitCode
from worker.ops.options import By, Json, Reason

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(help="Migrations.", rich_markup_mode=None)


@app.command()
def upgrade(*, reason: Reason = None, by: By, as_json: Json = False) -> None:
    """Migrate the database to the newest revision.

    Several at once are harmless.
    """
    from settings import load_settings
    from worker import boundary
    from worker.ops import show
    from worker.runtime import make_database
    from worker.store import migrations, operations

    engine = make_database(load_settings(), name="odnowa-ops")
    try:
        before, after = migrations.upgrade(engine.url.render_as_string(hide_password=False))
        if before != after:
            details: dict[str, object] = {"from": before, "to": after}
            with boundary.transaction(engine, "ops.audit") as connection:
                operations.write_audit(connection, actor=by, act="db upgrade", reason=reason, details=details)
    finally:
        engine.dispose()
    if as_json:
        show.document({"from": before, "to": after})
    elif before == after:
        show.line(f"the database stands at {after} already")
    else:
        show.line(f"the database was at {before or 'nothing'} and stands at {after} now")


@app.command()
def status(*, as_json: Json = False) -> None:
    """Tell where the database stands.

    Exit code 1 when this code may not run on it: it needs a later revision, or the database a later release.
    """
    from settings import load_settings
    from worker.ops import show
    from worker.runtime import make_database
    from worker.store import migrations

    engine = make_database(load_settings(), name="odnowa-ops")
    try:
        current = migrations.current_revision(engine)
        problem = _problem(engine)
    finally:
        engine.dispose()
    head = migrations.head_revision()
    if as_json:
        show.document({"database": current, "code": head, "migrated": problem is None})
    elif current == head:
        show.line(f"database and code agree: {head}")
    else:
        show.line(problem or f"the database stands at {current}, and this code of {head} may still run on it")
    if problem is not None:
        raise typer.Exit(ExitCode.ERROR)


def _problem(engine: "Engine") -> str | None:
    """Why this code may not run on the database, None when it may."""
    from worker.errors import UnmigratedError
    from worker.store import migrations

    try:
        migrations.check_migrated(engine)
    except UnmigratedError as error:
        return str(error)
    return None
