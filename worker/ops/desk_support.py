"""`odnowa desk`: accounts and what support may do for them; commands beside those of `desk.py`, on the same app."""

from typing import Annotated, Literal

import typer

from worker.ops.desk import Account, As, RequestId, carry_out
from worker.ops.edge import ExitCode
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


def schedule_monthly(
    account: Account,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Let a yearly subscription go on by the month after its term (R13). Support only."""
    from worker.desk import interval_change as act

    carry_out(
        lambda runtime, caller: act.schedule_monthly(runtime, caller, request_id=request_id, reason=reason),
        account,
        role,
        by,
        as_json=as_json,
    )


def keep_yearly(
    account: Account,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Withdraw the move to monthly (R13)."""
    from worker.desk import interval_change as act

    carry_out(
        lambda runtime, caller: act.keep_yearly(runtime, caller, request_id=request_id, reason=reason),
        account,
        role,
        by,
        as_json=as_json,
    )


def grant_credit(  # noqa: PLR0913 - one argument per option
    account: Account,
    *,
    amount_minor: Annotated[int, typer.Option(help="Net, in minor units: 500 is 5.00.")],
    currency: Annotated[str, typer.Option(help="The account's currency, said again.")],
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Give goodwill: a discount for the next terms (R15b). Support only."""
    from worker.desk import goodwill as act

    carry_out(
        lambda runtime, caller: act.grant_credit(
            runtime, caller, amount_minor=amount_minor, currency=currency, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


def extend_term(
    account: Account,
    *,
    days: Annotated[int, typer.Option(help="How many more.")],
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Give more days for nothing; the renewal comes that much later. Support only."""
    from worker.desk import extend_term as act

    carry_out(
        lambda runtime, caller: act.extend_term(runtime, caller, days=days, request_id=request_id, reason=reason),
        account,
        role,
        by,
        as_json=as_json,
    )


def new_prices(  # noqa: PLR0913 - one argument per option
    account: Annotated[
        str | None, typer.Argument(help="The account's external id; none with --all.", metavar="[EXTERNAL_ID]")
    ] = None,
    *,
    everybody: Annotated[bool, typer.Option("--all", help="All of --package and --currency.")] = False,
    package: Annotated[Literal["standard", "pro"] | None, typer.Option(help="With --all.")] = None,
    currency: Annotated[Literal["PLN", "EUR", "USD", "CZK"] | None, typer.Option(help="With --all.")] = None,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Move to the prices of today, with notice (R3b): one subscription, or all of a package in a currency.

    With --all each subscription is a request of its own under the same id; the same command again goes on where the
    first was broken off. Support only.
    """
    from worker.desk import new_prices as act

    if account is not None and not everybody and package is None and currency is None:
        carry_out(
            lambda runtime, caller: act.move_to_new_prices(runtime, caller, request_id=request_id, reason=reason),
            account,
            role,
            by,
            as_json=as_json,
        )
        return
    if account is not None or not everybody or package is None or currency is None:
        raise typer.BadParameter("name an account, or give --all with --package and --currency")
    if role != "support" or not (reason or "").strip():
        raise typer.BadParameter("--all is support's, and needs --reason")
    _move_all(package, currency, request_id=request_id, by=by, reason=reason or "", as_json=as_json)


def _move_all(package: str, currency: str, *, request_id: str, by: str, reason: str, as_json: bool) -> None:
    from worker.billing.catalogue import Package
    from worker.billing.money import Currency
    from worker.desk import new_prices as act
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        moved = act.move_all_to_new_prices(
            runtime,
            by=by,
            package=Package(package),
            currency=Currency(currency),
            request_id=request_id,
            reason=reason,
        )
    if as_json:
        show.document({"counts": moved.counts, "refused": moved.refused})
    else:
        show.line(f"{package} in {currency}: {show.facts(moved.counts) or 'nobody has it'}")
        for name, words in moved.refused.items():
            show.line(f"{name}: {words}")
    if moved.refused:
        raise typer.Exit(ExitCode.ERROR)


def register(app: typer.Typer) -> None:
    """Put the commands of this file on the desk's app."""
    app.command("open-account")(open_account)
    app.command("method-set-up")(method_set_up)
    app.command("schedule-monthly")(schedule_monthly)
    app.command("keep-yearly")(keep_yearly)
    app.command("new-prices")(new_prices)
    app.command("grant-credit")(grant_credit)
    app.command("extend-term")(extend_term)
