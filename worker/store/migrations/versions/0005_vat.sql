-- What VIES said of VAT numbers, each time that it was asked: the evidence of every reverse charge (R19b).

CREATE TABLE vat_checks (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    number TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    code TEXT,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_on DATE NOT NULL,
    consultation TEXT,
    told_on_their_clock TEXT,
    body TEXT,
    body_sha256 TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT vat_checks_pkey PRIMARY KEY (id),
    CONSTRAINT vat_checks_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT vat_checks_outcome_known CHECK (outcome IN ('valid', 'invalid', 'unknown')),
    CONSTRAINT vat_checks_reason_of_unknown CHECK ((outcome = 'unknown') = (reason IS NOT NULL)),
    CONSTRAINT vat_checks_body_of_answers CHECK ((outcome = 'unknown') = (body IS NULL)),
    CONSTRAINT vat_checks_hash_of_body CHECK ((body IS NULL) = (body_sha256 IS NULL))
);

CREATE INDEX vat_checks_account_id_idx ON vat_checks (account_id);

COMMENT ON COLUMN vat_checks.reason IS 'why it is unknown';
COMMENT ON COLUMN vat_checks.code IS 'the register''s own word for that';
COMMENT ON COLUMN vat_checks.told_at IS 'by our clock';
COMMENT ON COLUMN vat_checks.told_on IS 'the same as a day of the seller''s zone';
COMMENT ON COLUMN vat_checks.consultation IS 'the register''s number for the question';
COMMENT ON COLUMN vat_checks.body IS 'the answer as it came, of a yes or a no';

-- Evidence is added to, never changed.

CREATE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence never changes: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER vat_checks_never_change BEFORE UPDATE OR DELETE ON vat_checks
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_evidence();

CREATE TABLE vat_numbers (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    evidence_id BIGINT,
    asked_at TIMESTAMP WITH TIME ZONE,
    unanswered INTEGER NOT NULL,
    ask_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT vat_numbers_pkey PRIMARY KEY (id),
    CONSTRAINT vat_numbers_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT vat_numbers_evidence_id_fkey FOREIGN KEY(evidence_id) REFERENCES vat_checks (id),
    CONSTRAINT vat_numbers_state_known CHECK (state IN ('pending', 'valid', 'invalid')),
    CONSTRAINT vat_numbers_evidence_of_state CHECK ((state = 'pending') = (evidence_id IS NULL)),
    CONSTRAINT vat_numbers_pending_is_asked CHECK (state <> 'pending' OR ask_at IS NOT NULL),
    CONSTRAINT vat_numbers_unanswered_counts CHECK (unanswered >= 0)
);

CREATE UNIQUE INDEX vat_numbers_account_number_key ON vat_numbers (account_id, number);
CREATE INDEX vat_numbers_ask_at_idx ON vat_numbers (ask_at);
CREATE INDEX vat_numbers_evidence_id_idx ON vat_numbers (evidence_id);

COMMENT ON COLUMN vat_numbers.evidence_id IS 'the last plain yes or no';
COMMENT ON COLUMN vat_numbers.unanswered IS 'how many of the last questions had no plain answer';
