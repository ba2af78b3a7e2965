"""Credit notes: reversals of invoices that still lack theirs, with all that it prints (R15b, R14b)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

# A sum that a charge carried to the next one is invoiced with that one (R7b), so that invoice is the one to correct.
_CORRECTED = """
    JOIN LATERAL (
        WITH RECURSIVE sold (charge_id) AS (
            SELECT r.charge_id
            UNION
            SELECT k.into_charge_id FROM sold s JOIN carried_sums k ON k.from_charge_id = s.charge_id
            WHERE k.into_charge_id IS NOT NULL
        )
        SELECT i.* FROM sold s JOIN invoices i ON i.charge_id = s.charge_id AND i.kind = 'invoice'
                                              AND i.correction_id IS NOT DISTINCT FROM r.of_correction_id
        ORDER BY i.id LIMIT 1
    ) i ON true
"""
_LACKS_ITS_NOTE = "NOT EXISTS (SELECT 1 FROM invoices n WHERE n.reversal_id = r.id)"

_UNCREDITED = text(f"""
    SELECT r.id, r.charge_id FROM reversals r JOIN charges c ON c.id = r.charge_id LEFT {_CORRECTED}
    WHERE {_LACKS_ITS_NOTE} AND c.parked_at IS NULL AND (i.id IS NOT NULL OR r.charge_id = ANY(:invoiced_now))
      AND (cast(:only AS bigint) IS NULL OR r.subscription_id = :only)
    ORDER BY r.id
""")  # noqa: S608 - no value is put into the text
_NOT_OURS = text("""
    SELECT count(*) FROM reversals r
    WHERE r.charge_id IS NULL AND (cast(:only AS bigint) IS NULL OR r.subscription_id = :only)
""")


def uncredited(connection: Connection, *, only: int | None, invoiced_now: Sequence[int]) -> Sequence[Row[Any]]:
    """Reversals that still lack their credit note, with the charge that they reverse (R15b).

    One whose invoice does not exist waits for it, unless that is among the charges that are invoiced now.
    """
    return connection.execute(_UNCREDITED, {"only": only, "invoiced_now": list(invoiced_now)}).all()


def not_ours(connection: Connection, *, only: int | None) -> int:
    """How many reversals are of what was invoiced before an import: they get no credit note of ours."""
    return int(connection.execute(_NOT_OURS, {"only": only}).scalar_one())


_TO_CREDIT = text(f"""
    SELECT r.id, r.account_id, r.charge_id AS reversed_charge, r.refund_id, r.currency, r.net_minor, r.vat_minor,
           r.gross_minor, r.frozen, r.reversed_on, r.correction_id,
           i.charge_id, i.number AS corrected_number, i.issued_on AS corrected_issued_on,
           i.gross_minor AS corrected_minor, i.snapshot AS corrected,
           earlier.credited_minor, earlier.credited_net_minor, earlier.credited_vat_minor,
           cause.business_date AS changed_on,
           c.buys_term, c.starts_on, c.ends_on, coalesce(o.frozen, c.frozen) AS sold,
           x.number AS replaced_by, x.issued_on AS replaced_on,
           coalesce(p.amount_minor, 0) AS paid_out_minor, m.type AS method_type, m.brand, m.last4,
           a.external_id, a.locale, b.company, b.street, b.city, b.postcode, b.email
    FROM reversals r
    JOIN charges c ON c.id = r.charge_id
    {_CORRECTED}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(n.gross_minor), 0)::bigint AS credited_minor,
               coalesce(sum(n.net_minor), 0)::bigint AS credited_net_minor,
               coalesce(sum(n.vat_minor), 0)::bigint AS credited_vat_minor
        FROM invoices n JOIN reversals e ON e.id = n.reversal_id
        WHERE n.charge_id = i.charge_id AND e.of_correction_id IS NOT DISTINCT FROM r.of_correction_id
    ) earlier
    JOIN accounts a ON a.id = r.account_id
    JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    LEFT JOIN corrections k ON k.id = r.correction_id
    LEFT JOIN corrections o ON o.id = r.of_correction_id
    LEFT JOIN invoices x ON x.correction_id = r.correction_id
    LEFT JOIN charges cause ON cause.id = r.cause_charge_id
    LEFT JOIN payouts p ON p.refund_id = r.refund_id AND p.charge_id = r.charge_id
    -- a refund may reverse one charge and pay out another: then its money goes back the way of that one
    LEFT JOIN LATERAL (
        SELECT pm.type, pm.brand, pm.last4
        FROM payouts o JOIN charges oc ON oc.id = o.charge_id JOIN payment_methods pm ON pm.id = oc.last_method_id
        WHERE o.refund_id = coalesce(r.refund_id, k.refund_id)
        ORDER BY o.charge_id = r.charge_id DESC, o.id DESC LIMIT 1
    ) m ON true
    WHERE {_LACKS_ITS_NOTE} AND c.parked_at IS NULL AND (r.correction_id IS NULL OR x.id IS NOT NULL)
      AND (r.charge_id = ANY(:charges) OR r.cause_charge_id = ANY(:charges) OR i.charge_id = ANY(:charges))
    ORDER BY r.id
""")  # noqa: S608 - no value is put into the text


def to_credit(connection: Connection, charge_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Reversals without a credit note whose invoice is issued, and all that it prints; issuing is locked before.

    Found by the charge that is reversed, the one that caused it, or the one whose invoice is corrected.
    `credited_minor` is the gross sum of earlier credit notes on that invoice, beside their net and VAT sums;
    `corrected_minor` is its own. One of a correction waits for the invoice in its place, `replaced_by` (R16).
    """
    return connection.execute(_TO_CREDIT, {"charges": list(charge_ids)}).all()
