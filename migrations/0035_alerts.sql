-- One stretch of time in which a signal fires for somebody.
CREATE TABLE alerts (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Digest of the labels without those that only name the sender.
    key              text NOT NULL,
    name             text NOT NULL,
    labels           jsonb NOT NULL,
    annotations      jsonb NOT NULL DEFAULT '{}',
    service_id       uuid REFERENCES services,
    workload_id      uuid REFERENCES workloads,
    source           text NOT NULL CHECK (source IN ('webhook', 'watch', 'promql')),
    state            text NOT NULL CHECK (state IN ('firing', 'resolved')),
    starts_at        timestamptz NOT NULL,
    onset_at         timestamptz,
    received_at      timestamptz NOT NULL,
    ends_at          timestamptz,
    resolved_said_at timestamptz,
    value            double precision,
    acted            boolean NOT NULL DEFAULT false,
    -- When the rules looked at it last.
    decided_at       timestamptz,
    CONSTRAINT an_end_belongs_to_a_resolved_alert CHECK ((state = 'resolved') = (ends_at IS NOT NULL)),
    CONSTRAINT a_workload_belongs_to_a_service CHECK (workload_id IS NULL OR service_id IS NOT NULL)
);
-- However many senders there are, one stretch is one row.
CREATE UNIQUE INDEX one_open_alert ON alerts (key) WHERE state = 'firing';
CREATE INDEX alerts_by_key ON alerts (key, starts_at DESC);
CREATE INDEX alerts_by_service ON alerts (service_id, received_at DESC);
CREATE INDEX alerts_due ON alerts (decided_at NULLS FIRST) WHERE state = 'firing' AND service_id IS NOT NULL;
CREATE INDEX alerts_by_time ON alerts (received_at DESC, id DESC);

-- The detector listens; a notification says only that there is something to look at.
CREATE FUNCTION notify_alerts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY alerts;
    RETURN NULL;
END $$;
CREATE TRIGGER alerts_changed AFTER INSERT OR UPDATE OF resolved_said_at ON alerts
    FOR EACH STATEMENT EXECUTE FUNCTION notify_alerts();

-- What the rules made of a situation, also where they did nothing.
CREATE TABLE decisions (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    service_id  uuid NOT NULL REFERENCES services,
    workload_id uuid REFERENCES workloads,
    alert_id    uuid REFERENCES alerts,
    at          timestamptz NOT NULL,
    follows     uuid REFERENCES decisions,
    -- Digest of what the rules looked at, times aside: the same inputs need no second row.
    input       text NOT NULL,
    situation   jsonb NOT NULL,
    decision    jsonb NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('automatic', 'partial', 'human', 'never', 'suppressed')),
    disposition text NOT NULL CHECK (disposition IN ('execute', 'ask', 'record_only', 'none')),
    score       double precision NOT NULL,
    confidence  double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1)
);
CREATE INDEX decisions_by_alert ON decisions (alert_id, at DESC);
CREATE INDEX decisions_by_service ON decisions (service_id, at DESC);
CREATE INDEX decisions_by_time ON decisions (at DESC, id DESC);
