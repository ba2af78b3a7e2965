"""Invoices: paid charges without one, numbers without gaps, documents that are still to be rendered."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

INVOICEABLE = """
    c.state = 'succeeded' AND c.parked_at IS NULL AND c.gross_minor > 0 AND c.carried_out_minor = 0
    AND c.returned_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.charge_id = c.id AND i.kind = 'invoice')
"""
"""A sum that was carried to the next charge is invoiced with that one, as a line of its own (R7b, R15)."""

_UNINVOICED = text(f"""
    SELECT c.id FROM charges c
    WHERE {INVOICEABLE} AND (cast(:only AS bigint) IS NULL OR c.subscription_id = :only) ORDER BY c.id
""")  # noqa: S608 - no value is put into the text


def uninvoiced(connection: Connection, *, only: int | None) -> list[int]:
    """Paid charges that still lack their invoice (R15)."""
    return list(connection.execute(_UNINVOICED, {"only": only}).scalars())


ISSUING_LOCK = 7_206_313
"""One issuer at a time, so that numbers follow the order of dates and nobody invoices a charge twice."""

_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")


def lock_issuing(connection: Connection) -> None:
    """Wait for other issuers; whoever reads the day after this never dates a number before an earlier one."""
    connection.execute(_LOCK, {"lock": ISSUING_LOCK})


_TO_INVOICE = text(f"""
    SELECT c.id, c.account_id, c.subscription_id, c.term_number, c.paid_on, c.starts_on, c.ends_on, c.currency,
           c.net_minor, c.vat_minor, c.gross_minor, c.credit_used_minor, c.amount_minor, c.frozen, c.buys_term,
           cast(NULL AS bigint) AS correction_id, c.frozen AS sold, cast(NULL AS jsonb) AS corrected,
           a.external_id, a.locale, b.company, b.street, b.city, b.postcode, b.country, b.email, b.vat_number,
           m.type AS method_type, m.brand, m.last4,
           (SELECT n.note FROM invoice_notes n WHERE n.account_id = a.id AND n.invoice_id IS NULL
            ORDER BY n.version DESC LIMIT 1) AS note
    FROM charges c
    JOIN accounts a ON a.id = c.account_id
    JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    LEFT JOIN payment_methods m ON m.id = c.last_method_id
    WHERE c.id = ANY(:ids) AND {INVOICEABLE}
    ORDER BY c.id FOR UPDATE OF c
""")  # noqa: S608 - no value is put into the text


def to_invoice(connection: Connection, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Lock paid charges without an invoice and read all that it prints; issuing is locked before.

    `note` is the customer's own for all invoices to come, as it stands now (R17).
    """
    return connection.execute(_TO_INVOICE, {"ids": list(ids)}).all()


_OPEN_SERIES = text("""
    INSERT INTO number_series (series, year, next_sequence) VALUES (:series, :year, :start) ON CONFLICT DO NOTHING
""")
_TAKE_NUMBERS = text("""
    UPDATE number_series SET next_sequence = next_sequence + :count WHERE series = :series AND year = :year
    RETURNING next_sequence - :count AS first
""")


def take_numbers(connection: Connection, *, series: str, year: int, count: int, start: int) -> int:
    """Take `count` numbers from the locked counter; returns the first.

    The lock is held to the commit, so numbers have neither gaps nor repeats, whatever rolls back (R18).
    """
    connection.execute(_OPEN_SERIES, {"series": series, "year": year, "start": start})
    return int(connection.execute(_TAKE_NUMBERS, {"series": series, "year": year, "count": count}).scalar_one())


_INSERT = text("""
    INSERT INTO invoices (account_id, charge_id, reversal_id, correction_id, kind, series, year, sequence, number,
                          issued_on, paid_on, currency, net_minor, vat_minor, gross_minor, snapshot, snapshot_sha256)
    SELECT account_id, charge_id, reversal_id, correction_id, kind, series, year, sequence, number, issued_on,
           paid_on, currency, net_minor, vat_minor, gross_minor, snapshot, snapshot_sha256
    FROM jsonb_to_recordset(:rows) AS v (
        account_id bigint, charge_id bigint, reversal_id bigint, correction_id bigint, kind text, series text,
        year integer, sequence integer, number text, issued_on date, paid_on date, currency text, net_minor bigint,
        vat_minor bigint, gross_minor bigint, snapshot jsonb, snapshot_sha256 text)
    ORDER BY sequence
    RETURNING id
""").bindparams(bindparam("rows", type_=JSONB))

_INSERT_LINES = text("""
    INSERT INTO invoice_lines (invoice_id, position, kind, quantity, unit_price_minor, net_minor)
    SELECT i.id, l.position, l.line ->> 'kind', (l.line ->> 'quantity')::integer,
           (l.line ->> 'unit_price_minor')::bigint, (l.line ->> 'net_minor')::bigint
    FROM invoices i, jsonb_array_elements(i.snapshot -> 'lines') WITH ORDINALITY AS l (line, position)
    WHERE i.id = ANY(:ids)
""")


