"""A new account, Free, under the name that the product gives it; the same again is the same account (R1, R3)."""

import unicodedata
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker.billing.money import Currency
from worker.charging.letters import Rung
from worker.desk.plain_text import checked
from worker.desk.request import Ask, Caller, Done, noted, perform
from worker.documents.catalogues import locales
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import accounts

EXTERNAL_ID_MAX = 100
"""Characters."""


def open_account(
    runtime: Runtime, caller: Caller, *, locale: str, currency: str, request_id: str, reason: str | None = None
) -> Done:
    """Open the account that the caller names.

    Args:
        runtime: the parts.
        caller: who asks; the external id is the new account's.
        locale: the language of its mails and invoices, one that has catalogues.
        currency: what it pays in until an order chooses another (R3).
        request_id: the caller's own.
        reason: for the audit log.

    Raises:
        ActRefusedError: the external id, the language or the currency cannot be, or the account exists with others.
    """
    ask = Ask(caller, "open_account", request_id, {"locale": locale, "currency": currency}, reason)
    with noted(runtime, ask):
        _demand_name(caller.account_external_id)
        if locale not in locales():
            known = ", ".join(sorted(locales()))
            raise ActRefusedError("locale", f"there are no texts in {locale[:40]!r}: choose one of {known}")
        if currency not in set(Currency):
            known = ", ".join(sorted(Currency))
            raise ActRefusedError("currency", f"nothing is sold in {currency[:40]!r}: choose one of {known}")
        return perform(
            runtime,
            ask,
            partial(_opened, locale, currency),
            opens=partial(
                accounts.open_account, external_id=caller.account_external_id, locale=locale, currency=currency
            ),
        )


def _demand_name(name: str) -> None:
    """Two accounts whose names look the same would be mistaken for each other, so a name has one spelling."""
    plain = checked(name, name="the external id", longest=EXTERNAL_ID_MAX, required=True)
    if plain != name or not name.isprintable():
        raise ActRefusedError(
            "external_id",
            "the external id holds blanks at its ends, or characters that cannot be seen: please write it without"
            if unicodedata.is_normalized("NFC", name)
            else "the external id is not in Unicode's composed form (NFC): please compose it first",
        )


def _opened(locale: str, currency: str, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    stands = accounts.language_and_currency(connection, account)
    if stands != (locale, currency):
        raise ActRefusedError(
            "account_exists",
            f"the account exists already, in {stands[0]} and {stands[1]}: open it with these; "
            "an order may choose another currency while nothing is live",
        )
    return {"locale": locale, "currency": currency}
