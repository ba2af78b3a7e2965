-- A configuration keeps lots of its own price each (R3b), and may be ordered before it is in force.

ALTER TABLE configurations
    ADD COLUMN agent_lots JSONB,
    ADD COLUMN block_lots JSONB,
    ADD COLUMN list_minor BIGINT,
    ADD COLUMN in_force BOOLEAN;

UPDATE configurations
SET agent_lots = jsonb_build_array(jsonb_build_array(agents, agent_price_minor)),
    block_lots = CASE WHEN extra_conversations = 0 THEN '[]'::jsonb
                      ELSE jsonb_build_array(jsonb_build_array(extra_conversations / conversation_block,
                                                               conversation_price_minor)) END,
    list_minor = agents * agent_price_minor
                 + extra_conversations / conversation_block * conversation_price_minor,
    in_force = superseded_at IS NULL;

DROP INDEX configurations_current_key;

-- the view goes first: it reads the table whose columns go
DROP VIEW entitlements;

ALTER TABLE configurations
    ALTER COLUMN agent_lots SET NOT NULL,
    ALTER COLUMN block_lots SET NOT NULL,
    ALTER COLUMN list_minor SET NOT NULL,
    ALTER COLUMN in_force SET NOT NULL,
    DROP CONSTRAINT configurations_prices_not_negative,
    DROP COLUMN agent_price_minor,
    DROP COLUMN conversation_price_minor,
    ADD CONSTRAINT configurations_lots_listed
        CHECK (jsonb_array_length(agent_lots) >= 1 AND jsonb_array_length(block_lots) >= 0),
    ADD CONSTRAINT configurations_list_not_negative CHECK (list_minor >= 0),
    ADD CONSTRAINT configurations_in_force_not_superseded CHECK (NOT (in_force AND superseded_at IS NOT NULL));

CREATE UNIQUE INDEX configurations_current_key ON configurations (subscription_id) WHERE in_force;

COMMENT ON COLUMN configurations.agent_lots IS '[[quantity, unit price in minor units], ...], oldest first (R3b)';

COMMENT ON COLUMN configurations.block_lots IS 'the same of blocks of conversations';

COMMENT ON COLUMN configurations.in_force IS 'false: ordered and not paid yet, or a former one';

-- A subscription exists from its order on; a term may be given away, or end on its first day when a change replaces it.

ALTER TABLE subscriptions
    DROP CONSTRAINT subscriptions_status_known,
    ADD CONSTRAINT subscriptions_status_known
        CHECK (status IN ('pending', 'active', 'past_due', 'suspended', 'ended'));

ALTER TABLE terms
    DROP CONSTRAINT terms_origin_known,
    ADD CONSTRAINT terms_origin_known CHECK (origin IN ('import', 'charge', 'gift')),
    DROP CONSTRAINT terms_not_empty,
    ADD CONSTRAINT terms_not_negative CHECK (ends_on >= starts_on);

CREATE TABLE quotes (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    account_id BIGINT NOT NULL,
    subscription_id BIGINT,
    purpose TEXT NOT NULL,
    priced_on DATE NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    currency TEXT NOT NULL,
    to_charge_minor BIGINT NOT NULL,
    wish JSONB NOT NULL,
    offer JSONB NOT NULL,
    offer_sha256 TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT quotes_pkey PRIMARY KEY (id),
    CONSTRAINT quotes_purpose_known CHECK (purpose IN ('purchase', 'change')),
    CONSTRAINT quotes_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT quotes_not_negative CHECK (to_charge_minor >= 0),
    CONSTRAINT quotes_uid_key UNIQUE (uid),
    CONSTRAINT quotes_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT quotes_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id)
);

CREATE INDEX quotes_account_id_idx ON quotes (account_id);

CREATE INDEX quotes_subscription_id_idx ON quotes (subscription_id);

COMMENT ON COLUMN quotes.priced_on IS 'the day in the seller''s zone that its sums are for';

COMMENT ON COLUMN quotes.wish IS 'what was asked for';

COMMENT ON COLUMN quotes.offer IS 'what was shown';

COMMENT ON COLUMN quotes.offer_sha256 IS 'the same, to see whether it still holds';

CREATE TABLE refunds (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    account_id BIGINT NOT NULL,
    subscription_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    overridden BOOLEAN NOT NULL,
    reason TEXT,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL,
    requested_on DATE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT refunds_pkey PRIMARY KEY (id),
    CONSTRAINT refunds_kind_known CHECK (kind IN ('full', 'part', 'order')),
    CONSTRAINT refunds_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT refunds_not_negative CHECK (total_minor >= 0),
    CONSTRAINT refunds_uid_key UNIQUE (uid),
    CONSTRAINT refunds_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT refunds_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id)
);

