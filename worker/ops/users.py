"""`odnowa user`: who may enter the console. Passwords are asked for or read from stdin, never taken from arguments."""

import getpass
import sys
from typing import Annotated

import typer

from worker.ops.options import By, Json

app = typer.Typer(help="Who may enter the console, and what they may do there.", rich_markup_mode=None)

_ROLES = ("read-only", "support", "operator")
Name = Annotated[str, typer.Argument(help="The person's name, as the audit log calls them.", metavar="NAME")]
RoleOption = Annotated[
    str, typer.Option("--role", help="read-only, support or operator; each may what the ones before may.")
]
NoPassword = Annotated[
    bool, typer.Option("--no-password", help="Ask for none: only a reverse proxy vouches for the person.")
]
Back = Annotated[bool, typer.Option("--undo", help="Let the person in again.")]


@app.command("add")
def add(name: Name, *, role: RoleOption, no_password: NoPassword = False, by: By) -> None:
    """Let a person in. The password is asked for, or read from stdin as one line."""
    from worker.operating import people
    from worker.ops import show
    from worker.ops.session import open_store

    chosen = _role(role)
    with open_store() as store:
        people.checked_name(name)
        password = None if no_password else _ask()
        known = people.add(store.engine, name=name, role=people.Role(chosen), password=password, by=by)
    show.line(f"{known} may enter, as {chosen}")


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """List everybody who was ever let in."""
    from worker import boundary
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.store.console import people

    with open_store() as store:
        with boundary.transaction(store.engine, "ops.users") as connection:
            rows = people.list_users(connection, now=store.clock.now())
        if as_json:
            show.document([dict(row._mapping) for row in rows])  # noqa: SLF001 - SQLAlchemy's public name
            return
        listed = [
            (
                row.name,
                row.role,
                "disabled" if row.disabled_at else "open",
                "password" if row.has_password else "proxy only",
                row.sessions,
                show.instant(row.last_login_at, store.clock.zone),
            )
            for row in rows
        ]
        show.table(("name", "role", "state", "enters by", "sessions", "last login"), listed, title="Console users")


@app.command("disable")
def disable(name: Name, *, undo: Back = False, by: By) -> None:
    """Shut a person out, and end their sessions at once."""
    from worker.operating import people
    from worker.ops import show
    from worker.ops.session import open_store

    with open_store() as store:
        people.disable(store.engine, name=name, by=by, disabled=not undo)
    show.line(f"{name} may enter again" if undo else f"{name} is shut out")


@app.command("password")
def password(name: Name, *, by: By) -> None:
    """Give a person a new password, and end their sessions. It is asked for, or read from stdin as one line."""
    from worker.operating import people
    from worker.ops import show
    from worker.ops.session import open_store

    with open_store() as store:
        people.set_password(store.engine, name=name, password=_ask(), by=by)
    show.line(f"{name} has a new password, and no session any more")


@app.command("role")
def role(name: Name, *, role: RoleOption, by: By) -> None:
    """Give a person another role, from their next request on."""
    from worker.operating import people
    from worker.ops import show
    from worker.ops.session import open_store

    chosen = _role(role)
    with open_store() as store:
        people.set_role(store.engine, name=name, role=people.Role(chosen), by=by)
    show.line(f"{name} is {chosen} now")


def _role(said: str) -> str:
    if said not in _ROLES:
        raise typer.BadParameter(f"{said!r} is no role: {', '.join(_ROLES)}")
    return said


def _ask() -> str:
    """The password: twice from a person at a terminal, else the first line of stdin."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != first:
        raise typer.BadParameter("the two were not the same")
    return first
