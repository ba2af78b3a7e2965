-- each statement commits by itself
-- What finds a customer by name, address or the provider's id, what a person did, and sums of money by month.

CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_provider_customer_idx ON accounts (provider_customer);

CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_details_company_idx
    ON billing_details (lower(company) text_pattern_ops) WHERE superseded_at IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS billing_details_email_idx
    ON billing_details (lower(email) text_pattern_ops) WHERE superseded_at IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_actor_idx ON audit_log (actor, id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS charges_paid_on_idx ON charges (paid_on) WHERE paid_on IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS charges_first_declined_idx
    ON charges (first_declined_on) WHERE first_declined_on IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_declined_idx ON attempts (sent_on) WHERE state = 'declined';

CREATE INDEX CONCURRENTLY IF NOT EXISTS payouts_paid_at_idx ON payouts (paid_at) WHERE paid_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS money_months (
    month DATE NOT NULL,
    currency TEXT NOT NULL,
    charges INTEGER NOT NULL,
    charged_minor BIGINT NOT NULL,
    refunds INTEGER NOT NULL,
    refunded_minor BIGINT NOT NULL,
    declined INTEGER NOT NULL,
    declined_minor BIGINT NOT NULL,
    recovered INTEGER NOT NULL,
    recovered_minor BIGINT NOT NULL,
    given_up INTEGER NOT NULL,
    given_up_minor BIGINT NOT NULL,
    summed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT money_months_pkey PRIMARY KEY (month, currency),
    CONSTRAINT money_months_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT money_months_first_day CHECK (extract(day FROM month) = 1)
);

COMMENT ON COLUMN money_months.charges IS 'paid in that month';

COMMENT ON COLUMN money_months.declined IS 'charges first declined in that month; what became of them follows';

CREATE TABLE IF NOT EXISTS decline_months (
    month DATE NOT NULL,
    currency TEXT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    CONSTRAINT decline_months_pkey PRIMARY KEY (month, currency, kind, code),
    CONSTRAINT decline_months_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT decline_months_first_day CHECK (extract(day FROM month) = 1)
);
