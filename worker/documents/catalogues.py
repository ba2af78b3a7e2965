"""The languages: found as folders of gettext catalogues, compiled in memory, one fallback for all others."""

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from babel.core import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

TEMPLATES = Path(__file__).parent.parent / "templates"
_CATALOGUES = TEMPLATES / "locale"
FALLBACK = "en"


@cache
def locales() -> Mapping[str, Locale]:
    """The languages that exist: each folder of catalogues, with what Babel knows of it."""
    folders = sorted(folder.name for folder in _CATALOGUES.iterdir() if folder.is_dir())
    return MappingProxyType({name: Locale.parse(name) for name in folders})


@cache
def resolve(locale: str) -> str:
    """The language that is used for a locale: itself, else its language, else English; never fails."""
    wanted = locale.strip().replace("-", "_")
    known = {name.lower(): name for name in locales()}
    for candidate in (wanted.lower(), wanted.lower().partition("_")[0]):
        if candidate in known:
            return known[candidate]
    return FALLBACK


def babel_locale(locale: str) -> Locale:
    """Babel's rules for the language that is used for a locale, so that words and numbers agree."""
    return locales()[resolve(locale)]


@cache
def translations(locale: str, domain: str) -> Translations:
    """The catalogue of a domain (`mail` or `invoice`) in the language that is used for a locale.

    The catalogue is compiled here from its text, so that no compiled file can lag behind its source.
    """
    name = resolve(locale)
    with (_CATALOGUES / name / "LC_MESSAGES" / f"{domain}.po").open("rb") as source:
        catalogue = read_po(source, locale=name, domain=domain, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=domain)
