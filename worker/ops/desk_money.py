"""`odnowa desk`: money that goes back or is fought over; commands beside those of `desk.py`, on the same app."""

from typing import Annotated

import typer

from worker.ops.desk import Account, As, RequestId, carry_out
from worker.ops.options import By, Json, Reason


def refund(  # noqa: PLR0913 - one argument per option
    account: Account,
    *,
    override: Annotated[
        bool, typer.Option("--override", help="Outside the rule; support only, needs --reason.")
    ] = False,
    amount: Annotated[
        int | None, typer.Option("--amount", min=1, help="So many minor units instead of everything; with --override.")
    ] = None,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Give the first payment back within the days of the rule, or with --override the newest (R14, R14b)."""
    from worker.desk import refund as refunding

    carry_out(
        lambda runtime, caller: refunding.refund(
            runtime, caller, request_id=request_id, override=override, amount_minor=amount, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


def dispute_release(
    account: Account,
    dispute: Annotated[str, typer.Argument(help="The dispute's id at the payment provider.", metavar="DISPUTE")],
    *,
    request_id: RequestId,
    role: As = "support",
    by: By,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Let an account go on after a chargeback that the bank has decided (R14c). Support only."""
    from worker.desk import disputes

    carry_out(
        lambda runtime, caller: disputes.release_dispute(
            runtime, caller, dispute, request_id=request_id, reason=reason
        ),
        account,
        role,
        by,
        as_json=as_json,
    )


def register(app: typer.Typer) -> None:
    """Add these commands to the desk's."""
    app.command("refund")(refund)
    app.command("dispute-release")(dispute_release)
