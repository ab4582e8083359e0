-- What somebody is to be told. A row is a wish, written with what it tells of; whoever sends notices takes it from here.
CREATE TABLE outbox (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- backup_stale
    kind    text NOT NULL CHECK (kind <> ''),
    -- As the audit log names it: backups/pg-base.
    subject text NOT NULL CHECK (subject <> ''),
    at      timestamptz NOT NULL,
    -- What the text is made from; never a secret.
    payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    -- The same wish comes once, whoever finds its reason a second time.
    key     text NOT NULL UNIQUE CHECK (key <> '')
);
CREATE INDEX outbox_by_time ON outbox (at, id);
CREATE INDEX outbox_by_subject ON outbox (subject, at, id);
