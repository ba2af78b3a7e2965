"""Goodwill: support gives an account a sum, and the next whole terms cost so much less (R15b).

It is a discount before VAT, a line of its own on the invoice, and no means of payment like credit. What one term does
not take stays for the next; a charge that comes to nothing gives back what it took.
"""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from worker.charging.letters import Rung
from worker.desk.request import Ask, Caller, Done, noted, perform
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import accounts, goodwill

GRANT_MAX_MINOR = 99_999_999
"""More than that is a slip of the finger."""


def grant_credit(
    runtime: Runtime, caller: Caller, *, amount_minor: int, currency: str, request_id: str, reason: str | None = None
) -> Done:
    """Give an account goodwill; `amount_minor` is net, in minor units of the account's currency.

    Raises:
        ActRefusedError: a customer asks, no reason, the sum is not positive or too large, or the currency is another.
    """
    ask = Ask(caller, "grant_credit", request_id, {"amount_minor": amount_minor, "currency": currency}, reason)
    with noted(runtime, ask, support_only=True):
        if not 1 <= amount_minor <= GRANT_MAX_MINOR:
            raise ActRefusedError(
                "amount", f"{amount_minor} cannot be given: choose 1 to {GRANT_MAX_MINOR} minor units"
            )
        return perform(runtime, ask, partial(_grant, amount_minor, currency))


def _grant(amount_minor: int, currency: str, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    _, pays_in = accounts.language_and_currency(connection, account)
    if currency != pays_in:
        raise ActRefusedError("currency", f"the account pays in {pays_in}: give it a sum in {pays_in}")
    balance_minor = goodwill.grant(connection, account, amount_minor=amount_minor, currency=currency)
    return {"granted_minor": amount_minor, "goodwill_minor": balance_minor, "currency": currency}
