"""`odnowa desk`: what customers and support may do to an account, by hand; the same functions that a product calls."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from worker.ops.options import By, Json, Reason

if TYPE_CHECKING:
    from worker.desk.request import Caller, Done
    from worker.runtime import Runtime

app = typer.Typer(help="What customers and support may do to an account.", rich_markup_mode=None)

Account = Annotated[str, typer.Argument(help="The account's external id.", metavar="EXTERNAL_ID")]
Method = Annotated[str, typer.Argument(help="The method's id at the payment provider, pm_...", metavar="METHOD")]
As = Annotated[Literal["customer", "support"], typer.Option("--as", help="In whose right this is done.")]
RequestId = Annotated[
    str, typer.Option("--request-id", help="Your name for this request: the same again gives the same result.")
]


def _act(do: "Callable[[Runtime, Caller], Done]", account: str, role: str, by: str, *, as_json: bool) -> None:
    """Do an act and show its result."""
    from worker.desk.request import Caller, Role
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        done = do(runtime, Caller(Role(role), by, account))
    if as_json:
        show.document({"result": dict(done.result), "repeated": done.repeated})
        return
    again = " (done before, by the same request)" if done.repeated else ""
    show.line(f"{account}: {show.facts(done.result)}{again}")


carry_out = _act
"""The same, for the commands of the other files."""


@app.command("renewal-on")
def renewal_on(
    account: Account,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Switch automatic renewal on (R9b)."""
    from worker.desk import renewal

    _act(
        lambda runtime, caller: renewal.renewal_on(runtime, caller, request_id=request_id, reason=reason),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("renewal-off")
def renewal_off(
    account: Account,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Switch automatic renewal off, until its confirmation begins (R7)."""
    from worker.desk import renewal

    _act(
        lambda runtime, caller: renewal.renewal_off(runtime, caller, request_id=request_id, reason=reason),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("method-attach")
def method_attach(  # noqa: PLR0913 - one argument per option
    account: Account,
    method: Method,
    *,
    use: Annotated[bool, typer.Option(help="Put it to use at once.")] = True,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Save a payment method that the provider holds (R5)."""
    from worker.desk import payment_methods

    _act(
        lambda runtime, caller: payment_methods.attach_method(
            runtime, caller, method, use=use, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("method-use")
def method_use(
    account: Account,
    method: Method,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Make a saved method the one in use; a declined renewal is tried with it at once (R8b)."""
    from worker.desk import payment_methods

    _act(
        lambda runtime, caller: payment_methods.use_method(
            runtime, caller, method, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("method-remove")
def method_remove(
    account: Account,
    method: Method,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Remove a saved method, here and at the provider."""
    from worker.desk import payment_methods

    _act(
        lambda runtime, caller: payment_methods.remove_method(
            runtime, caller, method, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("billing-details")
def billing_details(  # noqa: PLR0913 - one argument per field
    account: Account,
    *,
    company: Annotated[str, typer.Option(help="Name on the invoice.")],
    street: Annotated[str, typer.Option()],
    city: Annotated[str, typer.Option()],
    postcode: Annotated[str, typer.Option()],
    country: Annotated[str, typer.Option(help="Two capital letters, such as PL.")],
    email: Annotated[str, typer.Option(help="Where invoices and other mails go.")],
    vat_number: Annotated[str, typer.Option(help="With its country, such as PL1234567890; empty if none.")] = "",
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Put new billing details in force; the old ones are kept (R16)."""
    from worker.desk import billing_details as act

    details = act.BillingDetails(company, street, city, postcode, country, email, vat_number)
    _act(
        lambda runtime, caller: act.change_billing_details(
            runtime, caller, details, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("invoice-note")
def invoice_note(  # noqa: PLR0913 - one argument per option
    account: Account,
    *,
    note: Annotated[str, typer.Option(help="Up to 500 characters; empty takes the note back.")],
    invoice: Annotated[str | None, typer.Option(help="An issued invoice's number; all future ones if absent.")] = None,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Keep the customer's note for an invoice (R17)."""
    from worker.desk import invoice_note as act

    _act(
        lambda runtime, caller: act.write_invoice_note(
            runtime, caller, note=note, invoice_number=invoice, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("to-free")
def to_free(
    account: Account,
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """End the subscription at once; credit is kept (R11). Support only."""
    from worker.desk import to_free as act

    _act(
        lambda runtime, caller: act.to_free(runtime, caller, request_id=request_id, reason=reason),
        account,
        role,
        by,
        as_json=as_json,
    )


@app.command("my-package")
def my_package(account: Account, *, role: As = "support", by: By, as_json: Json = False) -> None:
    """Show what the customer's account page shows: package, term, next charge, notices."""
    from worker.desk import my_package as act
    from worker.desk.request import Caller, Role
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        shown: dict[str, Any] = act.my_package(runtime, Caller(Role(role), by, account))
    if as_json:
        show.document(shown)
        return
    shown["scheduled"] = "; ".join(f"{change['kind']} on {change['comes_on']}" for change in shown["scheduled"])
    lines = [(name, show.facts(value) if isinstance(value, dict) else value) for name, value in shown.items()]
    notices = "; ".join(notice["text"] for notice in shown["notices"]) or "none"
    show.table(("", ""), [*lines[:-1], ("notices", notices)], title=f"Account {account}")
