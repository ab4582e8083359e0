-- What was opened for people where a rollback is not the answer, or has not been: an incident that is wished for, a
-- runbook that is proposed. Whoever keeps incidents takes the wishes from here.
CREATE TABLE openings (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind          text NOT NULL CHECK (kind IN ('incident', 'runbook')),
    cause         text NOT NULL CHECK (cause IN ('signal', 'not_verified', 'failed', 'unanswered')),
    severity      text CHECK (severity IN ('p0', 'p1', 'p2', 'p3')),
    service_id    uuid NOT NULL REFERENCES services,
    alert_id      uuid REFERENCES alerts,
    rollback_id   uuid REFERENCES rollbacks,
    -- In the words of the signal or of the verification.
    said          text NOT NULL,
    runbook       text,
    trace_id      text,
    opened_at     timestamptz NOT NULL,
    ended_at      timestamptz,
    ended_by      text,
    ended_why     text,
    CONSTRAINT an_incident_has_a_severity CHECK ((kind = 'incident') = (severity IS NOT NULL)),
    CONSTRAINT it_comes_from_somewhere CHECK (CASE WHEN cause = 'signal' THEN alert_id ELSE rollback_id END IS NOT NULL),
    CONSTRAINT an_end_is_told CHECK ((ended_at IS NULL) = (ended_by IS NULL) AND (ended_at IS NULL) = (ended_why IS NULL))
);
-- However often its reason is found.
CREATE UNIQUE INDEX one_opening_of_an_alert ON openings (alert_id) WHERE cause = 'signal';
CREATE UNIQUE INDEX one_opening_of_a_rollback ON openings (rollback_id, cause) WHERE cause <> 'signal';
CREATE INDEX openings_by_time ON openings (opened_at DESC, id DESC);
CREATE INDEX openings_open ON openings (opened_at) WHERE ended_at IS NULL;

-- When somebody last said that it fires: of the alert that always does, silence is what matters.
ALTER TABLE alerts ADD COLUMN told_at timestamptz;
CREATE INDEX alerts_by_name ON alerts (name, received_at DESC);

-- Whom of a service an alert is about, as far as its labels say: a hundred pods of one workload in the same trouble are
-- one matter, and are decided on once.
ALTER TABLE alerts ADD COLUMN about text NOT NULL DEFAULT '';
CREATE INDEX alerts_of_one_matter ON alerts (service_id, name, about, received_at, id) WHERE state = 'firing';
