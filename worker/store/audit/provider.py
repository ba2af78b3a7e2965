"""What must hold between our books and the provider's, and what of ours a page of its lists is held against.

Each question is one statement for a whole page, and finds rows by the provider's ids and by the marks that we put on
what we send. What the answers mean is decided in `worker/charging/comparing.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.store.audit.invariant import MustHold

RULES: Mapping[str, MustHold] = {
    one.name: one
    for one in (
        MustHold(
            "charged_twice",
            "a second payment of the same charge, order or term succeeded at the provider",
            "A customer paid twice, and our books carry one of the two.",
        ),
        MustHold(
            "refunded_twice",
            "R14b a payout went back more than once",
            "A customer got the same money twice.",
        ),
        MustHold(
            "unknown_here",
            "the provider has a payment, refund or dispute of ours that our books do not carry",
            "Money moved that was never booked: a customer paid for nothing, or got back what we still count.",
        ),
        MustHold(
            "unknown_there",
            "our books carry a payment, payout or dispute that the provider does not know",
            "Something was sold or promised for money that never moved, or the key is of another account there.",
        ),
        MustHold(
            "amount_differs",
            "our books and the provider say another sum or currency",
            "An invoice, a credit note or a loss is of another sum than the money that moved.",
        ),
        MustHold(
            "state_differs",
            "our books and the provider say another outcome",
            "A customer paid and is not served, or is served and did not pay, or waits for money that has gone.",
        ),
        MustHold(
            "not_compared",
            "so much of ours is missing in the provider's lists that not all of it was read",
            "Nobody knows whether the rest exists. Most likely the key belongs to another account of the provider.",
        ),
    )
}
"""All by name, in the order in which they are told."""

_KNOWN_CHARGES = text("""
    SELECT v.place, c.id, c.account_id, a.external_id, c.subscription_id, c.state, c.provider_intent, c.amount_minor,
           c.currency, c.paid_at, c.business_date, c.ends_on, c.check_after, c.parked_at, c.found_by,
           EXISTS (SELECT 1 FROM payouts p WHERE p.provider_intent = v.intent) AS given_back
    FROM jsonb_to_recordset(:page) AS v (place integer, intent text, mark uuid, account text, term integer)
    JOIN LATERAL (
        SELECT c.*, 1 AS rank, 'intent' AS found_by FROM charges c WHERE c.provider_intent = v.intent
        UNION ALL
        SELECT c.*, 2, 'mark' FROM charges c WHERE c.uid = v.mark
        UNION ALL
        SELECT c.*, 3, 'term' FROM accounts o JOIN charges c ON c.account_id = o.id
        WHERE o.external_id = v.account AND c.term_number = v.term AND c.buys_term AND c.state = 'succeeded'
          AND c.returned_at IS NULL
        ORDER BY rank LIMIT 1
    ) c ON true
    JOIN accounts a ON a.id = c.account_id
""").bindparams(bindparam("page", type_=JSONB))


def known_charges(connection: Connection, page: Sequence[Mapping[str, object]]) -> dict[int, Row[Any]]:
    """By its place in the page, the charge that each of the provider's belongs to.

    It is the one that carries the PaymentIntent, else the one that the mark names, else the paid one of the account's
    term; `found_by` tells which. `given_back` says that a payout gives exactly this PaymentIntent back.

    Args:
        connection: any.
        page: place, intent, mark, account and term of each; None for what it does not bear.
    """
    return {row.place: row for row in connection.execute(_KNOWN_CHARGES, {"page": list(page)})}


_KNOWN_PAYOUTS = text("""
    SELECT v.place, p.id, c.account_id, a.external_id, c.subscription_id, p.state, p.provider_refund, p.amount_minor,
           p.currency, p.paid_at, p.check_after, p.parked_at, c.id AS charge_id
    FROM jsonb_to_recordset(:page) AS v (place integer, refund text, mark uuid, intent text)
    LEFT JOIN LATERAL (
        SELECT p.*, 1 AS rank FROM payouts p WHERE p.provider_refund = v.refund
        UNION ALL
        SELECT p.*, 2 FROM payouts p WHERE p.uid = v.mark
        ORDER BY rank LIMIT 1
    ) p ON true
    JOIN charges c ON c.id = coalesce(p.charge_id, (SELECT i.id FROM charges i WHERE i.provider_intent = v.intent))
    JOIN accounts a ON a.id = c.account_id
