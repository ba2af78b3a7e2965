"""What the accountant takes away: the documents of a month, in pages, each with all that its line and its file need."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

_ISSUED = text("""
    SELECT i.id, i.kind, i.number, i.series, i.year, i.sequence, i.issued_on, i.paid_on, i.currency, i.net_minor,
           i.vat_minor, i.gross_minor, i.snapshot, a.external_id,
           i.snapshot -> 'corrects' ->> 'number' AS corrects, d.pdf, d.pdf_sha256,
           CASE i.kind WHEN 'invoice' THEN c.provider_intent ELSE p.refunds END AS provider
    FROM invoices i
    JOIN accounts a ON a.id = i.account_id
    LEFT JOIN charges c ON c.id = i.charge_id
    LEFT JOIN reversals r ON r.id = i.reversal_id
    LEFT JOIN corrections k ON k.id = r.correction_id
    LEFT JOIN LATERAL (
        SELECT string_agg(o.provider_refund, ' ' ORDER BY o.id) AS refunds FROM payouts o
        WHERE o.refund_id = coalesce(r.refund_id, k.refund_id) AND o.provider_refund IS NOT NULL
    ) p ON true
    LEFT JOIN LATERAL (
        SELECT pdf, pdf_sha256 FROM invoice_documents
        WHERE invoice_id = i.id AND edition = 1 ORDER BY template_version LIMIT 1
    ) d ON true
    WHERE i.issued_on >= :from_on AND i.issued_on < :before
      -- numbers begin anew each year, so the series' own index finds the month
      AND i.year = extract(year FROM cast(:from_on AS date))
      AND (i.series, i.year, i.sequence) > (cast(:series AS text), cast(:year AS integer), cast(:sequence AS integer))
    ORDER BY i.series, i.year, i.sequence LIMIT :most
""")


def issued_between(
    connection: Connection, *, from_on: date, before: date, after: tuple[str, int, int], most: int
) -> Sequence[Row[Any]]:
    """Documents that were issued on days `[from_on, before)`, in the order of their series and numbers.

    `after` is series, year and sequence of the last one that was read; ("", 0, 0) begins. The pages are those that
    were sent first: edition 1, as first printed.
    """
    values = {"from_on": from_on, "before": before, "most": most}
    place = dict(zip(("series", "year", "sequence"), after, strict=True))
    return connection.execute(_ISSUED, {**values, **place}).all()
