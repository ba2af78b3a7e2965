-- The ops console: who may enter and who is inside; jobs that an operator holds; how items failed before.

CREATE TABLE console_users (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT,
    locale TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT console_users_pkey PRIMARY KEY (id),
    CONSTRAINT console_users_role_known CHECK (role IN ('read-only', 'support', 'operator')),
    CONSTRAINT console_users_name_lower_case CHECK (name = lower(name) AND name <> ''),
    CONSTRAINT console_users_name_key UNIQUE (name)
);

COMMENT ON COLUMN console_users.name IS 'lower case; as the audit log names the person';

COMMENT ON COLUMN console_users.password_hash IS 'argon2id; NULL: only a reverse proxy may vouch for them';

COMMENT ON COLUMN console_users.locale IS 'NULL: as the browser asks';

CREATE TABLE console_sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    token_sha256 TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT console_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT console_sessions_token_sha256_key UNIQUE (token_sha256),
    CONSTRAINT console_sessions_user_id_fkey FOREIGN KEY(user_id) REFERENCES console_users (id)
);

CREATE INDEX console_sessions_expires_at_idx ON console_sessions (expires_at);

CREATE INDEX console_sessions_user_id_idx ON console_sessions (user_id);

COMMENT ON COLUMN console_sessions.token_sha256 IS 'only the browser knows the token itself';

CREATE TABLE console_knocks (
    subject TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT console_knocks_pkey PRIMARY KEY (subject)
);

CREATE INDEX console_knocks_since_idx ON console_knocks (since);

COMMENT ON COLUMN console_knocks.subject IS 'address:... or name:...';

CREATE TABLE paused_jobs (
    job TEXT NOT NULL,
    paused_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    paused_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT paused_jobs_pkey PRIMARY KEY (job)
);

CREATE TABLE item_failures (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    item_id BIGINT NOT NULL,
    failed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    attempt INTEGER NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT,
    CONSTRAINT item_failures_pkey PRIMARY KEY (id),
    CONSTRAINT item_failures_item_id_fkey FOREIGN KEY(item_id) REFERENCES work_items (id)
);

CREATE INDEX item_failures_item_id_idx ON item_failures (item_id);

COMMENT ON COLUMN item_failures.traceback IS 'NULL when the lease ran out';

