-- The ground: every table of the night shift, and the view entitlements.

CREATE TABLE accounts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    external_id TEXT NOT NULL,
    locale TEXT NOT NULL,
    currency TEXT NOT NULL,
    provider_customer TEXT,
    source_hash TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (id),
    CONSTRAINT accounts_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT accounts_locale_shape CHECK (locale ~ '^[a-z]{2}(_[A-Z]{2})?$'),
    CONSTRAINT accounts_external_id_length CHECK (length(external_id) BETWEEN 1 AND 100),
    CONSTRAINT accounts_external_id_key UNIQUE (external_id)
);

COMMENT ON COLUMN accounts.source_hash IS 'of the imported row: the same row again changes nothing';

CREATE TABLE installation (
    id INTEGER NOT NULL,
    go_live_on DATE,
    CONSTRAINT installation_pkey PRIMARY KEY (id),
    CONSTRAINT installation_single_row CHECK (id = 1)
);

COMMENT ON COLUMN installation.go_live_on IS 'no money job runs for an earlier business date';

CREATE TABLE provider_cursors (
    stream TEXT NOT NULL,
    event_id TEXT,
    event_at TIMESTAMP WITH TIME ZONE,
    read_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT provider_cursors_pkey PRIMARY KEY (stream)
);

CREATE TABLE catalogue_prices (
    package TEXT NOT NULL,
    interval TEXT NOT NULL,
    currency TEXT NOT NULL,
    valid_from DATE NOT NULL,
    agent_price_minor BIGINT NOT NULL,
    conversation_price_minor BIGINT NOT NULL,
    CONSTRAINT catalogue_prices_pkey PRIMARY KEY (package, interval, currency, valid_from),
    CONSTRAINT catalogue_prices_package_known CHECK (package IN ('standard', 'pro')),
    CONSTRAINT catalogue_prices_interval_known CHECK (interval IN ('month', 'year')),
    CONSTRAINT catalogue_prices_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT catalogue_prices_prices_not_negative CHECK (agent_price_minor >= 0 AND conversation_price_minor >= 0)
);

CREATE TABLE catalogue_allowances (
    package TEXT NOT NULL,
    valid_from DATE NOT NULL,
    included INTEGER NOT NULL,
    "limit" INTEGER NOT NULL,
    block INTEGER NOT NULL,
    CONSTRAINT catalogue_allowances_pkey PRIMARY KEY (package, valid_from),
    CONSTRAINT catalogue_allowances_package_known CHECK (package IN ('free', 'standard', 'pro')),
    CONSTRAINT catalogue_allowances_allowance_sensible CHECK (included >= 0 AND "limit" >= included AND block >= 1)
);

CREATE TABLE number_series (
    series TEXT NOT NULL,
    year INTEGER NOT NULL,
    next_sequence INTEGER NOT NULL,
    CONSTRAINT number_series_pkey PRIMARY KEY (series, year),
    CONSTRAINT number_series_sequence_positive CHECK (next_sequence >= 1)
);

CREATE TABLE runs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job TEXT NOT NULL,
    business_date DATE NOT NULL,
    trigger TEXT NOT NULL,
    sequence BIGINT DEFAULT '0' NOT NULL,
    root_run_id BIGINT,
    requested_by TEXT NOT NULL,
    reason TEXT,
    selection JSONB DEFAULT '{}'::jsonb NOT NULL,
    planned JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    held_at TIMESTAMP WITH TIME ZONE,
    held_reason TEXT,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT runs_pkey PRIMARY KEY (id),
    CONSTRAINT runs_trigger_known CHECK (trigger IN ('timetable', 'manual', 'rung', 'minutely')),
    CONSTRAINT runs_held_with_reason CHECK ((held_at IS NULL) = (held_reason IS NULL)),
    CONSTRAINT runs_root_run_id_fkey FOREIGN KEY(root_run_id) REFERENCES runs (id)
);

CREATE INDEX runs_open_idx ON runs (id) WHERE finished_at IS NULL;

CREATE INDEX runs_root_run_id_idx ON runs (root_run_id);

CREATE UNIQUE INDEX runs_timetable_key ON runs (job, business_date) WHERE trigger = 'timetable';

CREATE INDEX runs_job_idx ON runs (job, business_date, id);

COMMENT ON COLUMN runs.planned IS 'counts and sums by currency';

