"""Money that goes back: never more than was paid, all of what was promised, and once. Sums are minor units."""

from collections.abc import Sequence

from worker.store.audit.invariant import Invariant

INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "reversed_too_much",
        "R15b more of a charge was reversed than was sold",
        "Credit notes would give back more than the invoice says.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' sold '
               || coalesce(k.gross_minor, c.gross_minor) || ', reversed are ' || r.gross_minor
        FROM charges c JOIN (
          SELECT charge_id, of_correction_id, sum(gross_minor) AS gross_minor FROM reversals
          GROUP BY charge_id, of_correction_id) r ON r.charge_id = c.id
        LEFT JOIN corrections k ON k.id = r.of_correction_id
        WHERE r.gross_minor > coalesce(k.gross_minor, c.gross_minor)""",
    ),
    Invariant(
        "unused_part_reversed",
        "R15b the unused part is not reversed once",
        "A change gave credit without a credit note, or a credit note without credit.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' gives back ' || c.unused_minor
               || ', reversed are ' || coalesce(r.gross_minor, 0)
        FROM charges c LEFT JOIN (
          SELECT cause_charge_id, sum(gross_minor) AS gross_minor FROM reversals
          WHERE cause_charge_id IS NOT NULL GROUP BY cause_charge_id) r ON r.cause_charge_id = c.id
        WHERE coalesce(r.gross_minor, 0) <> CASE WHEN {sold} THEN c.unused_minor ELSE 0 END""",
    ),
    Invariant(
        "paid_out_too_much",
        "R14b more of a charge goes back than was paid",
        "The same money is refunded twice.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' took ' || coalesce(c.amount_minor, 0)
               || ', ' || p.amount_minor || ' go back'
        FROM charges c JOIN (
          SELECT charge_id, sum(amount_minor) AS amount_minor FROM payouts WHERE provider_intent IS NULL
          GROUP BY charge_id) p ON p.charge_id = c.id
        WHERE p.amount_minor > coalesce(c.amount_minor, 0)""",
    ),
    Invariant(
        "returned_order_pays_back",
        "R4 the money of a returned order does not go back, all of it, once",
        "A customer paid for an order that was not carried out.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' was returned and took ' || c.amount_minor
        FROM charges c WHERE c.returned_at IS NOT NULL AND c.amount_minor > 0
          AND (SELECT array_agg(p.amount_minor) FROM payouts p WHERE p.charge_id = c.id AND p.provider_intent IS NULL)
              IS DISTINCT FROM ARRAY[c.amount_minor]""",
    ),
    Invariant(
        "correction_whole",
        "R16 a correction has not exactly its invoice, its reversal and its credit",
        "A wrong invoice was taken back and none stands in its place, or the difference did not go back.",
        """
        SELECT k.id, k.account_id, c.subscription_id, 'correction ' || k.id || ' of charge ' || c.id || ' has '
               || n.invoices || ' invoices, reverses ' || v.gross_minor || ' and gave credit of ' || e.amount_minor
        FROM corrections k JOIN charges c ON c.id = k.charge_id
        CROSS JOIN LATERAL (SELECT count(*) AS invoices FROM invoices i WHERE i.correction_id = k.id
                            AND (i.net_minor, i.vat_minor, i.charge_id) = (k.net_minor, k.vat_minor, c.id)) n
        CROSS JOIN LATERAL (SELECT coalesce(sum(r.gross_minor), 0) AS gross_minor FROM reversals r
                            WHERE r.correction_id = k.id AND r.charge_id = c.id
                              AND r.of_correction_id IS NOT DISTINCT FROM k.of_correction_id) v
        CROSS JOIN LATERAL (SELECT coalesce(sum(o.amount_minor), 0) AS amount_minor FROM credit_entries o
                            WHERE o.correction_id = k.id) e
        WHERE v.gross_minor <> k.gross_minor + k.to_credit_minor + k.to_refund_minor
           OR e.amount_minor <> k.to_credit_minor
           OR n.invoices <> 1 AND k.made_at <= {settled} AND c.parked_at IS NULL""",
    ),
    Invariant(
        "payouts_of_refund",
        "R14 a refund is not the sum of its payouts",
        "A customer was promised another sum than is sent.",
        """
        SELECT f.id, f.account_id, f.subscription_id, 'refund ' || f.id || ' is of ' || f.total_minor
               || ', its payouts of ' || coalesce(p.amount_minor, 0)
        FROM refunds f LEFT JOIN (
          SELECT refund_id, sum(amount_minor) AS amount_minor FROM payouts GROUP BY refund_id) p ON p.refund_id = f.id
        WHERE f.total_minor <> coalesce(p.amount_minor, 0)""",
    ),
)
