-- The provider's webhooks, once per event, ids and a type only; and what processes counted, added up over all of them.

CREATE TABLE provider_inbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    object_id TEXT NOT NULL,
    intent_id TEXT NOT NULL,
    api_version TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    state TEXT NOT NULL,
    handled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT provider_inbox_pkey PRIMARY KEY (id),
    CONSTRAINT provider_inbox_state_known CHECK (state IN ('waiting', 'handled', 'ignored')),
    CONSTRAINT provider_inbox_handled_with_time CHECK ((state = 'handled') = (handled_at IS NOT NULL)),
    CONSTRAINT provider_inbox_names_bounded
        CHECK (length(event_id) BETWEEN 1 AND 255 AND length(type) BETWEEN 1 AND 255),
    CONSTRAINT provider_inbox_objects_bounded CHECK (length(object_id) <= 255 AND length(intent_id) <= 255),
    CONSTRAINT provider_inbox_event_id_key UNIQUE (event_id)
);

COMMENT ON COLUMN provider_inbox.object_id IS 'what it happened to';

COMMENT ON COLUMN provider_inbox.intent_id IS 'the PaymentIntent that it concerns, empty when there is none';

COMMENT ON COLUMN provider_inbox.created_at IS 'by the provider''s clock';

CREATE INDEX provider_inbox_waiting_idx ON provider_inbox (id) WHERE state = 'waiting';

CREATE INDEX provider_inbox_received_at_idx ON provider_inbox (received_at);

CREATE TABLE meters (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    part TEXT NOT NULL,
    total DOUBLE PRECISION NOT NULL,
    CONSTRAINT meters_pkey PRIMARY KEY (metric, labels, part)
);

COMMENT ON COLUMN meters.labels IS 'the labels'' values, as a JSON list';

COMMENT ON COLUMN meters.part IS 'empty, or of a histogram: sum, or the bound of a bucket';
