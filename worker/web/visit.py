"""One request of a person: session, role and token are checked here, before a page's function is called.

`page` and `act` say of each route what it demands; there is no route of the console without one of them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from worker import boundary
from worker.errors import RefusedError, UnreachableError
from worker.operating.people import Role
from worker.store.console import people
from worker.web import access, render
from worker.web.access import Person
from worker.web.console import Console
from worker.web.notices import NOTICES
from worker.web.words import LANGUAGES, language_of

FIELDS_MAX = 1_000
TEXT_MAX = 2_000
CSRF_FIELD = "token"
FORM = "application/x-www-form-urlencoded"
INSIDE = re.compile(r"/(?![/\\])[\w./-]*(\?[\w=&.%+-]*)?", re.ASCII)
"""Where a login may lead on to: a path of ours, and nothing that a browser takes for another host."""


class TurnedAwayError(Exception):
    """The request goes no further; the answer says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was let through, and how it is answered.

    Args:
        console: the parts.
        request: as it came.
        person: who asks; None at the door (login) only.
        token: of this browser; forms are tied to it.
        fields: of the form, or of the query.
        now: the instant at which the request came.
    """

    console: Console
    request: Request
    person: Person | None
    token: str
    fields: Mapping[str, Sequence[str]]
    now: datetime

    @property
    def by(self) -> str:
        """The person's name for the audit log."""
        return f"console:{'' if self.person is None else self.person.name}"

    @property
    def language(self) -> str:
        """In which the answer is written."""
        chosen = None if self.person is None else self.person.locale
        return language_of(chosen, self.request.headers.get("accept-language", ""))

    @property
    def csrf(self) -> str:
        """What forms of this page carry."""
        return self.console.signing.csrf(self.token, "" if self.person is None else self.person.name)

    def may(self, role: Role) -> bool:
        """Whether the person may what that role may."""
        return self.person is not None and self.person.role.covers(role)

    def field(self, name: str) -> str:
        """The field, without spaces around it; "" when it was not sent."""
        return (self.fields.get(name) or [""])[0].strip()

    def need(self, name: str) -> str:
        """The field. Raises RefusedError when it is empty, too long or holds what nobody sees."""
        value = self.field(name)
        if not value or len(value) > TEXT_MAX or not value.replace("\n", "").replace("\r", "").isprintable():
            raise RefusedError(f"the field {name} is missing, too long, or holds characters that cannot be seen")
        return value

    def numbers(self, name: str) -> list[int]:
        """The field as row numbers, each once. Raises RefusedError when one is none."""
        said = sorted(set(self.fields.get(name, ())))
        if not all(one.isascii() and one.isdecimal() and len(one) < 19 for one in said):  # noqa: PLR2004 - a bigint's digits
            raise RefusedError(f"the field {name} holds what is no number of a row")
        return sorted(map(int, said))

    def facts(self, **more: object) -> dict[str, object]:
        """What every template may use."""
        return {
            "visit": self,
            "person": self.person,
            "masks": not self.may(Role.SUPPORT),
            "is_support": self.may(Role.SUPPORT),
            "is_operator": self.may(Role.OPERATOR),
            "csrf": self.csrf,
            "language": self.language,
            "languages": LANGUAGES,
            "figures": render.Figures(self.language),
            "zone": self.console.runtime.clock.zone,
            "now": self.now,
            "menu": self.request.app.state.menu,
            "path": self.request.url.path,
            "notice": NOTICES.get(self.field("done")) if self.request.method == "GET" else None,
            **more,
        }

    def render(self, template: str, /, status: int = 200, **facts: object) -> Response:
        """A page, or a part of one."""
        return HTMLResponse(render.render(template, self.language, self.facts(**facts)), status_code=status)

    def done(self, path: str, notice: str) -> Response:
        """After an act: back to a page, which says in a line what was done."""
        assert notice in NOTICES, f"{notice} has no words in notices.py"
        joint = "&" if "?" in path else "?"
        return RedirectResponse(f"{path}{joint}done={notice}", status_code=303)

    def refused(self, because: str, *, status: int = 409) -> Response:
        """A page that says why nothing was done."""
        return self.render("refused.html.j2", status, because=because, back=self.request.headers.get("referer"))


Work = Callable[[Visit], Response]
Early = Callable[[Request, Mapping[str, Sequence[str]]], Response | None]


