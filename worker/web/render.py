"""Templates: escaped, strict about what is missing, one environment per language; how figures and times are shown."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup

from worker.documents import formats
from worker.documents.catalogues import TEMPLATES, babel_locale
from worker.web.words import words

_NOTHING = "–"
_NO_BREAK = "\u00a0"
HIDDEN = "•••"
"""In the place of what names a person."""
_MAIL = re.compile(r"([\w.+-])[\w.+-]*@([\w-])[\w.-]*")
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


@cache
def environment(language: str) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES / "console"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(words(language), newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    figures = Figures(language)
    made.filters.update(
        day=figures.day,
        short_day=figures.short_day,
        age=figures.age,
        count=figures.count,
        money=figures.money,
        instant=_instant,
        hour=_hour,
        iso=_iso,
        personal=_personal,
        private=_private,
        breakable=_breakable,
    )
    return made


def render(template: str, language: str, facts: Mapping[str, Any]) -> str:
    """A page as text. Everything in it was escaped."""
    return environment(language).get_template(template).render(facts)


class Figures:
    """Numbers, sums, dates and spans of time as a language writes them."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._locale = babel_locale(language)

    def day(self, on: date | None) -> str:
        """`26 Nov 2026`."""
        return _NOTHING if on is None else formats.day(on, locale=self._language)

    def short_day(self, on: date) -> str:
        """`Thu 26 Nov`."""
        return format_date(on, "EEE d MMM", locale=self._locale)

    def count(self, quantity: int | None) -> str:
        """A whole number with the language's grouping."""
        return _NOTHING if quantity is None else formats.count(quantity, locale=self._language)

    def money(self, amount_minor: int | None, currency: str) -> str:
        """A sum with its currency, from minor units."""
        return _NOTHING if amount_minor is None else formats.money(amount_minor, currency, locale=self._language)

    def age(self, seconds: float | None) -> str:
        """The two largest of days, hours, minutes and seconds; the units are the same in all three languages."""
        if seconds is None:
            return _NOTHING
        whole = max(0, int(seconds))
        days, rest = divmod(whole, DAY_S)
        hours, rest = divmod(rest, HOUR_S)
        minutes, left = divmod(rest, MINUTE_S)
        parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
        first = next((n for n, (value, _) in enumerate(parts) if value), len(parts) - 1)
        shown = [f"{format_decimal(v, locale=self._locale)}\u00a0{u}" for v, u in parts[first : first + 2] if v]
        return " ".join(shown) or "0\u00a0s"

    def instant(self, at: datetime, zone: ZoneInfo) -> str:
        """`26 Nov 2026, 05:00 CET`: an instant by the seller's clocks, with the zone."""
        local = at.astimezone(zone)
        return f"{format_datetime(local, 'd MMM y, HH:mm', locale=self._locale)}\u00a0{local:%Z}"


@pass_context
def _instant(context: Context, at: datetime | None) -> str:
    figures: Figures = context["figures"]
    return _NOTHING if at is None else figures.instant(at, context["zone"])


@pass_context
def _hour(context: Context, at: datetime | None, on: date) -> str:
    """The time of day alone, where it is a time of that day; else the whole instant."""
    zone: ZoneInfo = context["zone"]
    if at is None or at.astimezone(zone).date() != on:
        return _instant(context, at)
    return f"{at.astimezone(zone):%H:%M}{_NO_BREAK}{at.astimezone(zone):%Z}"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


@pass_context
def _personal(context: Context, text: str | None) -> str:
    return masked(text or "") if context["masks"] else (text or "")


@pass_context
def _private(context: Context, text: str | None) -> str:
    """A name, an address or a number of a person: whole, or not at all."""
    return HIDDEN if context["masks"] and text else (text or "")


def _breakable(text: str) -> Markup:
    """Names that a narrow column may break behind an underscore, and nowhere within a word."""
    return Markup("_<wbr>").join(text.split("_"))


def masked(text: str) -> str:
    """The text with the addresses of people made unreadable: `a•••@e•••`."""
    return _MAIL.sub(r"\1•••@\2•••", text)
