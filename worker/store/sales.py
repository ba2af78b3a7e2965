"""What a charge sold, as the invoice in force says it: the charge itself, or the newest correction of it (R16)."""

IN_FORCE = """
    LEFT JOIN LATERAL (
        SELECT * FROM corrections WHERE charge_id = c.id ORDER BY id DESC LIMIT 1
    ) k ON true
"""
"""SQL: joins `k`, the newest correction of the charge `c`."""

SALE = """
    coalesce(k.net_minor, c.net_minor) AS net_minor, coalesce(k.vat_minor, c.vat_minor) AS vat_minor,
    coalesce(k.gross_minor, c.gross_minor) AS gross_minor, coalesce(k.frozen, c.frozen) AS frozen,
    c.carried_out_minor, k.id AS in_force_id,
    coalesce((SELECT jsonb_agg(jsonb_build_object('net_minor', r.net_minor, 'vat_minor', r.vat_minor,
                                                  'lines', r.frozen -> 'lines') ORDER BY r.id)
              FROM reversals r
              WHERE r.of_correction_id IS NOT DISTINCT FROM k.id AND r.charge_id IN (
                  WITH RECURSIVE invoiced (id) AS (
                      SELECT c.id
                      UNION
                      SELECT m.from_charge_id FROM invoiced n JOIN carried_sums m ON m.into_charge_id = n.id
                  ) SELECT id FROM invoiced)), '[]'::jsonb) AS reversed
"""
"""SQL: what the invoice in force of the charge `c` says, and what of it was taken back, with `IN_FORCE`.

A sum that was carried into a charge is invoiced with it, so what was reversed of that counts too (R7b).
"""