CREATE TABLE heartbeats (
    process TEXT NOT NULL,
    kind TEXT NOT NULL,
    beat_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT heartbeats_pkey PRIMARY KEY (process),
    CONSTRAINT heartbeats_kind_known CHECK (kind IN ('worker', 'scheduler'))
);

COMMENT ON COLUMN heartbeats.process IS 'kind:host:pid';

CREATE TABLE billing_details (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    version INTEGER NOT NULL,
    company TEXT NOT NULL,
    street TEXT NOT NULL,
    city TEXT NOT NULL,
    postcode TEXT NOT NULL,
    country TEXT NOT NULL,
    email TEXT NOT NULL,
    vat_number TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT billing_details_pkey PRIMARY KEY (id),
    CONSTRAINT billing_details_country_shape CHECK (country ~ '^[A-Z]{2}$' OR country = ''),
    CONSTRAINT billing_details_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE UNIQUE INDEX billing_details_account_version_key ON billing_details (account_id, version);

CREATE UNIQUE INDEX billing_details_current_key ON billing_details (account_id) WHERE superseded_at IS NULL;

CREATE TABLE payment_methods (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    provider_method TEXT NOT NULL,
    type TEXT NOT NULL,
    brand TEXT,
    last4 TEXT,
    exp_month INTEGER,
    exp_year INTEGER,
    state TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT payment_methods_pkey PRIMARY KEY (id),
    CONSTRAINT payment_methods_type_known CHECK (type IN ('card', 'paypal')),
    CONSTRAINT payment_methods_state_known CHECK (state IN ('in_use', 'saved', 'removed')),
    CONSTRAINT payment_methods_brand_of_cards CHECK ((type = 'card') = (brand IS NOT NULL)),
    CONSTRAINT payment_methods_brand_accepted CHECK (brand IS NULL OR brand IN ('visa', 'mastercard')),
    CONSTRAINT payment_methods_last4_shape CHECK (last4 IS NULL OR last4 ~ '^[0-9]{4}$'),
    CONSTRAINT payment_methods_exp_month_range CHECK (exp_month IS NULL OR exp_month BETWEEN 1 AND 12),
    CONSTRAINT payment_methods_expiry_whole CHECK ((exp_month IS NULL) = (exp_year IS NULL)),
    CONSTRAINT payment_methods_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT payment_methods_provider_method_key UNIQUE (provider_method)
);

CREATE INDEX payment_methods_account_id_idx ON payment_methods (account_id);

CREATE UNIQUE INDEX payment_methods_in_use_key ON payment_methods (account_id) WHERE state = 'in_use';

CREATE TABLE work_items (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    run_id BIGINT NOT NULL,
    job TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSONB NOT NULL,
    state TEXT DEFAULT 'ready' NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    deferrals INTEGER DEFAULT '0' NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    dispatches INTEGER DEFAULT '0' NOT NULL,
    next_dispatch_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    lease_token UUID,
    lease_expires_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT,
    last_traceback TEXT,
    result JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT work_items_pkey PRIMARY KEY (id),
    CONSTRAINT work_items_state_known CHECK (state IN ('ready', 'leased', 'done', 'dead', 'cancelled')),
    CONSTRAINT work_items_leased_with_token CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
    CONSTRAINT work_items_run_id_fkey FOREIGN KEY(run_id) REFERENCES runs (id)
);

COMMENT ON COLUMN work_items.attempts IS 'leases that failed or ran out';

COMMENT ON COLUMN work_items.deferrals IS 'times a server it needs was away';

CREATE UNIQUE INDEX work_items_run_key_key ON work_items (run_id, key);

CREATE INDEX work_items_ready_idx ON work_items (next_dispatch_at, id) WHERE state = 'ready';

CREATE INDEX work_items_dead_idx ON work_items (id) WHERE state = 'dead';

CREATE INDEX work_items_leased_idx ON work_items (lease_expires_at) WHERE state = 'leased';

CREATE TABLE subscriptions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    status TEXT NOT NULL,
    auto_renew BOOLEAN NOT NULL,
    interval TEXT NOT NULL,
    anchor_on DATE NOT NULL,
    anchor_number INTEGER DEFAULT '0' NOT NULL,
    term_number INTEGER NOT NULL,
    paid_until DATE NOT NULL,
    first_paid_on DATE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (id),
    CONSTRAINT subscriptions_status_known CHECK (status IN ('active', 'past_due', 'suspended', 'ended')),
    CONSTRAINT subscriptions_interval_known CHECK (interval IN ('month', 'year')),
    CONSTRAINT subscriptions_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE INDEX subscriptions_account_id_idx ON subscriptions (account_id);

CREATE INDEX subscriptions_due_idx ON subscriptions (paid_until, id) WHERE status IN ('active', 'past_due');

CREATE UNIQUE INDEX subscriptions_live_key ON subscriptions (account_id) WHERE status IN ('active', 'past_due');

COMMENT ON COLUMN subscriptions.anchor_on IS 'every term start is computed from this day';

COMMENT ON COLUMN subscriptions.anchor_number IS 'the term that began on anchor_on';

COMMENT ON COLUMN subscriptions.term_number IS 'the last paid term';

COMMENT ON COLUMN subscriptions.paid_until IS 'its ends_on: the first day that is not paid';

CREATE TABLE audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    reason TEXT,
    account_id BIGINT,
    subscription_id BIGINT,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (id),
    CONSTRAINT audit_log_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT audit_log_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id)
);

