"""The console's languages, which of them a person reads, and the mark of words that wait for their translation."""

from collections.abc import Sequence
from functools import cache

from babel import negotiate_locale
from babel.support import Translations

from worker.documents import catalogues

LANGUAGES = {"pl": "Polski", "en": "English", "cs": "Čeština"}
FALLBACK = "en"
DOMAIN = "console"
_MOST = 20


def N_(words: str) -> str:  # noqa: N802 - gettext's own name, which the search for words knows
    """The words as they are; they are translated where they are shown."""
    return words


def language_of(chosen: str | None, accept: str) -> str:
    """The person's own choice, else the best of what the browser asks for, else English; never fails."""
    if chosen in LANGUAGES:
        return chosen
    return negotiate_locale(_wanted(accept), list(LANGUAGES), sep="-") or FALLBACK


def _wanted(accept: str) -> Sequence[str]:
    """The languages of an Accept-Language header, best first."""
    weighed: list[tuple[float, str]] = []
    for part in accept[:500].split(",")[:_MOST]:
        name, _, rest = part.partition(";")
        weight = rest.strip().removeprefix("q=")
        try:
            weighed.append((-float(weight) if weight else -1.0, name.strip()))
        except ValueError:
            continue
    return [name for _, name in sorted(weighed, key=lambda one: one[0])]


@cache
def words(language: str) -> Translations:
    """The catalogue of a language."""
    return catalogues.translations(language, DOMAIN)
