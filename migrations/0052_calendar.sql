-- The calendar: drills that are expected again and again.
CREATE TABLE expected_drills (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    -- The version in force.
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);

CREATE TABLE expected_drill_versions (
    expected_drill_id uuid NOT NULL REFERENCES expected_drills,
    version           integer NOT NULL CHECK (version > 0),
    definition        jsonb NOT NULL CHECK (
        definition->>'name' IS NOT NULL
        AND definition->>'scenario' IS NOT NULL
        AND jsonb_typeof(definition->'schedule') = 'object'
    ),
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (expected_drill_id, version)
);
ALTER TABLE expected_drills ADD CONSTRAINT version_in_force_exists
    FOREIGN KEY (id, version) REFERENCES expected_drill_versions (expected_drill_id, version) DEFERRABLE INITIALLY DEFERRED;

-- An occurrence put to another time. The newest of a period counts; the others say what was thought before.
CREATE TABLE calendar_moves (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    expected_drill_id uuid NOT NULL REFERENCES expected_drills,
    period            text NOT NULL CHECK (period <> ''),
    from_at           timestamptz NOT NULL,
    until_at          timestamptz NOT NULL CHECK (until_at > from_at),
    reason            text NOT NULL CHECK (reason <> ''),
    by                text NOT NULL CHECK (by <> ''),
    at                timestamptz NOT NULL
);
CREATE INDEX calendar_moves_of ON calendar_moves (expected_drill_id, period, at DESC);

-- Private links to the calendar as a feed: found by the hash, and shown again to their owner from what is sealed with
-- the installation's key.
CREATE TABLE calendar_links (
    user_id    uuid PRIMARY KEY REFERENCES users,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL
);
