"""`odnowa desk`: what is bought and changed; commands beside those of `desk.py`, on the same app."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from worker.ops.desk import Account, As, RequestId, carry_out
from worker.ops.options import By, Json, Reason

if TYPE_CHECKING:
    from worker.runtime import Runtime

Quote = Annotated[str, typer.Argument(help="The quote's name, as it was answered.", metavar="QUOTE")]
Order = Annotated[str, typer.Argument(help="The order's name, as it was answered.", metavar="ORDER")]
ShowSecret = Annotated[
    bool, typer.Option("--show-secret", help="Print the client secret too: only for the customer's own page.")
]


def quote(  # noqa: PLR0913 - one argument per option
    account: Account,
    *,
    package: Annotated[Literal["standard", "pro"] | None, typer.Option(help="What is not named stays.")] = None,
    interval: Annotated[Literal["month", "year"] | None, typer.Option()] = None,
    agents: Annotated[int | None, typer.Option(help="So many in all.")] = None,
    extra: Annotated[
        int | None, typer.Option("--extra-conversations", help="A month, beyond the included ones.")
    ] = None,
    currency: Annotated[
        Literal["PLN", "EUR", "USD", "CZK"] | None, typer.Option(help="Another one, while nothing is live (R3).")
    ] = None,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Price a purchase or a change, as the buyer sees it before paying (R4, R12)."""
    from worker.billing.calendar import Interval
    from worker.billing.catalogue import Package
    from worker.billing.holdings import Wish
    from worker.billing.money import Currency
    from worker.desk import quote as act
    from worker.desk.request import Caller, Role
    from worker.ops import show
    from worker.ops.session import open_runtime

    wish = Wish(
        None if package is None else Package(package), None if interval is None else Interval(interval), agents, extra
    )
    with open_runtime() as runtime:
        done = act.quote(
            runtime,
            Caller(Role(role), by, account),
            wish,
            currency=None if currency is None else Currency(currency),
            request_id=request_id,
            reason=reason,
        )
        if as_json:
            show.document({"result": dict(done.result), "repeated": done.repeated})
        else:
            _print_quote(runtime, account, done.result, repeated=done.repeated)


def _print_quote(runtime: "Runtime", account: str, shown: Mapping[str, Any], *, repeated: bool) -> None:
    """The quote as people read it: what is sold, and what pays for it; the last column adds up to what is to pay."""
    from worker.ops import show

    def money(minor: int) -> str:
        return show.money(minor, shown["currency"])

    given_minor = shown["unused"]["gross_minor"]
    discount_minor = min(given_minor, shown["credit_used_minor"])
    vat = f"VAT {_percent(shown['vat']['rate'])}, {shown['vat']['treatment']}"
    sums = {
        "net": shown["net_minor"],
        vat: shown["vat_minor"],
        "gross": shown["gross_minor"],
        "discount for the unused part": -discount_minor,
        "credit used": discount_minor - shown["credit_used_minor"],
        "carried to the next charge": -shown["carried_to_next_minor"],
        "to pay": shown["to_pay_minor"],
    }
    rows = [
        (line["kind"], line["quantity"], money(line["unit_price_minor"]), money(line["net_minor"]))
        for line in shown["lines"]
    ]
    rows += [(name, "", "", money(minor)) for name, minor in sums.items()]
    of = f"{shown['package']} by {shown['interval']}, {shown['agents']} agents"
    of += f", {shown['extra_conversations']} extra conversations" if shown["extra_conversations"] else ""
    show.table(("", "quantity", "unit price", "sum"), rows, title=f"Quote for {account}")
    more = {
        shown["purpose"]: of,
        "period": f"{shown['period']['starts_on']} to {shown['period']['ends_on']}",
        "unused part": f"{money(given_minor)} of the present term is given back",
        "credit left": f"{money(shown['credit_left_minor'])} afterwards",
        "takes effect": "when it is paid" if shown["takes_effect"] == "on_payment" else "at once",
        "renewal": "on afterwards" if shown["renewal_on"] else "off afterwards",
        "valid until": show.instant(datetime.fromisoformat(shown["valid_until"]), runtime.clock.zone),
        "quote": f"{shown['quote']}{' (made before, by the same request)' if repeated else ''}",
    }
    for name, said in more.items():
        show.line(f"{name:<14}{said}")


def _percent(rate: str) -> str:
    """A rate such as 21/100 as people read it, exact to two digits: `21 %`, `5.5 %`."""
    from fractions import Fraction

    hundredths = round(Fraction(rate) * 10_000)
    whole, part = divmod(hundredths, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".") + " %"


def order(  # noqa: PLR0913 - one argument per option
    account: Account,
    name: Quote,
    *,
    pay: Annotated[
        Literal["saved", "page"], typer.Option(help="With the saved method, or by the customer on the payment page.")
    ] = "saved",
    show_secret: ShowSecret = False,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Confirm a quote and pay it; the same again says how the order stands then (R4, R6)."""
    from worker.billing.states import Payer
    from worker.desk import order as act
    from worker.desk.request import Done

    payer = Payer.SAVED_METHOD if pay == "saved" else Payer.PAGE

    def do(runtime: "Runtime", caller: Any) -> Done:
        done = act.order(runtime, caller, name, payer=payer, request_id=request_id, reason=reason)
        return Done(_but_for_secret(done.result, show_secret=show_secret), repeated=done.repeated)

    carry_out(do, account, role, by, as_json=as_json)


def order_show(
    account: Account,
    name: Order,
    *,
    show_secret: ShowSecret = False,
    role: As = "support",
    by: By,
    as_json: Json = False,
) -> None:
    """Show how an order stands now; changes nothing."""
    from worker.desk.order_state import show_order
    from worker.desk.request import Caller, Role
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        stands = _but_for_secret(show_order(runtime, Caller(Role(role), by, account), name), show_secret=show_secret)
    if as_json:
        show.document(stands)
    else:
        show.line(f"{account}: {show.facts(stands)}")


def order_cancel(
    account: Account,
    name: Order,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Give up an order that is not paid; it is cancelled at the provider (R4)."""
    from worker.desk import order as act

    carry_out(
        lambda runtime, caller: act.cancel_order(runtime, caller, name, request_id=request_id, reason=reason),
        account,
        role,
        by,
        as_json=as_json,
    )


def _but_for_secret(stands: Mapping[str, Any], *, show_secret: bool) -> dict[str, Any]:
    """Whoever has the client secret can pay, and see the payment: it is no part of a terminal's history unasked."""
    return {key: value for key, value in stands.items() if show_secret or key != "client_secret"}


def register(app: typer.Typer) -> None:
    """Put the commands of this file on the desk's app."""
    app.command("quote")(quote)
    app.command("order")(order)
    app.command("order-show")(order_show)
    app.command("order-cancel")(order_cancel)
