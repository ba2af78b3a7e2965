"""One invoice per paid charge, one credit note per reversal, numbers without gaps, pages and mails for all of them."""

from collections.abc import Sequence

from worker.store.audit.invariant import Invariant

INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "invoice_of_paid",
        "R15 a paid charge has not exactly one invoice",
        "Money was taken without a document, or with one of another sum.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' of ' || c.gross_minor || ' ' || c.currency
               || ' has ' || coalesce(i.invoices, 0) || ' invoices of that sum'
        FROM charges c LEFT JOIN (
          -- one that stands in place of another is asked for by `correction_whole`
          SELECT charge_id, gross_minor, currency, count(*) AS invoices FROM invoices
          WHERE kind = 'invoice' AND correction_id IS NULL
          GROUP BY charge_id, gross_minor, currency) i
          ON (i.charge_id, i.gross_minor, i.currency) = (c.id, c.gross_minor, c.currency)
        -- what was carried is invoiced with the charge that takes it up (R7b); what is parked is told of by `stuck`,
        -- what waits for an exchange rate by `waiting_for_rate`
        WHERE {sold} AND c.gross_minor > 0 AND c.carried_out_minor = 0 AND c.parked_at IS NULL
          AND c.paid_at <= {settled} AND coalesce(i.invoices, 0) <> 1
          AND NOT (i.charge_id IS NULL AND coalesce({lacks_rate}, false))""",
    ),
    Invariant(
        "invoice_of_unpaid",
        "R15 what was not paid or went back has an invoice",
        "A document says that money arrived, and it did not.",
        """
        SELECT i.id, c.account_id, c.subscription_id, 'invoice ' || i.number || ' is of charge ' || c.id
               || ', which is ' || c.state || CASE WHEN c.returned_at IS NULL THEN '' ELSE ' and returned' END
        FROM invoices i JOIN charges c ON c.id = i.charge_id
        WHERE i.kind = 'invoice' AND NOT {sold}""",
    ),
    Invariant(
        "credit_note_of_reversal",
        "R15b a reversal that can have one has not exactly one credit note of its sum",
        "Money or credit went back without a document.",
        """
        SELECT r.id, r.account_id, r.subscription_id, 'reversal ' || r.id || ' of ' || r.gross_minor || ' '
               || r.currency || ' has ' || CASE WHEN n.id IS NULL THEN 'no credit note' ELSE 'one of another sum' END
        FROM reversals r JOIN charges c ON c.id = r.charge_id LEFT JOIN invoices n ON n.reversal_id = r.id
        WHERE (n.id IS NULL OR (n.gross_minor, n.currency) <> (r.gross_minor, r.currency))
          AND c.parked_at IS NULL AND r.made_at <= {settled}
          -- a sum that was carried on is on the invoice of the charge that took it up (R7b)
          AND EXISTS (
            WITH RECURSIVE sold (charge_id) AS (
                SELECT r.charge_id
                UNION
                SELECT k.into_charge_id FROM sold o JOIN carried_sums k ON k.from_charge_id = o.charge_id
                WHERE k.into_charge_id IS NOT NULL
            )
            SELECT 1 FROM sold o JOIN invoices i ON i.charge_id = o.charge_id AND i.kind = 'invoice'
                                                AND i.correction_id IS NOT DISTINCT FROM r.of_correction_id
            WHERE i.created_at <= {written})""",
    ),
    Invariant(
        "credited_too_much",
        "R15b the credit notes of an invoice give back more than it says",
        "The books show a sale of less than nothing.",
        """
        SELECT i.id, i.account_id, c.subscription_id, 'invoice ' || i.number || ' is of ' || i.gross_minor
               || ', its credit notes of ' || n.gross_minor || coalesce('; at its rate of exchange of '
               || (i.snapshot -> 'exchange' ->> 'gross_minor') || ' and of ' || n.home_minor, '')
        FROM invoices i JOIN charges c ON c.id = i.charge_id JOIN (
          SELECT o.charge_id, r.of_correction_id, sum(o.gross_minor) AS gross_minor,
                 sum(cast(o.snapshot -> 'exchange' ->> 'gross_minor' AS bigint)) AS home_minor
          FROM invoices o JOIN reversals r ON r.id = o.reversal_id GROUP BY o.charge_id, r.of_correction_id) n
          ON n.charge_id = i.charge_id AND n.of_correction_id IS NOT DISTINCT FROM i.correction_id
        WHERE i.kind = 'invoice' AND (n.gross_minor > i.gross_minor
           OR n.home_minor > cast(i.snapshot -> 'exchange' ->> 'gross_minor' AS bigint))""",
    ),
    Invariant(
        "one_in_force",
        "R16 a charge has not exactly one invoice in force",
        "A sale is in the books twice, or not at all.",
        """
        SELECT i.id, i.account_id, c.subscription_id, 'invoice ' || i.number || ' of ' || i.gross_minor
               || ' was replaced, and ' || n.gross_minor || ' of it are taken back'
        FROM corrections k
        JOIN charges c ON c.id = k.charge_id
        JOIN invoices i ON i.charge_id = c.id AND i.kind = 'invoice'
                       AND i.correction_id IS NOT DISTINCT FROM k.of_correction_id
        JOIN invoices x ON x.correction_id = k.id
        CROSS JOIN LATERAL (
          SELECT coalesce(sum(o.gross_minor), 0) AS gross_minor FROM invoices o JOIN reversals r ON r.id = o.reversal_id
          WHERE o.charge_id = c.id AND r.of_correction_id IS NOT DISTINCT FROM i.correction_id) n
        WHERE n.gross_minor <> i.gross_minor AND c.parked_at IS NULL""",
    ),
    Invariant(
        "numbers_without_gaps",
        "R18 the numbers of a series and year have a gap or a wrong beginning",
        "An auditor will ask for a document that was never issued.",
        """
        SELECT row_number() OVER (ORDER BY series, year), cast(NULL AS bigint), cast(NULL AS bigint),
               series || ' ' || year || ': ' || coalesce(n.issued, 0) || ' documents from ' || coalesce(n.first, 0)
               || ' to ' || coalesce(n.last, 0) || ', next is ' || coalesce(cast(k.next_sequence AS text), 'not known')
        FROM (SELECT series, year, min(sequence) AS first, max(sequence) AS last, count(*) AS issued
              FROM invoices GROUP BY series, year) n
        FULL JOIN number_series k USING (series, year)
        WHERE n.issued IS NULL OR n.last - n.first + 1 <> n.issued OR k.next_sequence <> n.last + 1
           -- the settings say where one year begins; those before it began where they were then told to
           OR n.first <> CASE WHEN year > :start_year THEN 1 WHEN year < :start_year THEN n.first
                              WHEN series = 'invoice' THEN :invoice_start ELSE :credit_note_start END""",
    ),
    Invariant(
        "pages_of_documents",
        "R17 an invoice, a credit note or a note on one was not printed",
        "A customer cannot get a document that was issued.",
        """
        SELECT i.id, i.account_id, c.subscription_id, i.number || ' has no pages'
        FROM invoices i JOIN charges c ON c.id = i.charge_id
        WHERE i.created_at <= {written}
          AND NOT EXISTS (SELECT 1 FROM invoice_documents d WHERE d.invoice_id = i.id AND d.edition = 1)
        UNION ALL
        SELECT i.id, i.account_id, c.subscription_id, i.number || ' has no pages with the note ' || e.version
        FROM invoice_notes e JOIN invoices i ON i.id = e.invoice_id JOIN charges c ON c.id = i.charge_id
        WHERE e.created_at <= {written} AND NOT EXISTS (SELECT 1 FROM invoice_documents d WHERE d.note_id = e.id)""",
    ),
    Invariant(
        "documents_mailed",
        "R16 a document was issued, and no mail brings it",
        "A customer never receives a document that was issued.",
        """
        SELECT i.id, i.account_id, c.subscription_id, i.number || ' is in no mail'
        FROM invoices i JOIN charges c ON c.id = i.charge_id
        WHERE i.created_at <= {written}
          AND NOT EXISTS (SELECT 1 FROM mails m WHERE m.invoice_id = i.id)""",
    ),
    Invariant(
        "one_mail_per_reason",
        "a customer was told the same twice",
        "Two mails were written for one reason.",
        """
        SELECT max(m.id), m.account_id, max(m.subscription_id), count(*) || ' mails ' || m.kind || ' for '
               || m.subject_key
        FROM mails m GROUP BY m.account_id, m.kind, m.subject_key HAVING count(*) > 1
        UNION ALL
        SELECT max(m.id), m.account_id, max(m.subscription_id), count(*) || ' mails bring document ' || m.invoice_id
        -- what support sends once more is wanted twice
        FROM mails m WHERE m.invoice_id IS NOT NULL AND m.subject_key NOT LIKE 'resent:%'
        GROUP BY m.account_id, m.invoice_id HAVING count(*) > 1""",
    ),
)