CREATE INDEX refunds_account_id_idx ON refunds (account_id);

CREATE UNIQUE INDEX refunds_full_key ON refunds (subscription_id) WHERE kind = 'full';

CREATE INDEX refunds_subscription_id_idx ON refunds (subscription_id);

COMMENT ON COLUMN refunds.kind IS 'full ends the subscription; order: it could not be carried out';

COMMENT ON COLUMN refunds.overridden IS 'given by support outside the rule (R14b)';

-- Orders are charges with a quote.

ALTER TABLE charges
    ADD COLUMN quote_id BIGINT,
    ADD COLUMN payer TEXT DEFAULT 'automatic' NOT NULL,
    ADD COLUMN buys_term BOOLEAN DEFAULT true NOT NULL,
    ADD COLUMN anchor_on DATE,
    ADD COLUMN base_configuration_id BIGINT,
    ADD COLUMN pay_until TIMESTAMP WITH TIME ZONE,
    ADD COLUMN unused_minor BIGINT DEFAULT '0' NOT NULL,
    ADD COLUMN goodwill_minor BIGINT DEFAULT '0' NOT NULL,
    ADD COLUMN returned_at TIMESTAMP WITH TIME ZONE,
    DROP CONSTRAINT charges_purpose_known,
    ADD CONSTRAINT charges_purpose_known CHECK (purpose IN ('renewal', 'purchase', 'change')),
    ADD CONSTRAINT charges_payer_known CHECK (payer IN ('automatic', 'saved_method', 'page')),
    ADD CONSTRAINT charges_order_has_quote CHECK ((purpose = 'renewal') = (quote_id IS NULL)),
    ADD CONSTRAINT charges_payer_of_orders CHECK ((purpose = 'renewal') = (payer = 'automatic')),
    ADD CONSTRAINT charges_given_not_negative CHECK (unused_minor >= 0 AND goodwill_minor >= 0),
    ADD CONSTRAINT charges_quote_id_fkey FOREIGN KEY(quote_id) REFERENCES quotes (id),
    ADD CONSTRAINT charges_base_configuration_id_fkey
        FOREIGN KEY(base_configuration_id) REFERENCES configurations (id);

DROP INDEX charges_renewal_key;

CREATE UNIQUE INDEX charges_term_key ON charges (subscription_id, term_number)
    WHERE buys_term AND returned_at IS NULL AND state NOT IN ('failed', 'cancelled');

CREATE UNIQUE INDEX charges_quote_key ON charges (quote_id);

CREATE UNIQUE INDEX charges_order_key ON charges (account_id)
    WHERE purpose <> 'renewal' AND state NOT IN ('succeeded', 'failed', 'cancelled');

CREATE INDEX charges_base_configuration_id_idx ON charges (base_configuration_id);

COMMENT ON COLUMN charges.payer IS 'who confirms the payment, and how';

COMMENT ON COLUMN charges.buys_term IS 'false: a change within a term';

COMMENT ON COLUMN charges.anchor_on IS 'the subscription''s anchor from this term on, if it moves';

ALTER TABLE credit_entries
    ADD COLUMN refund_id BIGINT,
    DROP CONSTRAINT credit_entries_kind_known,
    ADD CONSTRAINT credit_entries_kind_known
        CHECK (kind IN ('import', 'used', 'returned', 'unused', 'applied', 'refund')),
    DROP CONSTRAINT credit_entries_charge_named,
    ADD CONSTRAINT credit_entries_charge_named CHECK ((kind IN ('import', 'refund')) = (charge_id IS NULL)),
    ADD CONSTRAINT credit_entries_refund_named CHECK ((kind = 'refund') = (refund_id IS NOT NULL)),
    ADD CONSTRAINT credit_entries_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (id);

CREATE INDEX credit_entries_refund_id_idx ON credit_entries (refund_id);

ALTER TABLE carried_sums
    ADD COLUMN refund_id BIGINT,
    ADD CONSTRAINT carried_sums_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (id);

CREATE INDEX carried_sums_refund_id_idx ON carried_sums (refund_id);

