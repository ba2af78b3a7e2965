"""Who asks: by a session's cookie, or by the word of a reverse proxy; and which browser it is."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from worker.operating.people import Role
from worker.store.console import people
from worker.web.console import Console
from worker.web.signing import fingerprint

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may enter."""

    id: int
    name: str
    role: Role
    locale: str | None
    by_proxy: bool


def client_address(request: Request, console: Console) -> str:
    """From where the request came, seen through our own reverse proxies and through no others."""
    address = "" if request.client is None else request.client.host
    hops = [hop.strip() for line in request.headers.getlist("x-forwarded-for") for hop in line.split(",")]
    while hops and console.is_proxy(address):
        address = hops.pop()
    return address


def is_secure(request: Request) -> bool:
    """Whether cookies are for TLS only: everywhere but on this machine itself."""
    return (request.url.hostname or "") not in LOOPBACK_NAMES


def cookie_name(request: Request) -> str:
    """The session's cookie; its prefix has browsers refuse it from other hosts and without TLS."""
    return "__Host-odnowa" if is_secure(request) else "odnowa"


def token_of(request: Request, console: Console) -> str | None:
    """The random token of this browser, if its cookie is one of ours; who it is for stands in the database."""
    return console.signing.token(request.cookies.get(cookie_name(request)))


def set_cookie(response: Response, request: Request, value: str) -> None:
    """Hand the browser its cookie, for as long as it runs; the server decides how long it is worth anything."""
    response.set_cookie(
        cookie_name(request), value, path="/", secure=is_secure(request), httponly=True, samesite="strict"
    )


def drop_cookie(response: Response, request: Request) -> None:
    """Have the browser forget its cookie."""
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request), httponly=True, samesite="strict")


def vouched_name(request: Request, console: Console) -> str | None:
    """The name that a reverse proxy of ours gives, once; a header from anybody else is nothing."""
    if not console.user_header or request.client is None or not console.is_proxy(request.client.host):
        return None
    said = request.headers.getlist(console.user_header)
    return said[0].strip() or None if len(said) == 1 else None


def identify(connection: Connection, *, vouched: str | None, token: str | None, now: datetime) -> Person | None:
    """The person, None for a stranger. Who a proxy vouches for is never taken for the owner of a cookie."""
    if vouched is not None:
        row = people.by_name(connection, vouched)
    elif token is not None:
        row = people.by_session(connection, fingerprint(token), now=now)
    else:
        row = None
    return None if row is None else Person(row.id, row.name, Role(row.role), row.locale, by_proxy=vouched is not None)
