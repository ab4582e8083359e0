-- Switches that are on. Their history is in the audit log.
CREATE TABLE kill_switches (
    scope       text PRIMARY KEY,
    reason      text NOT NULL CHECK (reason <> ''),
    set_by      uuid REFERENCES users,
    set_by_name text NOT NULL,
    set_at      timestamptz NOT NULL
);

-- The executor and the detector hear of a switch at once.
CREATE FUNCTION notify_rails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY rails;
    RETURN NULL;
END $$;
CREATE TRIGGER rails_changed AFTER INSERT OR UPDATE OR DELETE ON kill_switches
    FOR EACH STATEMENT EXECUTE FUNCTION notify_rails();

-- Failures before this moment are known and do not block any more.
CREATE TABLE acknowledged_blocks (
    service_id      uuid PRIMARY KEY REFERENCES services,
    acknowledged_by uuid REFERENCES users,
    at              timestamptz NOT NULL,
    reason          text NOT NULL CHECK (reason <> '')
);

-- After a rollback the version that was left is not deployed again without a question.
CREATE TABLE holds (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    service_id  uuid NOT NULL REFERENCES services,
    workload_id uuid REFERENCES workloads,
    digest      text NOT NULL,
    images      text[] NOT NULL DEFAULT '{}',
    rollback_id uuid REFERENCES rollbacks,
    since       timestamptz NOT NULL,
    released_at timestamptz
);
CREATE UNIQUE INDEX one_hold ON holds (service_id, digest) WHERE released_at IS NULL;
