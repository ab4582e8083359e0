-- The running numbers of the ledgers: RB-YYYYMMDD-XX, DR-YYYYMMDD-XX. Drawn in the transaction that uses
-- them, so they have neither gaps nor doubles.
CREATE TABLE numbers (
    kind text NOT NULL,
    day  date NOT NULL,
    last integer NOT NULL CHECK (last > 0),
    PRIMARY KEY (kind, day)
);

CREATE TABLE rollbacks (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number        text NOT NULL UNIQUE,
    service_id    uuid NOT NULL REFERENCES services,
    workload_id   uuid REFERENCES workloads,
    follows       uuid REFERENCES rollbacks,
    trigger       jsonb NOT NULL,
    decision_id   uuid REFERENCES decisions,
    "from"        jsonb,
    target        jsonb,
    run_id        uuid UNIQUE REFERENCES runs,
    plan_digest   text,
    asked         smallint NOT NULL DEFAULT 1 CHECK (asked BETWEEN 1 AND 3),
    state         text NOT NULL,
    state_reason  text,
    closure       text CHECK (closure IN ('verified', 'partly_verified', 'not_verified', 'unknown', 'no_action')),
    onset_at      timestamptz,
    detected_at   timestamptz,
    decided_at    timestamptz,
    approved_at   timestamptz,
    executed_at   timestamptz,
    healthy_at    timestamptz,
    verification  jsonb NOT NULL,
    observation_s integer NOT NULL CHECK (observation_s > 0),
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    CONSTRAINT state_has_its_columns CHECK (
        (closure IS NOT NULL) = (state = 'closed')
        AND (run_id IS NULL) = (plan_digest IS NULL)
        AND CASE
            WHEN state = 'needs_person' THEN state_reason IS NULL AND ended_at IS NULL
            WHEN state IN ('awaiting_approval', 'approved', 'executing', 'paused')
                THEN state_reason IS NULL AND ended_at IS NULL AND run_id IS NOT NULL
            WHEN state = 'verifying'
                THEN state_reason IS NULL AND ended_at IS NULL AND run_id IS NOT NULL AND executed_at IS NOT NULL
            WHEN state = 'expired' THEN state_reason IS NULL AND ended_at IS NOT NULL
            WHEN state IN ('suppressed', 'blocked', 'rejected', 'withdrawn', 'superseded', 'cancelled', 'failed', 'closed')
                THEN state_reason IS NOT NULL AND ended_at IS NOT NULL
            ELSE false
        END
    )
);
-- One open rollback per workload, whoever asks.
CREATE UNIQUE INDEX one_open_rollback ON rollbacks (workload_id) WHERE ended_at IS NULL;
CREATE INDEX rollbacks_by_time ON rollbacks (created_at DESC, id DESC);
CREATE INDEX rollbacks_by_service ON rollbacks (service_id, created_at DESC);
CREATE INDEX rollbacks_open ON rollbacks (state) WHERE ended_at IS NULL;
