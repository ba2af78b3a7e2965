-- A wrong invoice is replaced by another one for the same charge; see worker/desk/correct_invoice.py.

CREATE TABLE corrections (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    charge_id BIGINT NOT NULL,
    of_correction_id BIGINT,
    refund_id BIGINT,
    currency TEXT NOT NULL,
    net_minor BIGINT NOT NULL,
    vat_minor BIGINT NOT NULL,
    gross_minor BIGINT NOT NULL,
    to_credit_minor BIGINT NOT NULL,
    to_refund_minor BIGINT NOT NULL,
    frozen JSONB NOT NULL,
    corrected_on DATE NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT corrections_pkey PRIMARY KEY (id),
    CONSTRAINT corrections_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT corrections_gross_is_net_and_vat CHECK (gross_minor = net_minor + vat_minor AND gross_minor > 0),
    CONSTRAINT corrections_nothing_is_asked_for CHECK (to_credit_minor >= 0 AND to_refund_minor >= 0),
    CONSTRAINT corrections_refund_named CHECK ((to_refund_minor > 0) = (refund_id IS NOT NULL)),
    CONSTRAINT corrections_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id),
    CONSTRAINT corrections_charge_id_fkey FOREIGN KEY (charge_id) REFERENCES charges (id),
    CONSTRAINT corrections_of_correction_id_fkey FOREIGN KEY (of_correction_id) REFERENCES corrections (id),
    CONSTRAINT corrections_refund_id_fkey FOREIGN KEY (refund_id) REFERENCES refunds (id)
);

COMMENT ON COLUMN corrections.frozen IS 'as a charge''s: lines, VAT decision, place, number and evidence';

COMMENT ON COLUMN corrections.corrected_on IS 'the real day in the seller''s zone';

CREATE INDEX corrections_account_id_idx ON corrections (account_id);

CREATE INDEX corrections_charge_id_idx ON corrections (charge_id);

CREATE INDEX corrections_refund_id_idx ON corrections (refund_id);

CREATE UNIQUE INDEX corrections_first_key ON corrections (charge_id) WHERE of_correction_id IS NULL;

CREATE UNIQUE INDEX corrections_next_key ON corrections (of_correction_id);

CREATE TRIGGER corrections_never_change BEFORE UPDATE OR DELETE ON corrections
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_paper();
