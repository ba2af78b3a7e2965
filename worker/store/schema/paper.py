"""Triggers over documents: what was issued never changes (R16), and nothing is given back twice (R15b)."""

PAPER_TRIGGERS = """
CREATE FUNCTION refuse_change_of_paper() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an issued document never changes: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER invoices_never_change BEFORE UPDATE OR DELETE ON invoices
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_paper();

CREATE TRIGGER invoice_lines_never_change BEFORE UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_paper();

CREATE TRIGGER invoice_documents_never_change BEFORE UPDATE OR DELETE ON invoice_documents
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_paper();

CREATE FUNCTION check_credit_note() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER invoices_credit_within_invoice AFTER INSERT ON invoices
    FOR EACH ROW WHEN (NEW.kind = 'credit_note') EXECUTE FUNCTION check_credit_note();

CREATE TRIGGER corrections_never_change BEFORE UPDATE OR DELETE ON corrections
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_paper();
"""
"""The same text stands in the migrations 0004, 0011 and 0013, which must not change with the code."""
