"""`odnowa desk`: accounts and what support may do for them; commands beside those of `desk.py`, on the same app."""

from typing import Annotated

import typer

from worker.ops.desk import Account, As, RequestId, carry_out
from worker.ops.options import By, Json, Reason


def open_account(  # noqa: PLR0913 - one argument per option
    account: Account,
    *,
    locale: Annotated[str, typer.Option(help="The language of mails and invoices, such as pl.")],
    currency: Annotated[str, typer.Option(help="What the account pays in: PLN, EUR, USD or CZK.")],
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Open a new account, Free (R1). The same again is the same account."""
    from worker.desk import open_account as act

    carry_out(
        lambda runtime, caller: act.open_account(
            runtime, caller, locale=locale, currency=currency, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


def method_set_up(
    account: Account,
    *,
    show_secret: Annotated[
        bool, typer.Option("--show-secret", help="Print the client secret too: only for the customer's own page.")
    ] = False,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Let the customer save a payment method on a page of the provider (R5)."""
    from worker.desk import payment_methods
    from worker.desk.request import Caller, Role
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        made = payment_methods.set_up_method(
            runtime, Caller(Role(role), by, account), request_id=request_id, reason=reason
        )
    result = {"setup": made.setup} | ({"client_secret": made.client_secret} if show_secret else {})
    if as_json:
        show.document({"result": result, "repeated": made.repeated})
        return
    again = " (done before, by the same request)" if made.repeated else ""
    show.line(f"{account}: {show.facts(result)}{again}")


def register(app: typer.Typer) -> None:
    """Put the commands of this file on the desk's app."""
    app.command("open-account")(open_account)
    app.command("method-set-up")(method_set_up)
