-- The backup matrix. A row that is removed from the catalog stays, because its copies refer to it.
CREATE TABLE backups (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    version    integer NOT NULL DEFAULT 1 CHECK (version > 0),
    domain     text NOT NULL CHECK (domain <> ''),
    owner      text NOT NULL CHECK (owner <> ''),
    -- The row as the catalog states it.
    definition jsonb NOT NULL CHECK (
        definition->>'name' = name AND definition->>'domain' = domain AND definition->>'owner' = owner
        AND num_nonnulls(definition->'interval_s', definition->'lag_s') = 1
    ),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    removed_at timestamptz
);
CREATE INDEX backups_by_domain ON backups (domain, name) WHERE removed_at IS NULL;
CREATE TRIGGER catalog AFTER INSERT OR UPDATE OR DELETE ON backups
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog();

-- One line for each source that is asked: whose turn it is, and how the last look went.
CREATE TABLE backup_looks (
    backup_id    uuid NOT NULL REFERENCES backups,
    site         text NOT NULL CHECK (site IN ('here', 'offsite')),
    due_at       timestamptz NOT NULL,
    -- Grows with every claim; a worker with an older one writes nothing.
    epoch        bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    leased_until timestamptz,
    looked_at    timestamptz,
    failure      text CHECK (failure <> ''),
    warning      text CHECK (warning <> ''),
    PRIMARY KEY (backup_id, site),
    CONSTRAINT only_a_look_says_something CHECK (looked_at IS NOT NULL OR num_nonnulls(failure, warning) = 0)
);
CREATE INDEX backup_looks_due ON backup_looks (due_at);

-- The copies that were seen, one artefact each.
CREATE TABLE backup_copies (
    backup_id uuid NOT NULL REFERENCES backups,
    site      text NOT NULL CHECK (site IN ('here', 'offsite')),
    -- Empty where nobody is kept apart.
    tenant    text NOT NULL,
    artefact  text NOT NULL CHECK (artefact <> ''),
    taken_at  timestamptz NOT NULL,
    seen_at   timestamptz NOT NULL,
    outcome   text NOT NULL CHECK (outcome IN ('done', 'failed')),
    size      bigint CHECK (size >= 0),
    sha256    text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    encrypted boolean,
    -- When it was no longer there.
    gone_at   timestamptz CHECK (gone_at >= seen_at),
    PRIMARY KEY (backup_id, site, tenant, artefact)
);
CREATE INDEX backup_copies_by_time ON backup_copies (backup_id, taken_at DESC, site, tenant, artefact);

-- What the copies of one tenant come to, so that the matrix need not count them.
CREATE TABLE backup_tallies (
    backup_id      uuid NOT NULL REFERENCES backups,
    site           text NOT NULL CHECK (site IN ('here', 'offsite')),
    tenant         text NOT NULL,
    newest         text,
    newest_at      timestamptz,
    oldest         text,
    oldest_at      timestamptz,
    present        integer NOT NULL CHECK (present >= 0),
    future         text,
    future_at      timestamptz,
    plain          text,
    untold         boolean NOT NULL,
    gone           text,
    gone_after_s   double precision,
    failed         text,
    failed_at      timestamptz,
    PRIMARY KEY (backup_id, site, tenant),
    CONSTRAINT a_copy_has_its_time CHECK (
        (newest IS NULL) = (newest_at IS NULL) AND (oldest IS NULL) = (oldest_at IS NULL)
        AND (future IS NULL) = (future_at IS NULL) AND (gone IS NULL) = (gone_after_s IS NULL)
        AND (failed IS NULL) = (failed_at IS NULL)
    )
);

-- How a row stood, one line for each time that it changed.
CREATE TABLE backup_changes (
    backup_id uuid NOT NULL REFERENCES backups,
    at        timestamptz NOT NULL,
    freshness text NOT NULL CHECK (freshness IN ('fresh', 'due', 'unknown', 'stale', 'never')),
    PRIMARY KEY (backup_id, at)
);

-- Tokens with which a row's copies are told to us. Only the SHA-256 is kept; the token is shown once.
CREATE TABLE backup_tokens (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    backup_id    uuid NOT NULL REFERENCES backups,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- As the audit log writes it.
    created_by   text NOT NULL CHECK (created_by <> ''),
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX one_live_token_of_a_backup ON backup_tokens (backup_id) WHERE revoked_at IS NULL;
