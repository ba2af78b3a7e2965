-- each statement commits by itself
-- Which invoice of its charge a reversal is of, which correction an invoice or a credit belongs to.

ALTER TABLE reversals
    ADD COLUMN IF NOT EXISTS correction_id BIGINT,
    ADD COLUMN IF NOT EXISTS of_correction_id BIGINT;

COMMENT ON COLUMN reversals.of_correction_id
    IS 'the correction whose invoice is reversed; none: the first invoice of the charge';

ALTER TABLE reversals
    DROP CONSTRAINT IF EXISTS reversals_correction_id_fkey,
    DROP CONSTRAINT IF EXISTS reversals_of_correction_id_fkey,
    DROP CONSTRAINT IF EXISTS reversals_one_cause,
    ADD CONSTRAINT reversals_correction_id_fkey FOREIGN KEY (correction_id) REFERENCES corrections (id) NOT VALID,
    ADD CONSTRAINT reversals_of_correction_id_fkey
        FOREIGN KEY (of_correction_id) REFERENCES corrections (id) NOT VALID,
    ADD CONSTRAINT reversals_one_cause
        CHECK (num_nonnulls(cause_charge_id, refund_id, correction_id) = 1) NOT VALID;

ALTER TABLE reversals VALIDATE CONSTRAINT reversals_correction_id_fkey;

ALTER TABLE reversals VALIDATE CONSTRAINT reversals_of_correction_id_fkey;

ALTER TABLE reversals VALIDATE CONSTRAINT reversals_one_cause;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS reversals_correction_key ON reversals (correction_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS reversals_of_correction_id_idx ON reversals (of_correction_id);

ALTER TABLE refunds
    DROP CONSTRAINT IF EXISTS refunds_kind_known,
    ADD CONSTRAINT refunds_kind_known CHECK (kind IN ('full', 'part', 'order', 'correction')) NOT VALID;

ALTER TABLE refunds VALIDATE CONSTRAINT refunds_kind_known;

ALTER TABLE invoices ADD COLUMN IF NOT EXISTS correction_id BIGINT;

ALTER TABLE invoices
    DROP CONSTRAINT IF EXISTS invoices_correction_id_fkey,
    DROP CONSTRAINT IF EXISTS invoices_correction_of_invoice,
    ADD CONSTRAINT invoices_correction_id_fkey FOREIGN KEY (correction_id) REFERENCES corrections (id) NOT VALID,
    ADD CONSTRAINT invoices_correction_of_invoice CHECK (correction_id IS NULL OR kind = 'invoice') NOT VALID;

ALTER TABLE invoices VALIDATE CONSTRAINT invoices_correction_id_fkey;

ALTER TABLE invoices VALIDATE CONSTRAINT invoices_correction_of_invoice;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS invoices_first_key
    ON invoices (charge_id) WHERE kind = 'invoice' AND correction_id IS NULL;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS invoices_correction_key ON invoices (correction_id);

-- what it forbade, a second invoice, exists now; the first one is still guarded by the index above
DROP INDEX CONCURRENTLY IF EXISTS invoices_charge_key;

ALTER TABLE credit_entries ADD COLUMN IF NOT EXISTS correction_id BIGINT;

ALTER TABLE credit_entries
    DROP CONSTRAINT IF EXISTS credit_entries_correction_id_fkey,
    DROP CONSTRAINT IF EXISTS credit_entries_kind_known,
    DROP CONSTRAINT IF EXISTS credit_entries_charge_named,
    DROP CONSTRAINT IF EXISTS credit_entries_correction_named,
    ADD CONSTRAINT credit_entries_correction_id_fkey
        FOREIGN KEY (correction_id) REFERENCES corrections (id) NOT VALID,
    ADD CONSTRAINT credit_entries_kind_known
        CHECK (kind IN ('import', 'used', 'returned', 'unused', 'applied', 'refund', 'forfeited', 'corrected'))
        NOT VALID,
    ADD CONSTRAINT credit_entries_charge_named
        CHECK ((kind IN ('import', 'refund', 'forfeited', 'corrected')) = (charge_id IS NULL)) NOT VALID,
    ADD CONSTRAINT credit_entries_correction_named
        CHECK ((kind = 'corrected') = (correction_id IS NOT NULL)) NOT VALID;

ALTER TABLE credit_entries VALIDATE CONSTRAINT credit_entries_correction_id_fkey;

ALTER TABLE credit_entries VALIDATE CONSTRAINT credit_entries_kind_known;

ALTER TABLE credit_entries VALIDATE CONSTRAINT credit_entries_charge_named;

ALTER TABLE credit_entries VALIDATE CONSTRAINT credit_entries_correction_named;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS credit_entries_correction_key ON credit_entries (correction_id);
