"""Renders a mail: one pair of Jinja2 templates per kind, in the reader's language, as text and as HTML."""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from types import CodeType

import css_inline
from jinja2 import (
    BytecodeCache,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    select_autoescape,
)
from jinja2.bccache import Bucket

from worker.documents import formats
from worker.documents.catalogues import TEMPLATES, resolve, translations
from worker.documents.clean import one_line
from worker.documents.mail_kinds import MAIL_KINDS, Amount, read_mail_data
from worker.errors import DocumentError

__all__ = ["MAIL_KINDS", "RenderedMail", "SellerContact", "render_mail"]

_TEXT_WIDTH = 76
_BLANK_LINES = re.compile(r"\n\s*\n\s*")
_INLINER = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class SellerContact:
    """Who writes, as the reader knows them, and where to ask."""

    name: str
    support_email: str


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready for its envelope; `locale` is the language in which it was written in the end."""

    subject: str
    text: str
    html: str
    locale: str


def render_mail(kind: str, *, locale: str, data: Mapping[str, object], seller: SellerContact) -> RenderedMail:
    """Render a mail of a kind (see `MAIL_KINDS`) from its facts as JSON.

    Text of customers is printed literally: it cannot become markup, a header or a line of its own.

    Raises:
        DocumentError: no such kind, or its facts are incomplete or of other types than declared.
    """
    mail = read_mail_data(kind, data)
    language = resolve(locale)
    environment = _environment(language)
    facts = {
        **{field.name: getattr(mail, field.name) for field in fields(mail)},
        "seller": seller,
        "locale": language,
    }
    try:
        text = environment.get_template(f"{kind}.txt.j2")
        subject = one_line("".join(text.blocks["subject"](text.new_context(facts))))
        body = text.render(facts)
        html = environment.get_template(f"{kind}.html.j2").render(facts, subject=subject)
    except TemplateError as error:
        raise DocumentError(f"the templates of {kind} cannot be rendered: {error}") from error
    return RenderedMail(subject, _fold(body), _INLINER.inline(html), language)


class _Compiled(BytecodeCache):
    """Templates as code, compiled for the first language and taken by the others: their words come when it runs."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Hand out what was compiled from the same text."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "mail"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_COMPILED,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(  # type: ignore[attr-defined]  # the extension adds it
        translations(language, "mail"), newstyle=True
    )

    def money(amount: Amount) -> str:
        return formats.money(amount.amount_minor, amount.currency, locale=language)

    def day(on: date) -> str:
        return formats.day(on, locale=language)

    def period(starts_on: date, ends_on: date) -> str:
        return formats.period(starts_on=starts_on, ends_on=ends_on, locale=language)

    environment.filters.update(money=money, day=day, last_day=formats.last_day, package=formats.package)
    environment.globals.update(card=formats.card, card_month=formats.card_month, period=period)
    return environment


def _fold(body: str) -> str:
    """Paragraphs one blank line apart, lines folded for readers that do not fold; links stay whole."""
    tidy = _BLANK_LINES.sub("\n\n", body.strip())
    lines = (
        textwrap.wrap(line, _TEXT_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
        for line in tidy.split("\n")
    )
    return "\n".join(line for folded in lines for line in folded) + "\n"