CREATE INDEX audit_log_subscription_id_idx ON audit_log (subscription_id);

CREATE INDEX audit_log_account_id_idx ON audit_log (account_id);

CREATE INDEX audit_log_created_at_idx ON audit_log (created_at);

COMMENT ON COLUMN audit_log.actor IS 'who: a person''s name, or the job';

CREATE TABLE configurations (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subscription_id BIGINT NOT NULL,
    package TEXT NOT NULL,
    interval TEXT NOT NULL,
    currency TEXT NOT NULL,
    agents INTEGER NOT NULL,
    extra_conversations INTEGER NOT NULL,
    conversation_block INTEGER NOT NULL,
    agent_price_minor BIGINT NOT NULL,
    conversation_price_minor BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT configurations_pkey PRIMARY KEY (id),
    CONSTRAINT configurations_package_known CHECK (package IN ('standard', 'pro')),
    CONSTRAINT configurations_interval_known CHECK (interval IN ('month', 'year')),
    CONSTRAINT configurations_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT configurations_agents_positive CHECK (agents >= 1),
    CONSTRAINT configurations_conversations_sensible CHECK (extra_conversations >= 0 AND conversation_block >= 1),
    CONSTRAINT configurations_prices_not_negative CHECK (agent_price_minor >= 0 AND conversation_price_minor >= 0),
    CONSTRAINT configurations_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id)
);

CREATE INDEX configurations_subscription_id_idx ON configurations (subscription_id);

CREATE UNIQUE INDEX configurations_current_key ON configurations (subscription_id) WHERE superseded_at IS NULL;

CREATE TABLE notices (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    subscription_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    term_number INTEGER NOT NULL,
    ends_on DATE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    withdrawn_because TEXT,
    CONSTRAINT notices_pkey PRIMARY KEY (id),
    CONSTRAINT notices_kind_known CHECK (kind IN ('term_ending')),
    CONSTRAINT notices_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT notices_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id)
);

CREATE INDEX notices_account_id_idx ON notices (account_id);

CREATE INDEX notices_subscription_id_idx ON notices (subscription_id);

CREATE UNIQUE INDEX notices_standing_key ON notices (subscription_id, kind, term_number) WHERE withdrawn_at IS NULL;