class Guarded:
    """A route that demands a session, a role, and for POST the token of its form.

    Args:
        work: the page's function, called in a thread.
        path: where.
        role: the least that may ask; None for the door itself.
        method: GET or POST.
        menu: words in the menu, marked by `N_`; None when it stands in none.
        early: may refuse a request before anything is looked up and without a thread.
    """

    def __init__(
        self,
        work: Work,
        *,
        path: str,
        role: Role | None,
        method: str,
        menu: str | None = None,
        early: Early | None = None,
    ) -> None:
        self.work = work
        self.path = path
        self.role = role
        self.method = method
        self.menu = menu
        self.early = early

    @property
    def route(self) -> Route:
        """As Starlette wants it."""
        return Route(self.path, self, methods=[self.method], name=f"{self.method} {self.path}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then do the rest in a thread."""
        request = Request(scope, receive)
        fields = (
            await _form(request) if self.method == "POST" else parse_qs(request.url.query, max_num_fields=FIELDS_MAX)
        )
        response = None if self.early is None else self.early(request, fields)
        if response is None:
            response = await run_in_threadpool(self.answer, request, fields)
        await response(scope, receive, send)

    def answer(self, request: Request, fields: Mapping[str, Sequence[str]]) -> Response:
        """Check what is demanded, and have the page answered."""
        console: Console = request.app.state.console
        token = access.token_of(request, console)
        fresh = None if token is not None else console.signing.new_cookie()
        tied = token or console.signing.token(fresh) or ""
        try:
            person = self._person(request, console, token)
            visit = Visit(console, request, person, tied, fields, console.runtime.clock.now())
            self._admit(visit)
            try:
                response = self.work(visit)
            except RefusedError as refusal:
                response = visit.refused(str(refusal))
            except UnreachableError as error:
                response = visit.refused(str(error), status=503)
        except TurnedAwayError as turned:
            response = turned.response
        if fresh is not None and "set-cookie" not in response.headers:
            access.set_cookie(response, request, fresh)
        return response

    def _person(self, request: Request, console: Console, token: str | None) -> Person | None:
        vouched = access.vouched_name(request, console)
        with boundary.transaction(console.reading, "web.identify") as connection:
            person = access.identify(connection, vouched=vouched, token=token, now=console.runtime.clock.now())
            open_to_somebody = person is not None or people.anybody(connection)
        if not open_to_somebody:
            raise TurnedAwayError(HTMLResponse(plain(request, "closed.html.j2"), status_code=503))
        if person is None and vouched is not None:
            raise TurnedAwayError(HTMLResponse(plain(request, "stranger.html.j2"), status_code=403))
        return person

    def _admit(self, visit: Visit) -> None:
        if self.role is not None and visit.person is None:
            raise TurnedAwayError(_to_the_door(visit.request))
        if self.role is not None and not visit.may(self.role):
            raise TurnedAwayError(visit.render("forbidden.html.j2", 403, role=self.role.value))
        if self.method == "POST" and not self._is_own_form(visit):
            raise TurnedAwayError(visit.render("forged.html.j2", 403))

    def _is_own_form(self, visit: Visit) -> bool:
        elsewhere = visit.request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
        name = "" if visit.person is None else visit.person.name
        return not elsewhere and visit.console.signing.is_csrf(visit.field(CSRF_FIELD), visit.token, name)


async def _form(request: Request) -> Mapping[str, Sequence[str]]:
    """The fields of a form; nothing for a body of another kind, or with more fields than any form of ours."""
    body = await request.body()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return {}
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return {}


def plain(request: Request, template: str) -> str:
    """A page for who is not inside; the same for everybody who reads its language."""
    return _in_language(template, language_of(None, request.headers.get("accept-language", "")))


@cache
def _in_language(template: str, language: str) -> str:
    return render.render(template, language, {"language": language})


def _to_the_door(request: Request) -> Response:
    """To the login, and back here after it; a polled part sends the whole page there."""
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    on = f"?next={quote(asked)}" if request.method == "GET" and INSIDE.fullmatch(asked) and asked != "/" else ""
    return RedirectResponse(f"/login{on}", status_code=303)


def page(path: str, *, role: Role, menu: str | None = None) -> Callable[[Work], Guarded]:
    """A page that shows: GET, with a session and at least that role."""

    def guard(work: Work) -> Guarded:
        return Guarded(work, path=path, role=role, method="GET", menu=menu)

    return guard


def act(path: str, *, role: Role) -> Callable[[Work], Guarded]:
    """Something that changes: POST, with a session, at least that role, and the token of a form of ours."""

    def guard(work: Work) -> Guarded:
        return Guarded(work, path=path, role=role, method="POST")

    return guard


def door(path: str, *, method: str, early: Early | None = None) -> Callable[[Work], Guarded]:
    """The login alone: no session is demanded, the token of its form is."""

    def guard(work: Work) -> Guarded:
        return Guarded(work, path=path, role=None, method=method, early=early)

    return guard
