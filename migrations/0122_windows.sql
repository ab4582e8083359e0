-- Stretches of time that people set: in a maintenance window nothing is rolled back by itself, in a freeze nothing is
-- changed without a person who says so twice. Those that come again are the policy's.
CREATE TABLE windows (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind          text NOT NULL CHECK (kind IN ('maintenance', 'freeze')),
    -- global, clusters/NAME, services/NAME
    scope         text NOT NULL,
    reason        text NOT NULL CHECK (reason <> ''),
    from_at       timestamptz NOT NULL,
    to_at         timestamptz NOT NULL,
    set_by_name   text NOT NULL,
    set_at        timestamptz NOT NULL,
    -- Ended before its time.
    ended_by_name text,
    ended_at      timestamptz,
    CONSTRAINT it_ends_after_it_begins CHECK (to_at > from_at),
    CONSTRAINT an_end_is_told CHECK ((ended_at IS NULL) = (ended_by_name IS NULL))
);
CREATE INDEX windows_by_end ON windows (to_at) WHERE ended_at IS NULL;
