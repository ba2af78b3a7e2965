-- What a bank published of a day, once and for good: documents in other currencies show the tax office's sums with it.

CREATE TABLE exchange_rates (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    published_on DATE NOT NULL,
    currency TEXT NOT NULL,
    per INTEGER NOT NULL,
    rate TEXT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT exchange_rates_pkey PRIMARY KEY (id),
    CONSTRAINT exchange_rates_currency_known CHECK (currency IN ('PLN', 'EUR', 'USD', 'CZK')),
    CONSTRAINT exchange_rates_per_positive CHECK (per >= 1),
    CONSTRAINT exchange_rates_rate_positive CHECK (rate ~ '^[0-9]+([.][0-9]+)?$' AND rate::numeric > 0)
);

COMMENT ON COLUMN exchange_rates.source IS 'who published it';

COMMENT ON COLUMN exchange_rates.published_on IS 'the day of the list';

COMMENT ON COLUMN exchange_rates.per IS 'units of the currency that the rate is for';

COMMENT ON COLUMN exchange_rates.rate IS 'exact decimal text, in the currency of the source''s country';

CREATE UNIQUE INDEX exchange_rates_day_key ON exchange_rates (source, published_on, currency);

CREATE FUNCTION refuse_change_of_rates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published rate never changes: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER exchange_rates_never_change BEFORE UPDATE OR DELETE ON exchange_rates
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_rates();
