"""Money back: refunds with their payouts, what they reverse, and the credit that they cancel or restore."""

from datetime import date

from sqlalchemy import Connection, text

_ADD_REFUND = text("""
    INSERT INTO refunds (account_id, subscription_id, kind, overridden, reason, currency, total_minor, requested_on)
    VALUES (:account, :subscription, :kind, :overridden, :reason, :currency, :total, :today)
    RETURNING id
""")

_ADD_PAYOUT = text("""
    INSERT INTO payouts (refund_id, charge_id, currency, amount_minor)
    VALUES (:refund, :charge, :currency, :amount)
    RETURNING id
""")


def plan_order_return(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    *,
    charge_id: int,
    account_id: int,
    subscription_id: int,
    currency: str,
    amount_minor: int,
    today: date,
    because: str,
) -> list[int]:
    """Plan to give back the whole sum, in minor units, of a paid order that cannot be carried out any more (R4).

    Part of the transaction that marks the charge as returned. Returns the payouts, for the items that the job
    `pay_refunds` is rung with; none when credit had covered the order, since nothing was collected.
    """
    if amount_minor == 0:
        return []
    values = {
        "account": account_id,
        "subscription": subscription_id,
        "kind": "order",
        "overridden": False,
        "reason": because,
        "currency": currency,
        "total": amount_minor,
        "today": today,
    }
    refund: int = connection.execute(_ADD_REFUND, values).scalar_one()
    payout = {"refund": refund, "charge": charge_id, "currency": currency, "amount": amount_minor}
    return [connection.execute(_ADD_PAYOUT, payout).scalar_one()]
