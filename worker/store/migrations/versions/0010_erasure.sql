-- each statement commits by itself
-- An account that is erased refuses all else from the moment on which it begins; see worker/desk/erase.py.

ALTER TABLE accounts
    ADD COLUMN IF NOT EXISTS erasure_began_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN IF NOT EXISTS erased_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE credit_entries
    DROP CONSTRAINT IF EXISTS credit_entries_kind_known,
    DROP CONSTRAINT IF EXISTS credit_entries_charge_named,
    ADD CONSTRAINT credit_entries_kind_known
        CHECK (kind IN ('import', 'used', 'returned', 'unused', 'applied', 'refund', 'forfeited')) NOT VALID,
    ADD CONSTRAINT credit_entries_charge_named
        CHECK ((kind IN ('import', 'refund', 'forfeited')) = (charge_id IS NULL)) NOT VALID;

ALTER TABLE goodwill_entries
    DROP CONSTRAINT IF EXISTS goodwill_entries_kind_known,
    DROP CONSTRAINT IF EXISTS goodwill_entries_charge_named,
    ADD CONSTRAINT goodwill_entries_kind_known
        CHECK (kind IN ('granted', 'used', 'returned', 'forfeited')) NOT VALID,
    ADD CONSTRAINT goodwill_entries_charge_named
        CHECK ((kind IN ('granted', 'forfeited')) = (charge_id IS NULL)) NOT VALID;

ALTER TABLE credit_entries VALIDATE CONSTRAINT credit_entries_kind_known;

ALTER TABLE credit_entries VALIDATE CONSTRAINT credit_entries_charge_named;

ALTER TABLE goodwill_entries VALIDATE CONSTRAINT goodwill_entries_kind_known;

ALTER TABLE goodwill_entries VALIDATE CONSTRAINT goodwill_entries_charge_named;
