"""The console's words: every one in Polish, English and Czech, none left over; the language that a person reads."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from tests.web.conftest import Browser
from worker.documents.catalogues import TEMPLATES
from worker.operating.people import Role
from worker.web import words
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_shown_in_every_language(enter: Callable[[Role], Browser], language: str) -> None:
    browser = enter(Role.OPERATOR)
    for path in ("/", "/queues", "/timetable", "/stuck", "/login"):
        assert browser.get(path, headers={"Accept-Language": language}).status_code in {200, 303}