CREATE TABLE charges (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    account_id BIGINT NOT NULL,
    subscription_id BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    term_number INTEGER NOT NULL,
    business_date DATE NOT NULL,
    state TEXT DEFAULT 'planned' NOT NULL,
    configuration_id BIGINT,
    starts_on DATE,
    ends_on DATE,
    currency TEXT,
    net_minor BIGINT,
    vat_minor BIGINT,
    gross_minor BIGINT,
    carried_in_minor BIGINT DEFAULT '0' NOT NULL,
    credit_used_minor BIGINT DEFAULT '0' NOT NULL,
    carried_out_minor BIGINT DEFAULT '0' NOT NULL,
    amount_minor BIGINT,
    frozen JSONB,
    provider_intent TEXT,
    work_item_id BIGINT,
    tries INTEGER DEFAULT '0' NOT NULL,
    last_method_id BIGINT,
    first_declined_on DATE,
    next_try_on DATE,
    suspends_on DATE,
    decline_kind TEXT,
    decline_code TEXT,
    check_after TIMESTAMP WITH TIME ZONE,
    checks INTEGER DEFAULT '0' NOT NULL,
    paid_at TIMESTAMP WITH TIME ZONE,
    paid_on DATE,
    parked_at TIMESTAMP WITH TIME ZONE,
    parked_reason TEXT,
    parked_detail TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT charges_pkey PRIMARY KEY (id),
    CONSTRAINT charges_purpose_known CHECK (purpose IN ('renewal')),
    CONSTRAINT charges_state_known CHECK (state IN ('planned', 'priced', 'created', 'confirming', 'processing', 'unknown', 'declined', 'cancelling', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT charges_currency_known CHECK (currency IS NULL OR currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT charges_decline_known CHECK (decline_kind IS NULL OR decline_kind IN ('soft', 'hard', 'needs_action')),
    CONSTRAINT charges_gross_is_net_and_vat CHECK (gross_minor IS NULL OR gross_minor = net_minor + vat_minor),
    CONSTRAINT charges_gross_is_paid_somehow CHECK (gross_minor IS NULL OR gross_minor = amount_minor + credit_used_minor + carried_out_minor),
    CONSTRAINT charges_not_negative CHECK (amount_minor >= 0 AND credit_used_minor >= 0 AND carried_in_minor >= 0),
    CONSTRAINT charges_priced_before_use CHECK (state IN ('planned', 'cancelled', 'declined', 'failed') OR gross_minor IS NOT NULL),
    CONSTRAINT charges_paid_when_succeeded CHECK ((state = 'succeeded') = (paid_at IS NOT NULL)),
    CONSTRAINT charges_parked_with_reason CHECK ((parked_at IS NULL) = (parked_reason IS NULL)),
    CONSTRAINT charges_uid_key UNIQUE (uid),
    CONSTRAINT charges_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT charges_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id),
    CONSTRAINT charges_configuration_id_fkey FOREIGN KEY(configuration_id) REFERENCES configurations (id),
    CONSTRAINT charges_provider_intent_key UNIQUE (provider_intent),
    CONSTRAINT charges_work_item_id_fkey FOREIGN KEY(work_item_id) REFERENCES work_items (id) ON DELETE SET NULL,
    CONSTRAINT charges_last_method_id_fkey FOREIGN KEY(last_method_id) REFERENCES payment_methods (id)
);

CREATE UNIQUE INDEX charges_renewal_key ON charges (subscription_id, term_number) WHERE purpose = 'renewal' AND state NOT IN ('failed', 'cancelled');

CREATE INDEX charges_parked_idx ON charges (parked_at) WHERE parked_at IS NOT NULL;

CREATE INDEX charges_open_idx ON charges (state, id) WHERE state NOT IN ('succeeded', 'failed', 'cancelled');

CREATE INDEX charges_configuration_id_idx ON charges (configuration_id);

CREATE INDEX charges_work_item_id_idx ON charges (work_item_id);

CREATE INDEX charges_subscription_id_idx ON charges (subscription_id);

CREATE INDEX charges_business_date_idx ON charges (business_date);

CREATE INDEX charges_last_method_id_idx ON charges (last_method_id);

CREATE INDEX charges_account_id_idx ON charges (account_id);

COMMENT ON COLUMN charges.term_number IS 'the term that this charge buys';

COMMENT ON COLUMN charges.business_date IS 'the day it was planned for';

COMMENT ON COLUMN charges.frozen IS 'lines, VAT decision and buyer''s tax data as of pricing (R16)';

COMMENT ON COLUMN charges.suspends_on IS 'the day on which the schedule has run out';

CREATE TABLE attempts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    charge_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    payment_method_id BIGINT NOT NULL,
    request JSONB NOT NULL,
    state TEXT DEFAULT 'sent' NOT NULL,
    sent_on DATE NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE,
    code TEXT,
    decline_code TEXT,
    advice_code TEXT,
    decline_kind TEXT,
    request_id TEXT,
    CONSTRAINT attempts_pkey PRIMARY KEY (id),
    CONSTRAINT attempts_state_known CHECK (state IN ('sent', 'unknown', 'succeeded', 'processing', 'declined', 'void')),
    CONSTRAINT attempts_decline_known CHECK (decline_kind IS NULL OR decline_kind IN ('soft', 'hard', 'needs_action')),
    CONSTRAINT attempts_uid_key UNIQUE (uid),
    CONSTRAINT attempts_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id),
    CONSTRAINT attempts_payment_method_id_fkey FOREIGN KEY(payment_method_id) REFERENCES payment_methods (id)
);