""").bindparams(bindparam("page", type_=JSONB))


def known_payouts(connection: Connection, page: Sequence[Mapping[str, object]]) -> dict[int, Row[Any]]:
    """By its place in the page, the payout that each of the provider's refunds belongs to.

    Where there is no payout, `id` is None and the rest tells of the charge whose PaymentIntent was given back.

    Args:
        connection: any.
        page: place, refund, mark and intent of each.
    """
    return {row.place: row for row in connection.execute(_KNOWN_PAYOUTS, {"page": list(page)})}


_KNOWN_DISPUTES = text("""
    SELECT v.place, d.id, c.account_id, a.external_id, c.subscription_id, d.status, d.amount_minor, d.currency,
           c.id AS charge_id
    FROM jsonb_to_recordset(:page) AS v (place integer, dispute text, intent text)
    LEFT JOIN disputes d ON d.provider_dispute = v.dispute
    JOIN charges c ON c.id = coalesce(d.charge_id, (SELECT i.id FROM charges i WHERE i.provider_intent = v.intent))
    JOIN accounts a ON a.id = c.account_id
""").bindparams(bindparam("page", type_=JSONB))


def known_disputes(connection: Connection, page: Sequence[Mapping[str, object]]) -> dict[int, Row[Any]]:
    """By its place in the page, our row of each dispute; `id` is None where only the charge is known.

    Args:
        connection: any.
        page: place, dispute and intent of each.
    """
    return {row.place: row for row in connection.execute(_KNOWN_DISPUTES, {"page": list(page)})}


_PAID = text("""
    SELECT c.id, a.external_id, c.subscription_id, c.provider_intent AS name, c.amount_minor, c.currency
    FROM charges c JOIN accounts a ON a.id = c.account_id
    WHERE c.state = 'succeeded' AND c.amount_minor > 0 AND c.paid_at >= :since AND c.paid_at < :until AND c.id > :after
    ORDER BY c.id LIMIT :most
""")
_PAID_OUT = text("""
    SELECT p.id, a.external_id, c.subscription_id, p.provider_refund AS name, p.amount_minor, p.currency, p.state
    FROM payouts p JOIN charges c ON c.id = p.charge_id JOIN accounts a ON a.id = c.account_id
    WHERE p.state IN ('pending', 'succeeded') AND coalesce(p.paid_at, p.sent_at) >= :since
      AND coalesce(p.paid_at, p.sent_at) < :until AND p.id > :after
    ORDER BY p.id LIMIT :most
""")
_DISPUTED = text("""
    SELECT d.id, a.external_id, c.subscription_id, d.provider_dispute AS name, d.amount_minor, d.currency, d.status
    FROM disputes d JOIN charges c ON c.id = d.charge_id JOIN accounts a ON a.id = d.account_id
    WHERE d.opened_at < :until AND (d.opened_at >= :since OR d.closed_at >= :since OR d.status = 'open')
      AND d.id > :after
    ORDER BY d.id LIMIT :most
""")


def paid_between(connection: Connection, since: datetime, until: datetime, *, after: int, most: int) -> list[Row[Any]]:
    """Charges that were booked as paid then; `name` is the PaymentIntent."""
    return _page(connection, _PAID, since, until, after=after, most=most)


def paid_out_between(
    connection: Connection, since: datetime, until: datetime, *, after: int, most: int
) -> list[Row[Any]]:
    """Payouts that were booked as paid, or as on their way, then; `name` is the provider's refund."""
    return _page(connection, _PAID_OUT, since, until, after=after, most=most)


def disputed_between(
    connection: Connection, since: datetime, until: datetime, *, after: int, most: int
) -> list[Row[Any]]:
    """Disputes that were opened or closed then, and all that stand open; `name` is the provider's id.

    The provider tells the end of a dispute by an event alone, so one whose event was lost would stay open for ever.
    """
    return _page(connection, _DISPUTED, since, until, after=after, most=most)


def _page(
    connection: Connection, asked: Any, since: datetime, until: datetime, *, after: int, most: int
) -> list[Row[Any]]:
    values = {"since": since, "until": until, "after": after, "most": most}
    return list(connection.execute(asked, values))


def mark_of(told: str | None) -> UUID | None:
    """The row that a mark names, None for what is no mark of ours."""
    try:
        return None if told is None else UUID(told)
    except ValueError:
        return None
