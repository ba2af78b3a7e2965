"""Corrections of invoices: what is corrected, what replaces it, and the papers that are still to be issued (R16)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.store.sales import IN_FORCE, SALE
from worker.store.vat_numbers import EVIDENCE, EVIDENCE_JOIN

_TO_CORRECT = text(f"""
    SELECT i.id, i.kind, i.number, i.snapshot, i.correction_id, i.charge_id, c.subscription_id, c.currency,
           c.amount_minor, c.frozen AS sold, c.starts_on, c.ends_on, c.parked_at, {SALE},
           b.company, b.street, b.city, b.postcode, b.country, b.vat_number, {EVIDENCE},
           (SELECT n.number FROM invoices n WHERE n.correction_id = k.id) AS in_force_number,
           EXISTS (SELECT 1 FROM charges o WHERE o.account_id = a.id AND o.purpose <> 'renewal'
                   AND o.state NOT IN ('succeeded', 'failed', 'cancelled')) AS ordering,
           (coalesce((SELECT sum(p.amount_minor) FROM payouts p
                      WHERE p.charge_id = c.id AND p.provider_intent IS NULL), 0)
            + coalesce((SELECT sum(d.amount_minor) FROM disputes d
                        WHERE d.charge_id = c.id AND d.status = 'lost'), 0))::bigint AS paid_out_minor
    FROM invoices i
    JOIN accounts a ON a.id = i.account_id
    JOIN charges c ON c.id = i.charge_id {IN_FORCE}
    LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    {EVIDENCE_JOIN}
    WHERE i.account_id = :account AND i.number = :number FOR UPDATE OF c
""")  # noqa: S608 - no value is put into the text


def to_correct(connection: Connection, account: int, number: str) -> Row[Any] | None:
    """A document of the account, its charge, which is locked, and the billing details and evidence of today.

    `in_force_id` is the newest correction of the charge and `in_force_number` its invoice, None before that is issued;
    `correction_id` is the one that issued this document.
    """
    return connection.execute(_TO_CORRECT, {"account": account, "number": number}).one_or_none()


_ADD = text("""
    INSERT INTO corrections (account_id, charge_id, of_correction_id, refund_id, currency, net_minor, vat_minor,
                             gross_minor, to_credit_minor, to_refund_minor, frozen, corrected_on, made_at)
    SELECT c.account_id, c.id, :of_correction, :refund, c.currency, cast(:net AS bigint), cast(:vat AS bigint),
           cast(:net AS bigint) + cast(:vat AS bigint), :to_credit, :to_refund, :frozen, :today, :now
    FROM charges c WHERE c.id = :charge
    RETURNING id
""").bindparams(bindparam("frozen", type_=JSONB))
_GIVE_CREDIT = text("""
    INSERT INTO credit_entries (account_id, currency, amount_minor, kind, correction_id)
    SELECT account_id, currency, to_credit_minor, 'corrected', id FROM corrections
    WHERE id = :correction AND to_credit_minor > 0
""")


def add_correction(  # noqa: PLR0913 - one argument per column
    connection: Connection,
    *,
    charge: int,
    of_correction: int | None,
    refund: int | None,
    net_minor: int,
    vat_minor: int,
    to_credit_minor: int,
    to_refund_minor: int,
    frozen: Mapping[str, object],
    today: date,
    now: datetime,
) -> int:
    """Keep what the new invoice says, and give the credit of the difference; returns the correction's number."""
    values = {
        "charge": charge,
        "of_correction": of_correction,
        "refund": refund,
        "net": net_minor,
        "vat": vat_minor,
        "to_credit": to_credit_minor,
        "to_refund": to_refund_minor,
        "frozen": dict(frozen),
        "today": today,
        "now": now,
    }
    made = int(connection.execute(_ADD, values).scalar_one())
    connection.execute(_GIVE_CREDIT, {"correction": made})
    return made


_LACKS_ITS_INVOICE = "NOT EXISTS (SELECT 1 FROM invoices n WHERE n.correction_id = k.id)"
_UNISSUED = text(f"""
    SELECT k.charge_id FROM corrections k JOIN charges c ON c.id = k.charge_id
    WHERE {_LACKS_ITS_INVOICE} AND c.parked_at IS NULL
      AND (cast(:only AS bigint) IS NULL OR c.subscription_id = :only)
    ORDER BY k.id
""")  # noqa: S608 - no value is put into the text


def unissued(connection: Connection, *, only: int | None) -> list[int]:
    """Charges with a correction whose invoice is still to be issued (R16)."""
    return list(connection.execute(_UNISSUED, {"only": only}).scalars())


# What the card has paid of it is the charge's own sum less what went back; credit paid the rest (R15b).
_TO_ISSUE = text(f"""
    SELECT c.id, k.id AS correction_id, c.account_id, c.subscription_id, c.term_number, c.paid_on, c.starts_on,
           c.ends_on, c.currency, k.net_minor, k.vat_minor, k.gross_minor,
           k.gross_minor - paid.minor AS credit_used_minor, paid.minor AS amount_minor,
           k.frozen, coalesce(p.frozen, c.frozen) AS sold, c.buys_term,
           a.external_id, a.locale, b.company, b.street, b.city, b.postcode, b.country, b.email, b.vat_number,
           m.type AS method_type, m.brand, m.last4, w.snapshot AS corrected,
           (SELECT n.note FROM invoice_notes n WHERE n.account_id = a.id AND n.invoice_id IS NULL
            ORDER BY n.version DESC LIMIT 1) AS note
    FROM corrections k
    JOIN charges c ON c.id = k.charge_id
    LEFT JOIN corrections p ON p.id = k.of_correction_id
    JOIN invoices w ON w.charge_id = c.id AND w.kind = 'invoice'
                   AND w.correction_id IS NOT DISTINCT FROM k.of_correction_id
    JOIN accounts a ON a.id = c.account_id
    JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    LEFT JOIN payment_methods m ON m.id = c.last_method_id
    CROSS JOIN LATERAL (
        SELECT least(k.gross_minor, greatest(0, c.amount_minor - coalesce((
            SELECT sum(o.amount_minor) FROM payouts o
            WHERE o.charge_id = c.id AND o.provider_intent IS NULL), 0)))::bigint AS minor
    ) paid
    WHERE k.charge_id = ANY(:charges) AND {_LACKS_ITS_INVOICE} AND c.parked_at IS NULL
    ORDER BY k.id FOR UPDATE OF c
""")  # noqa: S608 - no value is put into the text


def to_issue(connection: Connection, charge_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Corrections without their invoice, as `store.invoices.to_invoice` reads charges; issuing is locked before.

    `corrected` is the snapshot of the invoice that is replaced, `sold` what was frozen with it.
    """
    return connection.execute(_TO_ISSUE, {"charges": list(charge_ids)}).all()