CREATE INDEX attempts_payment_method_id_idx ON attempts (payment_method_id);

CREATE UNIQUE INDEX attempts_open_key ON attempts (charge_id) WHERE state IN ('sent', 'unknown', 'processing');

CREATE UNIQUE INDEX attempts_charge_number_key ON attempts (charge_id, number);

CREATE UNIQUE INDEX attempts_day_key ON attempts (charge_id, payment_method_id, sent_on) WHERE state <> 'void';

COMMENT ON COLUMN attempts.request IS 'the parameters exactly as sent, for the same attempt again';

COMMENT ON COLUMN attempts.sent_on IS 'the real day in the seller''s zone';

COMMENT ON COLUMN attempts.request_id IS 'the provider''s name for our call';

CREATE TABLE credit_entries (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    kind TEXT NOT NULL,
    charge_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT credit_entries_pkey PRIMARY KEY (id),
    CONSTRAINT credit_entries_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT credit_entries_kind_known CHECK (kind IN ('import', 'used', 'returned')),
    CONSTRAINT credit_entries_not_zero CHECK (amount_minor <> 0),
    CONSTRAINT credit_entries_charge_named CHECK ((kind = 'import') = (charge_id IS NULL)),
    CONSTRAINT credit_entries_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT credit_entries_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id)
);

CREATE INDEX credit_entries_charge_id_idx ON credit_entries (charge_id);

CREATE UNIQUE INDEX credit_entries_once_key ON credit_entries (charge_id, kind) WHERE charge_id IS NOT NULL;

CREATE INDEX credit_entries_account_id_idx ON credit_entries (account_id);

CREATE TABLE carried_sums (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    from_charge_id BIGINT NOT NULL,
    into_charge_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT carried_sums_pkey PRIMARY KEY (id),
    CONSTRAINT carried_sums_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT carried_sums_positive CHECK (amount_minor > 0),
    CONSTRAINT carried_sums_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT carried_sums_from_charge_id_fkey FOREIGN KEY(from_charge_id) REFERENCES charges (id),
    CONSTRAINT carried_sums_into_charge_id_fkey FOREIGN KEY(into_charge_id) REFERENCES charges (id)
);

CREATE INDEX carried_sums_into_charge_id_idx ON carried_sums (into_charge_id);

CREATE INDEX carried_sums_account_id_idx ON carried_sums (account_id);

CREATE UNIQUE INDEX carried_sums_from_charge_key ON carried_sums (from_charge_id);

CREATE TABLE invoices (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    charge_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    series TEXT NOT NULL,
    year INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    number TEXT NOT NULL,
    issued_on DATE NOT NULL,
    paid_on DATE NOT NULL,
    currency TEXT NOT NULL,
    net_minor BIGINT NOT NULL,
    vat_minor BIGINT NOT NULL,
    gross_minor BIGINT NOT NULL,
    snapshot JSONB NOT NULL,
    snapshot_sha256 TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT invoices_pkey PRIMARY KEY (id),
    CONSTRAINT invoices_kind_known CHECK (kind IN ('invoice')),
    CONSTRAINT invoices_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT invoices_gross_is_net_and_vat CHECK (gross_minor = net_minor + vat_minor),
    CONSTRAINT invoices_issued_after_payment CHECK (issued_on >= paid_on),
    CONSTRAINT invoices_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT invoices_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id),
    CONSTRAINT invoices_number_key UNIQUE (number)
);

CREATE UNIQUE INDEX invoices_series_key ON invoices (series, year, sequence);

CREATE UNIQUE INDEX invoices_charge_key ON invoices (charge_id) WHERE kind = 'invoice';

CREATE INDEX invoices_account_id_idx ON invoices (account_id);

CREATE INDEX invoices_charge_id_idx ON invoices (charge_id);

COMMENT ON COLUMN invoices.snapshot IS 'everything printed';

