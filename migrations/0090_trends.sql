-- Trends are counted by the moment in which something took place, or was to.
ALTER TABLE drills ADD COLUMN happened_at timestamptz NOT NULL GENERATED ALWAYS AS (COALESCE(t0, planned_at)) STORED;
CREATE INDEX drills_by_moment ON drills (happened_at DESC, id DESC)
    INCLUDE (service_id, state, outcome, t0, t1, closure_limit_s);

-- Written with the row, so that five years of rollbacks are counted without looking at what they refer to.
ALTER TABLE rollbacks
    -- What the decision took it for.
    ADD COLUMN cause text CHECK (
        cause IN ('code_defect', 'configuration_error', 'data_problem', 'partial_node_failure',
                  'resource_or_environment', 'unknown')
    ),
    -- A policy approved it, and its consent was not taken back.
    ADD COLUMN automatic boolean NOT NULL DEFAULT false;
UPDATE rollbacks r SET
    cause = (SELECT decision ->> 'cause' FROM decisions WHERE id = r.decision_id),
    automatic = EXISTS (SELECT FROM approvals a WHERE a.run_id = r.run_id AND kind = 'policy' AND void_at IS NULL);
-- What domains promise, as it was kept.
CREATE INDEX measurements_counted ON measurements (measured_at) INCLUDE (name, verdict, service_id, subject)
    WHERE name IN ('rto', 'rpo') AND verdict IS NOT NULL;
CREATE INDEX rollbacks_counted ON rollbacks (created_at)
    INCLUDE (service_id, state, closure, automatic, cause, drill_id, onset_at, detected_at, decided_at, approved_at,
             executed_at, healthy_at);
