"""Builders of rows about money that goes back: refunds with a payout, and disputes."""

from typing import Any

from sqlalchemy import Engine

from tests.support.builders import NOON, Subscriber, insert


def payout(engine: Engine, of: Subscriber, charge_id: int, *, amount_minor: int = 5700, **columns: Any) -> int:
    """A refund in full of one charge, with its payout; planned unless told otherwise."""
    refund = insert(
        engine,
        "refunds",
        account_id=of.account_id,
        subscription_id=of.subscription_id,
        kind="full",
        overridden=True,
        reason="built by a test",
        currency=of.currency,
        total_minor=amount_minor,
        requested_on=NOON.date(),
    )
    if "parked_reason" in columns:
        columns = {"parked_at": NOON, **columns}
    values = {"refund_id": refund, "charge_id": charge_id, "currency": of.currency, "amount_minor": amount_minor}
    return insert(engine, "payouts", **(values | columns))


def dispute(engine: Engine, of: Subscriber, charge_id: int, *, status: str = "open", **columns: Any) -> int:
    """A chargeback of a charge."""
    values: dict[str, Any] = {
        "account_id": of.account_id,
        "charge_id": charge_id,
        "provider_dispute": f"du_{charge_id}",
        "currency": of.currency,
        "amount_minor": of.list_minor,
        "reason": "fraudulent",
        "status": status,
        "opened_at": NOON,
        "closed_at": None if status == "open" else NOON,
    }
    return insert(engine, "disputes", **(values | columns))