CREATE TABLE goodwill_entries (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    kind TEXT NOT NULL,
    charge_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT goodwill_entries_pkey PRIMARY KEY (id),
    CONSTRAINT goodwill_entries_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT goodwill_entries_kind_known CHECK (kind IN ('granted', 'used', 'returned')),
    CONSTRAINT goodwill_entries_not_zero CHECK (amount_minor <> 0),
    CONSTRAINT goodwill_entries_charge_named CHECK ((kind = 'granted') = (charge_id IS NULL)),
    CONSTRAINT goodwill_entries_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT goodwill_entries_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id)
);

CREATE INDEX goodwill_entries_account_id_idx ON goodwill_entries (account_id);

CREATE UNIQUE INDEX goodwill_entries_once_key ON goodwill_entries (charge_id, kind);

COMMENT ON COLUMN goodwill_entries.amount_minor IS 'net: a discount line, no means of payment (R15b)';

CREATE TABLE scheduled_changes (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    subscription_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    not_before DATE NOT NULL,
    priced_on DATE NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL,
    charge_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT scheduled_changes_pkey PRIMARY KEY (id),
    CONSTRAINT scheduled_changes_kind_known CHECK (kind IN ('interval', 'prices')),
    CONSTRAINT scheduled_changes_state_known CHECK (state IN ('waiting', 'applied', 'withdrawn', 'void')),
    CONSTRAINT scheduled_changes_applied_by_charge CHECK ((state = 'applied') = (charge_id IS NOT NULL)),
    CONSTRAINT scheduled_changes_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT scheduled_changes_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id),
    CONSTRAINT scheduled_changes_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id)
);

CREATE INDEX scheduled_changes_account_id_idx ON scheduled_changes (account_id);

CREATE INDEX scheduled_changes_charge_id_idx ON scheduled_changes (charge_id);

CREATE INDEX scheduled_changes_subscription_id_idx ON scheduled_changes (subscription_id);

CREATE UNIQUE INDEX scheduled_changes_waiting_key ON scheduled_changes (subscription_id, kind) WHERE state = 'waiting';

COMMENT ON COLUMN scheduled_changes.not_before IS 'it comes with the first term that starts then or later';

COMMENT ON COLUMN scheduled_changes.priced_on IS 'the day whose prices it brings';

CREATE TABLE payouts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    refund_id BIGINT NOT NULL,
    charge_id BIGINT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    state TEXT DEFAULT 'planned' NOT NULL,
    provider_refund TEXT,
    work_item_id BIGINT,
    sent_at TIMESTAMP WITH TIME ZONE,
    paid_at TIMESTAMP WITH TIME ZONE,
    check_after TIMESTAMP WITH TIME ZONE,
    checks INTEGER DEFAULT '0' NOT NULL,
    code TEXT,
    parked_at TIMESTAMP WITH TIME ZONE,
    parked_reason TEXT,
    parked_detail TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT payouts_pkey PRIMARY KEY (id),
    CONSTRAINT payouts_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT payouts_state_known CHECK (state IN ('planned', 'sent', 'unknown', 'pending', 'succeeded', 'failed')),
    CONSTRAINT payouts_positive CHECK (amount_minor > 0),
    CONSTRAINT payouts_parked_with_reason CHECK ((parked_at IS NULL) = (parked_reason IS NULL)),
    CONSTRAINT payouts_uid_key UNIQUE (uid),
    CONSTRAINT payouts_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (id),
    CONSTRAINT payouts_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id),
    CONSTRAINT payouts_provider_refund_key UNIQUE (provider_refund),
    CONSTRAINT payouts_work_item_id_fkey FOREIGN KEY(work_item_id) REFERENCES work_items (id) ON DELETE SET NULL
);

CREATE INDEX payouts_charge_id_idx ON payouts (charge_id);

CREATE UNIQUE INDEX payouts_once_key ON payouts (refund_id, charge_id);

CREATE INDEX payouts_open_idx ON payouts (id) WHERE state IN ('planned', 'sent', 'unknown', 'pending');

CREATE INDEX payouts_parked_idx ON payouts (parked_at) WHERE parked_at IS NOT NULL;

CREATE INDEX payouts_refund_id_idx ON payouts (refund_id);

CREATE INDEX payouts_work_item_id_idx ON payouts (work_item_id);