def insert_invoices(connection: Connection, rows: Sequence[dict[str, object]]) -> list[int]:
    """Write invoices or credit notes with their lines; from here on they never change (R16)."""
    ids = list(connection.execute(_INSERT, {"rows": list(rows)}).scalars())
    connection.execute(_INSERT_LINES, {"ids": ids})
    return ids


# What is printed of an invoice: as issued, and once more for each note that its customer wrote for it (R17).
_EDITIONS = """
    CROSS JOIN LATERAL (
        SELECT 1 AS edition, cast(NULL AS bigint) AS note_id, cast(NULL AS text) AS note
        UNION ALL
        SELECT 1 + n.version, n.id, n.note FROM invoice_notes n WHERE n.invoice_id = i.id
    ) e
"""
_LACKS_ITS_PAGES = """
    NOT EXISTS (SELECT 1 FROM invoice_documents d WHERE d.invoice_id = i.id AND d.edition = e.edition)
"""

_UNRENDERED = text("""
    SELECT i.charge_id FROM invoices i LEFT JOIN invoice_documents d ON d.invoice_id = i.id AND d.edition = 1
    WHERE d.invoice_id IS NULL
    UNION
    SELECT i.charge_id FROM invoice_notes n JOIN invoices i ON i.id = n.invoice_id
    WHERE NOT EXISTS (SELECT 1 FROM invoice_documents d WHERE d.note_id = n.id)
    ORDER BY charge_id
""")

_TO_RENDER = text(f"""
    SELECT i.id, i.kind, i.account_id, i.number, i.currency, i.gross_minor, i.paid_on, i.snapshot, c.subscription_id,
           c.starts_on, c.ends_on, c.purpose, e.edition, e.note_id, e.note,
           (SELECT w.number FROM corrections k JOIN invoices w ON w.charge_id = k.charge_id AND w.kind = 'invoice'
                AND w.correction_id IS NOT DISTINCT FROM k.of_correction_id
            WHERE k.id = i.correction_id) AS replaces
    FROM invoices i JOIN charges c ON c.id = i.charge_id LEFT JOIN reversals r ON r.id = i.reversal_id {_EDITIONS}
    WHERE (i.charge_id = ANY(:charges) OR r.charge_id = ANY(:charges) OR r.cause_charge_id = ANY(:charges))
      AND {_LACKS_ITS_PAGES}
    ORDER BY i.id, e.edition
""")  # noqa: S608 - no value is put into the text


def unrendered(connection: Connection) -> list[int]:
    """Charges with an invoice or credit note of which an edition was not rendered: its worker died before."""
    return list(connection.execute(_UNRENDERED).scalars())


def to_render(connection: Connection, charge_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """What lacks its pages, of the invoices of these charges and of the credit notes that they are part of.

    `edition` 1 is the document as issued; a later one differs from it by `note` only, the empty text means none (R17).
    """
    return connection.execute(_TO_RENDER, {"charges": list(charge_ids)}).all()


_STORE = text("""
    INSERT INTO invoice_documents (invoice_id, edition, note_id, template_version, pdf_sha256, replaced)
    VALUES (:invoice, :edition, :note, :version, :sha256, :replaced) ON CONFLICT DO NOTHING
""")


def store_documents(connection: Connection, documents: Sequence[dict[str, object]]) -> None:
    """Note what was rendered, by the hash under which its bytes lie in the place of files: they are what is sent."""
    if documents:
        connection.execute(_STORE, list(documents))


_LISTED = """
    SELECT i.id, i.number, i.kind, i.issued_on, i.paid_on, i.currency, i.net_minor, i.vat_minor, i.gross_minor,
           i.charge_id, i.snapshot -> 'corrects' ->> 'number' AS corrects, i.snapshot, a.external_id,
           (SELECT count(DISTINCT d.edition) FROM invoice_documents d WHERE d.invoice_id = i.id) AS editions
    FROM invoices i JOIN accounts a ON a.id = i.account_id
"""
_OF_ACCOUNT = text(f"{_LISTED} WHERE a.external_id = :account ORDER BY i.id")
_BY_NUMBER = text(f"{_LISTED} WHERE i.number = :number")
_PAGES = text("""
    SELECT DISTINCT ON (d.edition) d.edition, d.created_at, n.note, d.pdf, d.pdf_sha256, d.replaced, d.template_version
    FROM invoice_documents d LEFT JOIN invoice_notes n ON n.id = d.note_id WHERE d.invoice_id = :invoice
    ORDER BY d.edition, d.template_version DESC
""")


def of_account(connection: Connection, external_id: str) -> Sequence[Row[Any]]:
    """All invoices and credit notes of an account, oldest first, with the number of their printed editions."""
    return connection.execute(_OF_ACCOUNT, {"account": external_id}).all()


def by_number(connection: Connection, number: str) -> Row[Any] | None:
    """The invoice or credit note of that number."""
    return connection.execute(_BY_NUMBER, {"number": number}).one_or_none()


def pages(connection: Connection, invoice: int) -> Sequence[Row[Any]]:
    """Its printed editions, oldest first; `note` is what a later one was printed for (R17).

    The bytes lie under their hash in the place of files; `pdf` has those of old ones.
    """
    return connection.execute(_PAGES, {"invoice": invoice}).all()
