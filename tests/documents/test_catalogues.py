"""Every sentence stands in every language, and a language is nothing but a folder."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from tests.documents.samples import MAILS, SELLER
from worker.documents import catalogues, invoice_lines, invoice_tax, invoice_view, mail
from worker.documents.catalogues import TEMPLATES, locales, resolve, translations

_PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
Msgid = str | tuple[str, ...]


def template_sentences(pattern: str) -> set[Msgid]:
    found: set[Msgid] = set()
    for template in (TEMPLATES / "mail").glob(pattern):
        rows = extract_from_file("jinja2.ext.babel_extract", str(template), options={"trimmed": "true"})
        found |= {row[1] for row in rows}
    return found


def invoice_sentences() -> set[Msgid]:
    sources = [str(Path(str(module.__file__))) for module in (invoice_lines, invoice_tax, invoice_view)]
    return {row[1] for source in sources for row in extract_from_file("python", source, keywords={"_": None})}


def catalogue(locale: str, domain: str) -> Catalog:
    source = TEMPLATES / "locale" / locale / "LC_MESSAGES" / f"{domain}.po"
    return read_po(source.read_bytes().splitlines(keepends=True), locale=locale, abort_invalid=True)


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    """A sentence's forms; one without plurals has one."""
    return [text or ""] if isinstance(text, str | None) else list(text)


EVERY = [(locale, domain) for locale in locales() for domain in ("mail", "invoice")]


def test_the_languages_are_found() -> None:
    assert {"pl", "en", "cs", "de", "sk", "hu"} <= set(locales())


@pytest.mark.parametrize(("locale", "domain"), EVERY)
def test_every_sentence_is_translated_and_none_is_left_over(locale: str, domain: str) -> None:
    wanted = template_sentences("*.j2") if domain == "mail" else invoice_sentences()
    assert len(wanted) > 20
    plurals = catalogue(locale, domain).num_plurals
    messages = [message for message in catalogue(locale, domain) if message.id]
    assert {message.id for message in messages} == wanted
    assert [message.id for message in messages if message.fuzzy] == []
    for message in messages:
        assert all(forms(message.string)), message.id
        assert len(forms(message.string)) == (1 if isinstance(message.id, str) else plurals), message.id


@pytest.mark.parametrize(("locale", "domain"), EVERY)
def test_translations_keep_their_placeholders(locale: str, domain: str) -> None:
    for message in catalogue(locale, domain):
        if message.id:
            wanted = set(_PLACEHOLDER.findall(forms(message.id)[-1]))
            found = [set(_PLACEHOLDER.findall(form)) for form in forms(message.string)]
            assert found == [wanted] * len(found), message.id


def test_english_says_what_the_templates_say() -> None:
    for domain in ("mail", "invoice"):
        assert [m.id for m in catalogue("en", domain) if m.id and m.id != m.string] == []


@pytest.mark.parametrize("kind", MAILS)
def test_text_and_html_of_a_kind_say_the_same(kind: str) -> None:
    # A title may be kinder than a subject, which must tell the invoice's number.
    kinder = {"Invoice %(invoice_number)s", "Thank you for your payment", "Your corrected invoice"}
    differ = {"invoice_issued": kinder}.get(kind, set())
    assert template_sentences(f"{kind}.txt.j2") ^ template_sentences(f"{kind}.html.j2") == differ


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("pl", "pl"),
        ("pl-PL", "pl"),
        ("cs_CZ", "cs"),
        ("PL", "pl"),
        ("de-AT", "de"),
        ("hu_HU", "hu"),
        ("sk", "sk"),
        ("is", "en"),
        ("", "en"),
        ("../../etc", "en"),
    ],
)
def test_an_unknown_locale_falls_back_to_its_language_then_to_english(asked: str, used: str) -> None:
    assert resolve(asked) == used


def forget_languages() -> None:
    for cached in (locales, resolve, translations, mail._environment):
        cached.cache_clear()


@pytest.fixture
def with_icelandic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogues with one folder more."""
    shutil.copytree(TEMPLATES / "locale", tmp_path / "locale")
    icelandic = tmp_path / "locale" / "is" / "LC_MESSAGES"
    shutil.copytree(tmp_path / "locale" / "en" / "LC_MESSAGES", icelandic)
    text = (icelandic / "mail.po").read_text(encoding="utf-8").replace("Language: en", "Language: is")
    (icelandic / "mail.po").write_text(text.replace('msgstr "Hello,"', 'msgstr "Góðan dag,"'), encoding="utf-8")
    monkeypatch.setattr(catalogues, "_CATALOGUES", tmp_path / "locale")
    forget_languages()
    yield
    forget_languages()


@pytest.mark.usefixtures("with_icelandic")
def test_a_folder_more_is_a_language_more() -> None:
    rendered = mail.render_mail("suspended", locale="is-IS", data=MAILS["suspended"], seller=SELLER)
    assert rendered.locale == "is"
    assert rendered.text.startswith("Góðan dag,")
    assert "22. desember 2026" in rendered.text.replace("\u00a0", " ")
