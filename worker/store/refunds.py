"""Money back: refunds with their payouts, what they reverse, and the credit that they cancel or restore."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.store.sales import IN_FORCE, SALE

_PAID = "c.subscription_id = :subscription AND c.state = 'succeeded' AND c.returned_at IS NULL"
"""SQL: the charge `c` of the subscription was paid and has its effect."""

_FIRST_PAYMENT = text(f"""
    SELECT c.id, c.paid_on,
           EXISTS (SELECT 1 FROM charges o WHERE o.subscription_id = c.subscription_id AND o.state = 'succeeded'
                   AND o.returned_at IS NULL AND o.purpose IN ('purchase', 'renewal') AND o.id <> c.id) AS followed
    FROM charges c JOIN subscriptions s ON s.id = c.subscription_id
    WHERE {_PAID} AND c.purpose = 'purchase'
      AND NOT EXISTS (SELECT 1 FROM terms t WHERE t.subscription_id = s.id AND t.origin = 'import')
      AND NOT EXISTS (SELECT 1 FROM terms t JOIN subscriptions e ON e.id = t.subscription_id
                      WHERE e.account_id = s.account_id AND e.id < s.id)
    ORDER BY c.id LIMIT 1
""")  # noqa: S608 - no value is put into the text


def first_payment(connection: Connection, subscription: int) -> Row[Any] | None:
    """The purchase that was the first payment of the account (R14b), None when that was another one or imported.

    `followed` says whether a later term was bought by a renewal or a purchase.
    """
    return connection.execute(_FIRST_PAYMENT, {"subscription": subscription}).one_or_none()


_ORDERS_SINCE = text(f"""
    SELECT c.id FROM charges c WHERE {_PAID} AND c.purpose <> 'renewal' AND c.id >= :charge ORDER BY c.id
""")  # noqa: S608 - no value is put into the text
_NEWEST_TERM = text(f"""
    SELECT c.id FROM charges c,
        (SELECT max(c.id) AS id FROM charges c WHERE {_PAID} AND c.buys_term) newest
    WHERE {_PAID} AND (c.id = newest.id OR c.id > newest.id AND c.purpose = 'change') ORDER BY c.id
""")  # noqa: S608 - no value is put into the text


def orders_since(connection: Connection, subscription: int, charge: int) -> list[int]:
    """That purchase and all paid orders of the subscription since, oldest first."""
    return list(connection.execute(_ORDERS_SINCE, {"subscription": subscription, "charge": charge}).scalars())


def newest_term(connection: Connection, subscription: int) -> list[int]:
    """The charge that bought the newest term, a renewal too, and the changes since; none when nothing was charged."""
    return list(connection.execute(_NEWEST_TERM, {"subscription": subscription}).scalars())


_TO_REFUND = text(f"""
    SELECT c.id, c.currency, c.amount_minor, c.credit_used_minor, c.unused_minor, c.starts_on, c.ends_on, {SALE},
           coalesce((SELECT sum(e.amount_minor) FROM credit_entries e JOIN corrections o ON o.id = e.correction_id
                     WHERE o.charge_id = c.id), 0)::bigint AS corrected_minor,
           least(c.amount_minor,
                 coalesce((SELECT sum(p.amount_minor) FROM payouts p
                           WHERE p.charge_id = c.id AND p.provider_intent IS NULL), 0)
                 + coalesce((SELECT sum(d.amount_minor) FROM disputes d
                             WHERE d.charge_id = c.id AND d.status = 'lost'), 0))::bigint AS paid_out_minor
    FROM charges c {IN_FORCE} WHERE c.id = ANY(:ids) ORDER BY c.id FOR UPDATE OF c
""")  # noqa: S608 - no value is put into the text


def to_refund(connection: Connection, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Lock these charges and read what was paid, paid out and reversed of each, oldest first.

    What the bank took back by a lost dispute is paid out as well. Sums, lines and VAT are those of the invoice in
    force; `corrected_minor` is the credit that its corrections gave.
    A payout counts whatever became of it: one that could not be paid is parked, and still promised. One that gives back
    what was charged twice is no money of this charge.
    """
    return connection.execute(_TO_REFUND, {"ids": list(ids)}).all()


_CREDIT_OUTSIDE = text("""
    SELECT coalesce(sum(amount_minor), 0)::bigint FROM credit_entries
    WHERE account_id = :account AND currency = :currency AND (charge_id IS NULL OR NOT charge_id = ANY(:ids))
      AND (correction_id IS NULL OR correction_id NOT IN (SELECT id FROM corrections WHERE charge_id = ANY(:ids)))
""")
_FULL = text("SELECT 1 FROM refunds WHERE account_id = :account AND kind = 'full' LIMIT 1")


def credit_outside(connection: Connection, account: int, currency: str, ids: Sequence[int]) -> int:
    """The account's credit but for what these charges gave and took, in minor units.

    Negative when more of theirs was spent elsewhere than there was of other credit.
    """
    values = {"account": account, "currency": currency, "ids": list(ids)}
    return int(connection.execute(_CREDIT_OUTSIDE, values).scalar_one())


def had_full_refund(connection: Connection, account: int) -> bool:
    """Whether the account has had all its money back once."""
    return connection.execute(_FULL, {"account": account}).first() is not None


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


def add_refund(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    *,
    account_id: int,
    subscription_id: int,
    kind: str,
    overridden: bool,
    reason: str | None,
    currency: str,
    total_minor: int,
    today: date,
) -> int:
    """Keep a refund of so many minor units; returns its number."""
    values = {
        "account": account_id,
        "subscription": subscription_id,
        "kind": kind,
        "overridden": overridden,
        "reason": reason,
        "currency": currency,
        "total": total_minor,
        "today": today,
    }
    return int(connection.execute(_ADD_REFUND, values).scalar_one())


