"""The application: middleware, the pages in the order of the menu, and what goes wrong said without its insides."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from worker.web import audit, customer_acts, customers, login, money, queues, stuck, timetable, tonight
from worker.web.console import Console
from worker.web.edge import HEADERS, BodyDeadline, SecurityHeaders
from worker.web.visit import Guarded, plain

STATIC = Path(__file__).parent / "static"
PAGES: Sequence[Sequence[Guarded]] = (
    tonight.pages,
    queues.pages,
    timetable.pages,
    stuck.pages,
    money.pages,
    customers.pages,
    customer_acts.pages,
    audit.pages,
    login.pages,
)
"""The console's pages; those with words for the menu stand in it in this order."""

log = structlog.get_logger("web")


class OwnFiles(StaticFiles):
    """Stylesheet, scripts and pictures, which browsers may keep."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; asked for again after an hour, or when it has changed."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "max-age=3600"
        return response


def build_app(console: Console, groups: Sequence[Sequence[BaseRoute]] = ()) -> Starlette:
    """The application over these parts.

    Args:
        console: what pages work with; also at `app.state.console`, and its runtime at `app.state.runtime`.
        groups: routes besides the console's, which check for themselves who may ask them.
    """
    hosts = [_in_header(name) for name in console.hosts]
    guarded = [one for group in PAGES for one in group]
    routes = [*(one.route for one in guarded), Mount("/static", OwnFiles(directory=STATIC), name="static")]
    app = Starlette(
        routes=[*(route for group in groups for route in group), *routes],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(BodyDeadline, timeout_s=console.body_timeout_s),
            Middleware(RequestBodyLimitMiddleware, max_body_size=console.body_max_bytes),
        ],
        exception_handlers={HTTPException: _say, SQLAlchemyError: _database_away, Exception: _broken},
        lifespan=_lifespan,
    )
    app.state.console = console
    app.state.runtime = console.runtime
    app.state.menu = [(one.path, one.menu) for one in guarded if one.menu is not None]
    return app


def _in_header(name: str) -> str:
    """A host's name as a Host header has it: an IPv6 address in brackets."""
    return f"[{name}]" if ":" in name else name.lower()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """As many threads as there are connections for reading."""
    console: Console = app.state.console
    anyio.to_thread.current_default_thread_limiter().total_tokens = console.threads
    yield


def _told(request: Request, template: str, words: str, status: int, headers: Mapping[str, str]) -> Response:
    """A page for who reads pages, in the language of the browser; a line for machines."""
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(plain(request, template), status_code=status, headers=headers)
    return PlainTextResponse(words, status_code=status, headers=headers)


async def _say(request: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    words = error.detail if isinstance(error, HTTPException) else "error"
    if status == HTTPStatus.NOT_FOUND:
        return _told(request, "nowhere.html.j2", f"{words}\n", status, headers or {})
    return PlainTextResponse(f"{words}\n", status_code=status, headers=headers)


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("page_failed", path=request.url.path, error=f"{type(error).__name__}: {error}".splitlines()[0][:200])
    return _told(request, "away.html.j2", "The database does not answer, or took too long.\n", 503, {})


async def _broken(request: Request, error: Exception) -> Response:
    log.error("page_broken", path=request.url.path, exc_info=error)
    # made outside of all middleware, so it brings what every answer carries
    headers = {**HEADERS, "cache-control": "no-store"}
    return _told(
        request, "broken.html.j2", "This page is broken; the log of the web process tells why.\n", 500, headers
    )
