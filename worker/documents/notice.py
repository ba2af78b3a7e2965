"""Notices inside the account, in the customer's language; they say what the mails say."""

from datetime import date

from worker.documents import formats
from worker.documents.catalogues import translations

_TERM_ENDING = (
    "Your %(package)s subscription is paid up to and including %(last_day)s. Automatic renewal is off, so your "
    "account will be suspended on %(ends_on)s."
)


def term_ending(*, package: str, ends_on: date, locale: str) -> str:
    """The term ends and renewal is off (R9b); `ends_on` is the first unpaid day."""
    return translations(locale, "mail").gettext(_TERM_ENDING) % {
        "package": formats.package(package),
        "last_day": formats.day(formats.last_day(ends_on), locale=locale),
        "ends_on": formats.day(ends_on, locale=locale),
    }
