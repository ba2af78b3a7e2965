"""`odnowa account`: one customer as it stands now."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from worker.ops.options import By, Json, NeedsReason


class ShownByDefault(TyperGroup):
    """`odnowa account NAME` shows; what else can be done has a name of its own."""

    default = "show"

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # typer's own click
        """Take whatever is no command for the name of an account."""
        known = {*self.commands, "--help"}
        return super().parse_args(ctx, args if args[:1] and args[0] in known else [self.default, *args])


app = typer.Typer(
    cls=ShownByDefault,
    help="Show a customer: `odnowa account EXTERNAL_ID`; or erase personal data. One called `erase`: `account show`.",
    rich_markup_mode=None,
)
ExternalId = Annotated[str, typer.Argument(help="The account's external id.", metavar="EXTERNAL_ID")]


@app.command("show")
def account(external_id: ExternalId, *, as_json: Json = False) -> None:
    """Show an account as it stands.

    Details, package, term, payment method, credit, and what the chat product reads (R21).
    """
    from worker import boundary
    from worker.errors import RefusedError
    from worker.ops import show
    from worker.ops.session import open_store
    from worker.store import story

    with open_store() as store, boundary.transaction(store.engine, "ops.account") as connection:
        row = story.account(connection, external_id)
        if row is None:
            raise RefusedError(f"no account is called {external_id}")
        credit = story.credit(connection, row.id)
        read = story.entitlement(connection, external_id)
        entitlement = {} if read is None else dict(read._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    if as_json:
        show.document({**row._mapping, "credit": credit, "entitlement": entitlement})  # noqa: SLF001 - as above
        return
    show.table(("", ""), _lines(row, credit, entitlement), title=f"Account {external_id}")


@app.command("erase")
def erase(
    external_id: ExternalId,
    *,
    forfeit_credit: Annotated[
        bool, typer.Option("--forfeit-credit", help="Give up credit and goodwill that are left.")
    ] = False,
    request_id: Annotated[str, typer.Option("--request-id", help="Your name for this request.")] = "erasure",
    reason: NeedsReason,
    by: By,
    as_json: Json = False,
) -> None:
    """Erase the personal data of a customer, here and at the provider; documents are kept as the law wants.

    Cannot be undone. Refused while anything is live, open or unpaid. Twice is harmless, and goes on where the first was
    broken off. The reason is kept: it must name nobody.
    """
    from worker.desk import erase as act
    from worker.desk.request import Caller, Role
    from worker.ops import show
    from worker.ops.session import open_runtime

    with open_runtime() as runtime:
        caller = Caller(Role.SUPPORT, by, external_id)
        done = act.erase(runtime, caller, forfeit_credit=forfeit_credit, request_id=request_id, reason=reason)
    if as_json:
        show.document({"result": dict(done.result), "repeated": done.repeated})
        return
    again = " (done before, by the same request)" if done.repeated else ""
    show.line(f"{external_id}: {show.facts(done.result)}{again}")


def _lines(row: Any, credit: dict[str, int], entitlement: dict[str, Any]) -> list[tuple[str, str]]:
    from worker.ops import show

    address = ", ".join(part for part in (row.street, row.postcode, row.city, row.country) if part)
    lines = [
        ("company", row.company or ""),
        ("address", address),
        ("e-mail, language", f"{row.email}, {row.locale}"),
        ("VAT number", _vat_number(row)),
        ("currency", row.currency),
        ("customer at the provider", row.provider_customer or "none"),
        ("method", method_in_words(row)),
        ("credit", ", ".join(show.money(minor, currency) for currency, minor in credit.items()) or "none"),
    ]
    if row.subscription_id is None:
        lines.append(("subscription", "none"))
    else:
        lines += _of_subscription(row)
    return [*lines, ("entitlement", show.facts(entitlement))]


def _vat_number(row: Any) -> str:
    if row.vat_number is None:
        return "none"
    return f"{row.vat_number}, {row.vat_state} in VIES" if row.vat_state else str(row.vat_number)


def _of_subscription(row: Any) -> list[tuple[str, str]]:
    from worker.ops import show

    renews = "renews" if row.auto_renew else "does not renew"
    paid = show.money(row.paid_minor, row.bought_in)
    lots = " and ".join(f"{quantity} at {show.money(price, row.bought_in)}" for quantity, price in row.agent_lots)
    bought = f"{row.package} by the {row.interval}, {row.agents} agents ({lots})"
    return [
        ("subscription", f"{row.subscription_id}, {row.status}, {renews}, anchor {row.anchor_on}"),
        ("package", f"{bought}, {row.extra_conversations} extra conversations"),
        ("term", f"{row.term_number}: {row.starts_on} to {row.ends_on}, paid {paid}"),
    ]


def method_in_words(row: Any) -> str:
    """The method in use, as far as anybody may know it (R5b)."""
    if row.method_type is None:
        return "none"
    if row.method_type != "card":
        return str(row.method_type)
    expiry = "" if row.exp_year is None else f", until {row.exp_month:02}/{row.exp_year}"
    return f"{row.brand} ending in {row.last4 or '????'}{expiry}"
