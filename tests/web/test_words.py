"""The console's words: every one in Polish, English and Czech, none left over; the language that a person reads."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from tests.support.builders import subscriber
from tests.support.work import charge, item
from tests.web.conftest import Browser
from worker.documents.catalogues import TEMPLATES
from worker.operating.people import Role
from worker.web import words
from worker.web.app import PAGES, build_app
from worker.web.console import Console
from worker.web.customer_acts import DEEDS
from worker.web.edge import HEADERS
from worker.web.words import LANGUAGES, language_of

_PLACEHOLDER = re.compile(r"%\(\w+\)s")


def said() -> set[str]:
    """Every sentence of templates and pages."""
    found = set()
    for template in (TEMPLATES / "console").glob("*.j2"):
        rows = extract_from_file("jinja2.ext.babel_extract", str(template), options={"trimmed": "true"})
        found |= {str(row[1]) for row in rows}
    for source in Path(words.__file__).parent.glob("*.py"):
        rows = extract_from_file("python", str(source), keywords={"N_": None, "gettext": None})
        found |= {str(row[1]) for row in rows}
    return found


def catalogue(language: str) -> Catalog:
    source = TEMPLATES / "locale" / language / "LC_MESSAGES" / "console.po"
    return read_po(source.read_bytes().splitlines(keepends=True), locale=language, abort_invalid=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_and_none_is_left_over(language: str) -> None:
    wanted = said()
    assert len(wanted) > 100, "the search itself is blind"
    messages = {str(one.id): str(one.string) for one in catalogue(language) if one.id}
    assert set(messages) == wanted
    assert [one for one, text in messages.items() if not text] == []
    for one, text in messages.items():
        assert sorted(_PLACEHOLDER.findall(text)) == sorted(_PLACEHOLDER.findall(one)), one
        if language == "en":
            assert text == one


@pytest.mark.parametrize(
    ("chosen", "accept", "language"),
    [
        ("cs", "pl", "cs"),
        (None, "pl-PL,pl;q=0.9,en;q=0.5", "pl"),
        (None, "de, cs;q=0.3", "cs"),
        (None, "en;q=0.2, cs;q=0.7", "cs"),
        (None, "de", "en"),
        (None, "", "en"),
        ("hu", "*;q=x, ,;;q=1,pl", "pl"),
    ],
)
def test_the_language_is_the_persons_choice_else_the_browsers(chosen: str | None, accept: str, language: str) -> None:
    assert language_of(chosen, accept) == language


def test_a_person_chooses_a_language_and_keeps_it(operator: Browser) -> None:
    assert 'lang="cs"' in operator.get("/", headers={"Accept-Language": "cs"}).text
    assert operator.post("/language", locale="pl").status_code == 303
    text = operator.get("/queues", headers={"Accept-Language": "cs"}).text
    assert '<html lang="pl">' in text
    assert "Kolejki" in text
    assert operator.post("/language", locale="../../etc").status_code == 409


SHOWN = {
    "/": ("/", "/?date=2026-01-01"),
    "/tonight/live": ("/tonight/live",),
    "/queues": ("/queues",),
    "/queues/live": ("/queues/live",),
    "/timetable": ("/timetable",),
    "/stuck": ("/stuck", "/stuck?kind=item"),
    "/stuck/{kind}/{number}": ("/stuck/item/{item}", "/stuck/charge/{charge}"),
    "/money": ("/money",),
    "/customer": ("/customer", "/customer?q=shop-1", "/customer?q=nobody"),
    "/customer/{number}": ("/customer/{account}",),
    "/customer/{number}/pdf": (),
    "/customer/{number}/act/{kind}": tuple(f"/customer/{{account}}/act/{kind}" for kind in DEEDS),
    "/audit": ("/audit", "/audit?person=nobody"),
    "/login": ("/login",),
}
"""Where each route that shows is looked at; a document has the language of its customer."""


@pytest.fixture
def numbers(engine: Engine) -> dict[str, int]:
    """Rows to look at, by their names in paths."""
    one = subscriber(engine, external_id="shop-1")
    parked = charge(engine, one, parked_reason="cannot_be_priced")
    return {"item": item(engine, job="remind", state="dead"), "charge": parked, "account": one.account_id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_shown_in_every_language(
    enter: Callable[[Role], Browser], numbers: dict[str, int], language: str
) -> None:
    assert set(SHOWN) == {one.path for group in PAGES for one in group if one.method == "GET"}
    browser = enter(Role.OPERATOR)
    for path in (path.format(**numbers) for paths in SHOWN.values() for path in paths):
        answer = browser.get(path, headers={"Accept-Language": language})
        if path == "/login":
            assert answer.status_code == 303, "who is inside needs no door"
            continue
        assert answer.status_code == 200, path
        if not path.endswith("/live"):
            is_in(language, answer.text)


def is_in(language: str, text: str) -> None:
    """The page says that it is in the language, and its heading is."""
    assert f'<html lang="{language}">' in text
    heading = re.search(r"<h1>([^<]+)", text)
    assert heading is not None
    messages = {str(one.id): str(one.string) for one in catalogue(language) if one.id}
    said = unescape(heading[1]).strip()
    assert messages.get(said, said) == said, f"{said} has a translation"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_what_went_wrong_is_shown_in_every_language(
    enter: Callable[[Role], Browser], console: Console, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    seen: set[str] = set()
    read = {"Accept-Language": language, "Accept": "text/html"}

    def look(answer: Any, status: int, template: str) -> None:
        assert answer.status_code == status, template
        is_in(language, answer.text)
        seen.add(template)

    outside = Browser(TestClient(build_app(console), base_url="http://127.0.0.1", raise_server_exceptions=False))
    look(outside.get("/", headers=read), 503, "closed")
    browser = enter(Role.SUPPORT)
    look(outside.get("/login", headers=read), 200, "login")
    look(browser.get("/nowhere", headers=read), 404, "nowhere")
    look(browser.get("/customer/4711", headers=read), 404, "refused")
    token = browser.token()
    for sent, template in ((token, "forbidden"), ("x", "forged")):
        path = "/queues/pause" if template == "forbidden" else "/logout"
        look(browser.client.post(path, data={"token": sent}, headers=read), 403, template)
    monkeypatch.setattr(console.throttle, "is_shut", lambda **_: True)
    look(outside.client.post("/login", data={"token": "x"}, headers=read), 429, "shut")
    proxied = build_app(replace(console, user_header="X-User", proxies=(ip_network("127.0.0.1/32"),)))
    with TestClient(proxied, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        look(client.get("/", headers={**read, "X-User": "nobody"}), 403, "stranger")
    (page,) = [one for group in PAGES for one in group if (one.path, one.method) == ("/money", "GET")]
    outside.client.cookies.set("odnowa", browser.client.cookies["odnowa"], domain="127.0.0.1")
    for error, status, template in (
        (OperationalError("", {}, ValueError()), 503, "away"),
        (ValueError(), 500, "broken"),
    ):
        monkeypatch.setattr(page, "work", raising(error))
        answer = outside.get("/money", headers=read)
        look(answer, status, template)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    bare = {path.name.removesuffix(".html.j2") for path in (TEMPLATES / "console").glob("*.j2") if is_of_trouble(path)}
    assert bare <= seen, "a page that nobody looked at"


def raising(error: Exception) -> Callable[[object], None]:
    def work(_: object) -> None:
        raise error

    return work


def is_of_trouble(path: Path) -> bool:
    """Whether the template is of a page for who is not inside, or for what went wrong."""
    text = path.read_text(encoding="utf-8")
    return '{% extends "bare.html.j2" %}' in text or path.name.startswith(("forbidden", "forged", "refused"))
