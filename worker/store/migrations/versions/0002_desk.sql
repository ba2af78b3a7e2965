CREATE TABLE desk_requests (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    act TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    result JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT desk_requests_pkey PRIMARY KEY (id),
    CONSTRAINT desk_requests_request_id_length CHECK (length(request_id) BETWEEN 1 AND 100),
    CONSTRAINT desk_requests_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id)
);

CREATE UNIQUE INDEX desk_requests_account_request_key ON desk_requests (account_id, request_id);

COMMENT ON COLUMN desk_requests.request_id IS 'the caller''s name for this request';

COMMENT ON COLUMN desk_requests.content_sha256 IS 'the same id with other content is refused';

CREATE TABLE invoice_notes (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id BIGINT NOT NULL,
    invoice_id BIGINT,
    version INTEGER NOT NULL,
    note TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT invoice_notes_pkey PRIMARY KEY (id),
    CONSTRAINT invoice_notes_note_length CHECK (length(note) <= 500),
    CONSTRAINT invoice_notes_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT invoice_notes_invoice_id_fkey FOREIGN KEY(invoice_id) REFERENCES invoices (id)
);

CREATE UNIQUE INDEX invoice_notes_account_invoice_key ON invoice_notes (account_id, invoice_id, version)
    NULLS NOT DISTINCT;

CREATE INDEX invoice_notes_invoice_id_idx ON invoice_notes (invoice_id);

COMMENT ON COLUMN invoice_notes.note IS 'empty: the customer took it back';
