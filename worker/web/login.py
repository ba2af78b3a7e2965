"""The door: logging in and out, and the language."""

from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from worker import boundary
from worker.errors import RefusedError, TransientError
from worker.operating import people as rules
from worker.operating.people import Role
from worker.store import operations
from worker.store.console import people
from worker.web import access
from worker.web.console import Console
from worker.web.signing import fingerprint
from worker.web.visit import INSIDE, TurnedAwayError, Visit, act, door, plain
from worker.web.words import LANGUAGES

log = structlog.get_logger("web")


@door("/login", method="GET")
def ask(visit: Visit) -> Response:
    """The form; who is inside already goes on."""
    if visit.person is not None:
        return RedirectResponse(_next(visit), status_code=303)
    return visit.render("login.html.j2", next=_next(visit), name="", wrong=None)


def refuse_early(request: Request, fields: Mapping[str, Sequence[str]]) -> Response | None:
    """Refuse whoever is shut for a while, before a row is read or a password hashed."""
    console: Console = request.app.state.console
    name = (fields.get("name") or [""])[0]
    address = access.client_address(request, console)
    if console.throttle.is_shut(address=address, name=name, now=console.runtime.clock.now()):
        return HTMLResponse(plain(request, "shut.html.j2"), status_code=429)
    return None


@door("/login", method="POST", early=refuse_early)
def log_in(visit: Visit) -> Response:
    """Begin a session under a token that is made now, whatever the browser brought."""
    console, name = visit.console, visit.field("name")[:100]
    address = access.client_address(visit.request, console)
    engine, now = console.runtime.engine, visit.now
    if not console.throttle.admits(engine, address=address, name=name, now=now):
        return HTMLResponse(plain(visit.request, "shut.html.j2"), status_code=429)
    with boundary.transaction(console.reading, "web.login") as connection:
        row = people.by_name(connection, name)
    # as typed: spaces at the ends are part of a password
    password = (visit.fields.get("password") or [""])[0]
    try:
        fits = rules.fits(password, None if row is None else row.password_hash)
    except TransientError:
        return visit.render("login.html.j2", 503, next=_next(visit), name=name, wrong="busy")
    if row is None or not fits:
        log.warning("login_refused", address=address)
        return visit.render("login.html.j2", 403, next=_next(visit), name=name, wrong="wrong")
    cookie = console.signing.new_cookie()
    with boundary.transaction(engine, "web.begin_session") as connection:
        people.opened(connection, console.throttle.subjects(address=address, name=name), now=now)
        if rules.outdated(row.password_hash):
            people.rehash(connection, row.id, password_hash=rules.hash_password(password))
        people.begin_session(
            connection,
            row.id,
            token_sha256=fingerprint(console.signing.token(cookie) or ""),
            now=now,
            hours=console.session_hours,
        )
        _audit(connection, f"console:{row.name}", what="login", address=address)
    response = RedirectResponse(_next(visit), status_code=303)
    access.set_cookie(response, visit.request, cookie)
    return response


@act("/logout", role=Role.READ_ONLY)
def log_out(visit: Visit) -> Response:
    """End the session, here and in the browser."""
    address = access.client_address(visit.request, visit.console)
    with boundary.transaction(visit.console.runtime.engine, "web.end_session") as connection:
        if people.end_session(connection, fingerprint(visit.token)):
            _audit(connection, visit.by, what="logout", address=address)
    response = RedirectResponse("/login", status_code=303)
    access.drop_cookie(response, visit.request)
    return response


@act("/language", role=Role.READ_ONLY)
def choose_language(visit: Visit) -> Response:
    """Remember the language in which the person reads."""
    chosen = visit.need("locale")
    if chosen not in LANGUAGES:
        raise RefusedError(f"the console does not speak {chosen[:20]!r}")
    if visit.person is None:
        raise TurnedAwayError(RedirectResponse("/login", status_code=303))
    with boundary.transaction(visit.console.runtime.engine, "web.language") as connection:
        people.set_locale(connection, visit.person.id, locale=chosen)
    return visit.done("/", "language")


def _next(visit: Visit) -> str:
    """Where to go on to: a path of ours, else the first page."""
    said = visit.field("next")
    return said if INSIDE.fullmatch(said) else "/"


def _audit(connection: Connection, by: str, *, what: str, address: str) -> None:
    operations.write_audit(connection, actor=by, act=f"console.{what}", reason=None, details={"address": address})


pages = [ask, log_in, log_out, choose_language]
