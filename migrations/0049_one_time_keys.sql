-- The second factor of people. The secret is sealed with the installation's key, which the database does not have.
CREATE TABLE one_time_keys (
    user_id      uuid PRIMARY KEY REFERENCES users,
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    -- Nobody is asked for codes of a key that was never shown to work.
    confirmed_at timestamptz,
    -- A code is good once: only later steps of 30 s count.
    last_step    bigint NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failed_at    timestamptz,
    CHECK ((failures = 0) = (failed_at IS NULL))
);
