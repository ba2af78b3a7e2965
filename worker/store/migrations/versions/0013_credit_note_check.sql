-- A charge may have several invoices now: a credit note is held against the one that it corrects.

CREATE OR REPLACE FUNCTION check_credit_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    corrected invoices;
    of_correction bigint;
BEGIN
    SELECT of_correction_id INTO of_correction FROM reversals WHERE id = NEW.reversal_id;
    SELECT * INTO corrected FROM invoices
    WHERE charge_id = NEW.charge_id AND kind = 'invoice' AND correction_id IS NOT DISTINCT FROM of_correction;
    IF corrected.id IS NULL OR corrected.issued_on > NEW.issued_on OR corrected.currency <> NEW.currency THEN
        RAISE EXCEPTION 'credit note % corrects no invoice that was issued before it', NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (SELECT sum(n.gross_minor) FROM invoices n JOIN reversals r ON r.id = n.reversal_id
        WHERE n.charge_id = NEW.charge_id AND r.of_correction_id IS NOT DISTINCT FROM of_correction)
       > corrected.gross_minor THEN
        RAISE EXCEPTION 'credit note % gives back more than is left of invoice %', NEW.number, corrected.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
