-- A document may be printed again with another note of the customer (R17); each printed edition is kept.

ALTER TABLE invoice_documents
    ADD COLUMN edition INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN note_id BIGINT,
    DROP CONSTRAINT invoice_documents_pkey,
    ADD CONSTRAINT invoice_documents_pkey PRIMARY KEY (invoice_id, edition, template_version),
    ADD CONSTRAINT invoice_documents_note_id_fkey FOREIGN KEY(note_id) REFERENCES invoice_notes (id),
    ADD CONSTRAINT invoice_documents_later_edition_has_note CHECK ((edition = 1) = (note_id IS NULL));

ALTER TABLE invoice_documents ALTER COLUMN edition DROP DEFAULT;

CREATE INDEX invoice_documents_note_id_idx ON invoice_documents (note_id);

COMMENT ON COLUMN invoice_documents.edition IS '1 as issued, then one for each note that was written for it (R17)';

COMMENT ON COLUMN invoices.charge_id IS 'the charge that is invoiced; of a credit note, that of the corrected invoice';

COMMENT ON COLUMN invoices.paid_on IS 'the real day of the payment; of a credit note, that of the correction';

-- What was issued never changes, whoever tries (R16), and nothing is given back twice (R15b).

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
BEGIN
    SELECT * INTO corrected FROM invoices WHERE charge_id = NEW.charge_id AND kind = 'invoice';
    IF corrected.id IS NULL OR corrected.issued_on > NEW.issued_on OR corrected.currency <> NEW.currency THEN
        RAISE EXCEPTION 'credit note % corrects no invoice that was issued before it', NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (SELECT sum(gross_minor) FROM invoices WHERE charge_id = NEW.charge_id AND kind = 'credit_note')
       > corrected.gross_minor THEN
        RAISE EXCEPTION 'credit note % gives back more than is left of invoice %', NEW.number, corrected.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER invoices_credit_within_invoice AFTER INSERT ON invoices
    FOR EACH ROW WHEN (NEW.kind = 'credit_note') EXECUTE FUNCTION check_credit_note();
