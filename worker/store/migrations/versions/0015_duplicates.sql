-- each statement commits by itself
-- A payout may give back a PaymentIntent that the books do not carry, once; see worker/charging/duplicates.py.

ALTER TABLE payouts ADD COLUMN IF NOT EXISTS provider_intent TEXT;

COMMENT ON COLUMN payouts.provider_intent IS 'what is given back when it is not the charge''s own: it was charged twice';

DROP INDEX CONCURRENTLY IF EXISTS payouts_duplicate_key;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS payouts_duplicate_key ON payouts (provider_intent)
    WHERE provider_intent IS NOT NULL;

ALTER TABLE refunds
    DROP CONSTRAINT IF EXISTS refunds_kind_known,
    ADD CONSTRAINT refunds_kind_known CHECK (kind IN ('full', 'part', 'order', 'duplicate', 'correction')) NOT VALID;

ALTER TABLE refunds VALIDATE CONSTRAINT refunds_kind_known;

COMMENT ON COLUMN refunds.kind IS 'full ends the subscription; order: not carried out; duplicate: charged twice';