CREATE TABLE terms (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subscription_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    configuration_id BIGINT NOT NULL,
    paid_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    origin TEXT NOT NULL,
    charge_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT terms_pkey PRIMARY KEY (id),
    CONSTRAINT terms_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT terms_origin_known CHECK (origin IN ('import', 'charge')),
    CONSTRAINT terms_not_empty CHECK (ends_on > starts_on),
    CONSTRAINT terms_charge_of_origin CHECK ((origin = 'charge') = (charge_id IS NOT NULL)),
    CONSTRAINT terms_never_overlap EXCLUDE USING gist (int8range(subscription_id, subscription_id, '[]') WITH &&, daterange(starts_on, ends_on) WITH &&),
    CONSTRAINT terms_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id),
    CONSTRAINT terms_configuration_id_fkey FOREIGN KEY(configuration_id) REFERENCES configurations (id),
    CONSTRAINT terms_charge_id_fkey FOREIGN KEY(charge_id) REFERENCES charges (id)
);

CREATE INDEX terms_configuration_id_idx ON terms (configuration_id);

CREATE INDEX terms_charge_id_idx ON terms (charge_id);

CREATE UNIQUE INDEX terms_subscription_number_key ON terms (subscription_id, number);

CREATE TABLE invoice_lines (
    invoice_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price_minor BIGINT NOT NULL,
    net_minor BIGINT NOT NULL,
    CONSTRAINT invoice_lines_pkey PRIMARY KEY (invoice_id, position),
    CONSTRAINT invoice_lines_kind_known CHECK (kind IN ('agents', 'conversations', 'carried')),
    CONSTRAINT invoice_lines_invoice_id_fkey FOREIGN KEY(invoice_id) REFERENCES invoices (id)
);

CREATE TABLE invoice_documents (
    invoice_id BIGINT NOT NULL,
    template_version INTEGER NOT NULL,
    pdf BYTEA NOT NULL,
    pdf_sha256 TEXT NOT NULL,
    replaced TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT invoice_documents_pkey PRIMARY KEY (invoice_id, template_version),
    CONSTRAINT invoice_documents_invoice_id_fkey FOREIGN KEY(invoice_id) REFERENCES invoices (id)
);

COMMENT ON COLUMN invoice_documents.replaced IS 'characters without a glyph';

CREATE TABLE mails (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    subscription_id BIGINT,
    invoice_id BIGINT,
    data JSONB NOT NULL,
    useless_on DATE,
    state TEXT DEFAULT 'waiting' NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE DEFAULT '-infinity' NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    work_item_id BIGINT,
    recipient TEXT,
    last_answer TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT mails_pkey PRIMARY KEY (id),
    CONSTRAINT mails_state_known CHECK (state IN ('waiting', 'sent', 'failed', 'withdrawn')),
    CONSTRAINT mails_sent_with_time CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT mails_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT mails_subscription_id_fkey FOREIGN KEY(subscription_id) REFERENCES subscriptions (id),
    CONSTRAINT mails_invoice_id_fkey FOREIGN KEY(invoice_id) REFERENCES invoices (id),
    CONSTRAINT mails_work_item_id_fkey FOREIGN KEY(work_item_id) REFERENCES work_items (id) ON DELETE SET NULL
);

CREATE INDEX mails_subscription_id_idx ON mails (subscription_id);

CREATE UNIQUE INDEX mails_reason_key ON mails (account_id, kind, subject_key);

CREATE INDEX mails_work_item_id_idx ON mails (work_item_id);

CREATE INDEX mails_failed_idx ON mails (id) WHERE state = 'failed';

CREATE INDEX mails_invoice_id_idx ON mails (invoice_id);

CREATE INDEX mails_waiting_idx ON mails (not_before, id) WHERE state = 'waiting';

COMMENT ON COLUMN mails.subject_key IS 'the reason: charge:12, term:7:3:14 ...';

COMMENT ON COLUMN mails.useless_on IS 'from this day on it would mislead and is withdrawn';

COMMENT ON COLUMN mails.recipient IS 'where it really went';

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
    WHERE account_id = a.id AND status <> 'ended'
    ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1
) s ON true
LEFT JOIN configurations c ON c.subscription_id = s.id AND c.superseded_at IS NULL
LEFT JOIN terms t ON t.subscription_id = s.id AND t.number = s.term_number
LEFT JOIN LATERAL (
    SELECT included FROM catalogue_allowances
    WHERE package = coalesce(c.package, 'free') AND valid_from <= coalesce(t.starts_on, CURRENT_DATE)
    ORDER BY valid_from DESC LIMIT 1
) allowed ON true;