def add_payouts(connection: Connection, refund: int, parts: Sequence[tuple[int, int]], *, currency: str) -> list[int]:
    """Plan what goes back on each charge, as (charge, minor units); parts of nothing are left out."""
    return [
        int(
            connection.execute(
                _ADD_PAYOUT, {"refund": refund, "charge": charge, "currency": currency, "amount": amount_minor}
            ).scalar_one()
        )
        for charge, amount_minor in parts
        if amount_minor
    ]


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
    refund = add_refund(
        connection,
        account_id=account_id,
        subscription_id=subscription_id,
        kind="order",
        overridden=False,
        reason=because,
        currency=currency,
        total_minor=amount_minor,
        today=today,
    )
    return add_payouts(connection, refund, [(charge_id, amount_minor)], currency=currency)


_LOCK_CHARGED_TWICE = text("""
    SELECT c.id, c.account_id, c.subscription_id, b.company
    FROM charges c JOIN accounts a ON a.id = c.account_id
    LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    WHERE c.id = :charge AND c.state = 'succeeded' AND c.provider_intent <> :duplicate
      AND NOT EXISTS (SELECT 1 FROM charges o WHERE o.provider_intent = :duplicate)
    FOR NO KEY UPDATE OF a
""")
_GIVEN_BACK = text("SELECT 1 FROM payouts WHERE provider_intent = :duplicate")
_ADD_DUPLICATE = text("""
    INSERT INTO payouts (refund_id, charge_id, currency, amount_minor, provider_intent)
    VALUES (:refund, :charge, :currency, :amount, :intent) RETURNING id
""")


def lock_charged_twice(connection: Connection, charge: int, *, duplicate: str) -> Row[Any] | None:
    """The paid charge beside which that PaymentIntent was paid too, its account locked.

    None when our books carry the PaymentIntent, or a payout gives it back already.
    """
    row = connection.execute(_LOCK_CHARGED_TWICE, {"charge": charge, "duplicate": duplicate}).one_or_none()
    # asked under the lock: who waited for it sees what was planned meanwhile
    given_back = connection.execute(_GIVEN_BACK, {"duplicate": duplicate}).first() is not None
    return None if given_back else row


def plan_duplicate(
    connection: Connection,
    row: Row[Any],
    *,
    intent: str,
    currency: str,
    amount_minor: int,
    reason: str,
    today: date,
) -> tuple[int, int]:
    """Plan to give back so many minor units of a PaymentIntent that our books do not carry; the refund and its payout.

    `row` is what `lock_charged_twice` gave. Nothing is reversed: what was charged twice was invoiced once.
    """
    refund = add_refund(
        connection,
        account_id=row.account_id,
        subscription_id=row.subscription_id,
        kind="duplicate",
        overridden=False,
        reason=reason,
        currency=currency,
        total_minor=amount_minor,
        today=today,
    )
    values = {"refund": refund, "charge": row.id, "currency": currency, "amount": amount_minor, "intent": intent}
    return refund, int(connection.execute(_ADD_DUPLICATE, values).scalar_one())


_ADD_REVERSAL = text("""
    INSERT INTO reversals (account_id, subscription_id, charge_id, refund_id, correction_id, of_correction_id, currency,
                           net_minor, vat_minor, gross_minor, frozen, reversed_on, made_at)
    SELECT c.account_id, c.subscription_id, c.id, :refund, :correction, :of_correction, c.currency,
           cast(:net AS bigint), cast(:vat AS bigint), cast(:net AS bigint) + cast(:vat AS bigint), :frozen, :today,
           :now
    FROM charges c WHERE c.id = :charge
""").bindparams(bindparam("frozen", type_=JSONB))


def add_reversal(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    *,
    charge: int,
    of_correction: int | None,
    net_minor: int,
    vat_minor: int,
    frozen: Mapping[str, object],
    today: date,
    now: datetime,
    refund: int | None = None,
    correction: int | None = None,
) -> None:
    """Keep what of a charge's invoice the refund or the correction takes back, for its credit note.

    `of_correction` is the one whose invoice is in force, None while that is the first one.
    """
    values = {
        "refund": refund,
        "correction": correction,
        "of_correction": of_correction,
        "charge": charge,
        "net": net_minor,
        "vat": vat_minor,
        "frozen": dict(frozen),
        "today": today,
        "now": now,
    }
    connection.execute(_ADD_REVERSAL, values)


_ADD_CREDIT = text("""
    INSERT INTO credit_entries (account_id, currency, amount_minor, kind, refund_id)
    VALUES (:account, :currency, :amount, 'refund', :refund)
""")
_CANCEL_CARRIED = text("""
    UPDATE carried_sums SET refund_id = :refund
    WHERE from_charge_id = ANY(:ids) AND into_charge_id IS NULL AND refund_id IS NULL
""")


def change_credit(connection: Connection, refund: int, account: int, *, currency: str, by_minor: int) -> None:
    """Cancel credit that came from the refunded charges, or give back what they took of other credit."""
    if by_minor:
        values = {"account": account, "currency": currency, "amount": by_minor, "refund": refund}
        connection.execute(_ADD_CREDIT, values)


def cancel_carried(connection: Connection, refund: int, ids: Sequence[int]) -> None:
    """Sums that the refunded charges carried to the next one, and that still wait, were never paid (R7b)."""
    connection.execute(_CANCEL_CARRIED, {"refund": refund, "ids": list(ids)})