CREATE TABLE reversals (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    subscription_id BIGINT NOT NULL,
    charge_id BIGINT,
    cause_charge_id BIGINT,
    refund_id BIGINT,
    currency TEXT NOT NULL,
    net_minor BIGINT NOT NULL,
    vat_minor BIGINT NOT NULL,
    gross_minor BIGINT NOT NULL,
    frozen JSONB NOT NULL,
    reversed_on DATE NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT reversals_pkey PRIMARY KEY (id),
    CONSTRAINT reversals_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT reversals_gross_is_net_and_vat CHECK (gross_minor = net_minor + vat_minor AND gross_minor > 0),
    CONSTRAINT reversals_one_cause CHECK (num_nonnulls(cause_charge_id, refund_id) = 1),
    CONSTRAINT reversals_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT reversals_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id),
    CONSTRAINT reversals_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id),
    CONSTRAINT reversals_cause_charge_id_fkey FOREIGN KEY(cause_charge_id) REFERENCES charges (id),
    CONSTRAINT reversals_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (id)
);

CREATE INDEX reversals_account_id_idx ON reversals (account_id);

CREATE INDEX reversals_cause_charge_id_idx ON reversals (cause_charge_id);

CREATE UNIQUE INDEX reversals_change_key ON reversals (cause_charge_id) WHERE cause_charge_id IS NOT NULL;

CREATE INDEX reversals_charge_id_idx ON reversals (charge_id);

CREATE INDEX reversals_refund_id_idx ON reversals (refund_id);

CREATE UNIQUE INDEX reversals_refund_key ON reversals (refund_id, charge_id) WHERE refund_id IS NOT NULL;

CREATE INDEX reversals_subscription_id_idx ON reversals (subscription_id);

COMMENT ON COLUMN reversals.charge_id IS 'whose invoice is reversed; none: it was invoiced before the import';

COMMENT ON COLUMN reversals.frozen IS 'lines, and the VAT decision of the reversed invoice (R15b)';

CREATE TABLE disputes (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    charge_id BIGINT NOT NULL,
    provider_dispute TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    released_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT disputes_pkey PRIMARY KEY (id),
    CONSTRAINT disputes_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT disputes_status_known CHECK (status IN ('open', 'won', 'lost')),
    CONSTRAINT disputes_positive CHECK (amount_minor > 0),
    CONSTRAINT disputes_closed_with_time CHECK ((status = 'open') = (closed_at IS NULL)),
    CONSTRAINT disputes_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT disputes_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id),
    CONSTRAINT disputes_provider_dispute_key UNIQUE (provider_dispute)
);

CREATE INDEX disputes_account_id_idx ON disputes (account_id);

CREATE INDEX disputes_charge_id_idx ON disputes (charge_id);

CREATE INDEX disputes_standing_idx ON disputes (account_id) WHERE released_at IS NULL;

-- Credit notes are documents like invoices, in a series of their own.

ALTER TABLE invoices
    ADD COLUMN reversal_id BIGINT,
    DROP CONSTRAINT invoices_kind_known,
    ADD CONSTRAINT invoices_kind_known CHECK (kind IN ('invoice', 'credit_note')),
    ADD CONSTRAINT invoices_credit_note_of_reversal CHECK ((kind = 'credit_note') = (reversal_id IS NOT NULL)),
    ADD CONSTRAINT invoices_reversal_id_fkey FOREIGN KEY(reversal_id) REFERENCES reversals (id);

CREATE UNIQUE INDEX invoices_reversal_key ON invoices (reversal_id);

ALTER TABLE invoice_lines
    DROP CONSTRAINT invoice_lines_kind_known,
    ADD CONSTRAINT invoice_lines_kind_known CHECK (kind IN ('agents', 'conversations', 'carried', 'goodwill'));

CREATE VIEW entitlements AS
SELECT a.external_id AS account,
       coalesce(c.package, 'free') AS package,
       coalesce(c.agents, 1) AS agents,
       coalesce(allowed.included, 0) + coalesce(c.extra_conversations, 0) AS conversations,
       coalesce(s.status, 'free') AS status,
       s.paid_until AS valid_until,
       coalesce(s.status IN ('active', 'past_due'), false) AS support
FROM accounts a
LEFT JOIN LATERAL (
    SELECT * FROM subscriptions
    WHERE account_id = a.id AND status NOT IN ('pending', 'ended')
    ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1
) s ON true
LEFT JOIN configurations c ON c.subscription_id = s.id AND c.in_force
LEFT JOIN terms t ON t.subscription_id = s.id AND t.number = s.term_number
LEFT JOIN LATERAL (
    SELECT included FROM catalogue_allowances
    WHERE package = coalesce(c.package, 'free') AND valid_from <= coalesce(t.starts_on, CURRENT_DATE)
    ORDER BY valid_from DESC LIMIT 1
) allowed ON true;
