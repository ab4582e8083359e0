-- Bearer tokens of people and machines. Only the SHA-256 is kept; the token is shown once.
CREATE TABLE tokens (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    name         text NOT NULL CHECK (name <> '' AND length(name) <= 64),
    -- Whose it is; a machine's token belongs to nobody.
    user_id      uuid REFERENCES users,
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
    -- Bound to these services; to none means to none in particular.
    services     text[] NOT NULL DEFAULT '{}',
    created_by   uuid REFERENCES users,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL CHECK (expires_at > created_at),
    last_used_at timestamptz,
    revoked_at   timestamptz,
    CONSTRAINT machines_approve_nothing CHECK (user_id IS NOT NULL OR NOT scopes @> '{approve}')
);
-- The audit log names machines by name, so two that live must not share one.
CREATE UNIQUE INDEX one_live_machine_of_a_name ON tokens (name) WHERE user_id IS NULL AND revoked_at IS NULL;
