"""Every kind of mail in every language: what it says, and what it never lets through."""

from html.parser import HTMLParser
from typing import Any

import pytest

from tests.documents.samples import ACCOUNT_URL, COMPANY, MAILS, SELLER, VARIANTS
from worker.documents.catalogues import locales
from worker.documents.clean import one_line
from worker.documents.mail import MAIL_KINDS, RenderedMail, render_mail
from worker.errors import DocumentError

HOSTILE = "<script>alert('x')</script><b>&amp;\"\r\nBcc: victim@buyer.example\u2028{{ 7*7 }}%(amount)s\x00\u202e"


def render(kind: str, locale: str = "en", **changes: Any) -> RenderedMail:
    return render_mail(kind, locale=locale, data=MAILS[kind] | changes, seller=SELLER)


def plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


class Reader(HTMLParser):
    """What a mail client would build from the HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_kind_has_a_sample() -> None:
    assert set(MAILS) == set(MAIL_KINDS)


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize(("kind", "changes"), VARIANTS)
def test_every_kind_renders_in_every_language(locale: str, kind: str, changes: dict[str, Any]) -> None:
    rendered = render(kind, locale, **changes)
    page = Reader(rendered.html)
    for part in (rendered.text, page.text):
        assert SELLER.name in part
        assert SELLER.support_email in part
        assert COMPANY in part
        assert not {"None", "{{", "{%", "%("} & set(part.split())
    assert rendered.subject == rendered.subject.strip() != ""
    assert len(rendered.subject.splitlines()) == 1
    assert "\n\n\n" not in rendered.text
    assert page.links == [link for name, link in MAILS[kind].items() if name.endswith("_url")]
    assert all(link in rendered.text for link in page.links if link)
    assert "unsubscribe" not in rendered.html.lower()


@pytest.mark.parametrize(
    ("locale", "days", "words"),
    [
        ("en", 1, "in 1 day"),
        ("en", 7, "in 7 days"),
        ("pl", 1, "za 1 dzień"),
        ("pl", 3, "za 3 dni"),
        ("pl", 22, "za 22 dni"),
        ("pl", 14, "za 14 dni"),
        ("cs", 1, "za 1 den"),
        ("cs", 3, "za 3 dny"),
        ("cs", 7, "za 7 dní"),
        ("cs", 14, "za 14 dní"),
        ("de", 1, "in 1 Tag"),
        ("de", 14, "in 14 Tagen"),
        ("sk", 1, "o 1 deň"),
        ("sk", 3, "o 3 dni"),
        ("sk", 14, "o 14 dní"),
        ("hu", 1, "1 nap múlva lejár"),
        ("hu", 14, "14 nap múlva lejár"),
    ],
)
def test_days_left_take_the_right_plural(locale: str, days: int, words: str) -> None:
    assert plain(render("term_ending", locale, days_left=days).subject).endswith(words)


def test_a_reminder_tells_the_last_paid_day_and_the_day_of_suspension() -> None:
    text = plain(render("term_ending").text)
    assert "paid up to and including 21 Dec 2026" in text
    assert "suspended on 22 Dec 2026" in text


@pytest.mark.parametrize(
    ("locale", "days", "words"),
    [
        ("en", 1, "by 1 day"),
        ("en", 30, "by 30 days"),
        ("pl", 1, "o 1 dzień"),
        ("pl", 3, "o 3 dni"),
        ("cs", 1, "o 1 den"),
        ("cs", 3, "o 3 dny"),
        ("cs", 30, "o 30 dní"),
        ("de", 1, "um 1 Tag verlängert"),
        ("de", 30, "um 30 Tage verlängert"),
        ("sk", 1, "o 1 deň"),
        ("sk", 3, "o 3 dni"),
        ("sk", 30, "o 30 dní"),
        ("hu", 1, "1 nappal meghosszabbítottuk"),
        ("hu", 30, "30 nappal meghosszabbítottuk"),
    ],
)
def test_days_given_take_the_right_plural(locale: str, days: int, words: str) -> None:
    assert plain(render("term_extended", locale, days=days).subject).endswith(words)


def test_an_extension_tells_the_last_covered_day_and_the_day_of_the_next_payment() -> None:
    text = plain(render("term_extended").text)
    assert "up to and including 21 Dec 2026" in text
    assert "payment will follow on 22 Dec 2026" in text


def test_a_scheduled_interval_tells_the_last_yearly_and_the_first_monthly_day() -> None:
    rendered = render("interval_change_scheduled")
    assert plain(rendered.subject).endswith("monthly from 22 Dec 2026")
    assert "up to and including 21 Dec 2026" in plain(rendered.text)


def test_a_price_that_rises_tells_the_way_out_and_one_that_falls_does_not() -> None:
    dearer = plain(render("prices_change").text)
    assert "from 1,234.50 PLN to 1,349.50 PLN" in dearer
    assert "switch automatic renewal off" in dearer
    cheaper = plain(render("prices_change", new_amount={"amount_minor": 99900, "currency": "PLN"}).text)
    assert "from 1,234.50 PLN to 999.00 PLN" in cheaper
    assert "switch automatic renewal off" not in cheaper


def test_a_refund_says_free_only_when_the_service_ends() -> None:
    assert "Free package" in plain(render("refund_made").text)
    assert "Free" not in render("refund_made", ends_service=False).text


def test_an_invoice_mail_tells_the_figures() -> None:
    rendered = render("invoice_issued", "pl")
    assert rendered.subject == "Faktura 2026000123"
    assert "Kwota: 1 234,50 PLN" in plain(rendered.text)
    assert "Okres: 22 grudnia 2026 – 21 stycznia 2027" in plain(rendered.text)


@pytest.mark.parametrize("kind", MAILS)
def test_no_sentence_ends_twice_after_a_date_that_bears_a_dot(kind: str) -> None:
    # Hungarian dates end with a dot of their own, so no sentence may end with a date
    rendered = render(kind, "hu")
    assert ".." not in plain(rendered.subject + rendered.text + Reader(rendered.html).text)


def test_a_decline_tells_the_reason_and_the_next_try() -> None:
    text = plain(render("payment_declined").text)
    assert "There was not enough money available." in text
    assert "We will try again on 25 Dec 2026" in text
    assert "We will try again" not in plain(render("payment_declined", next_try_on=None).text)


def test_a_refused_card_is_named_and_another_method_is_not() -> None:
    assert "Mastercard •••• 4444" in plain(render("payment_method_refused").text)
    assert "••••" not in render("payment_method_refused", brand=None, last4=None).text


def test_a_language_that_is_not_there_falls_back() -> None:
    assert render("suspended", "pl_PL").locale == "pl"
    assert render("suspended", "is").locale == "en"


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (kind, field)
        for kind, facts in MAILS.items()
        for field in ("company", "package", "brand", "last4", "invoice_number")
        if field in facts
    ],
)
def test_hostile_text_stays_text(locale: str, kind: str, field: str) -> None:
    rendered = render(kind, locale, **{field: HOSTILE})
    harmless = render(kind, locale)
    page = Reader(rendered.html)
    assert sorted(page.tags) == sorted(Reader(harmless.html).tags)
    assert page.links == Reader(harmless.html).links
    assert one_line(HOSTILE) in plain(rendered.text)
    assert len(rendered.subject.splitlines()) == 1
    assert "\x00" not in rendered.text + rendered.html + rendered.subject
    assert "\u202e" not in rendered.text + rendered.html + rendered.subject


def test_hostile_text_is_printed_literally() -> None:
    rendered = render("term_ending", company="<b>Bold & Sons</b> {{ 7*7 }}")
    assert "<b>Bold & Sons</b> {{ 7*7 }}" in rendered.text
    assert "<b>Bold & Sons</b> {{ 7*7 }}" in Reader(rendered.html).text


def test_a_link_cannot_leave_its_attribute() -> None:
    link = f'{ACCOUNT_URL}?a="onmouseover="x&b=<i>'
    page = Reader(render("suspended", account_url=link).html)
    assert page.links == [link]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//other.example", "https://a b", ""])
def test_a_link_that_is_no_web_address_is_refused(link: str) -> None:
    with pytest.raises(DocumentError, match="account_url"):
        render("suspended", account_url=link)


def test_styles_are_inline_and_the_dark_ones_stay_in_their_block() -> None:
    html = render("term_ending").html
    assert 'class="button-link" href=' in html
    assert "prefers-color-scheme: dark" in html
    assert html.count('style="') > 10
    assert "<img" not in html
    assert "http" not in html.replace(ACCOUNT_URL, "")


def test_the_same_facts_give_the_same_mail() -> None:
    assert render("invoice_issued", "cs") == render("invoice_issued", "cs")
