-- Tools that ask about one workload whether to go on. Only the SHA-256 of the token is kept; it is shown once.
CREATE TABLE gates (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    service_id   uuid NOT NULL REFERENCES services,
    workload_id  uuid NOT NULL REFERENCES workloads,
    tool         text NOT NULL CHECK (tool IN ('flagger', 'argo')),
    -- Of the Canary or the Rollout.
    name         text NOT NULL CHECK (name <> ''),
    -- A person agrees before a new version goes on.
    consent      boolean NOT NULL,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- As the audit log writes it.
    created_by   text NOT NULL CHECK (created_by <> ''),
    created_at   timestamptz NOT NULL,
    asked_at     timestamptz,
    -- When the newest release that it asked about was over.
    finished_at  timestamptz,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX one_live_gate_of_a_workload ON gates (workload_id, tool) WHERE revoked_at IS NULL;

-- What was answered, one line for each time that the answer changed.
CREATE TABLE gate_answers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gate_id    uuid NOT NULL REFERENCES gates,
    hook       text NOT NULL CHECK (hook IN ('confirm-rollout', 'pre-rollout', 'rollout', 'confirm-traffic-increase',
        'confirm-promotion', 'post-rollout', 'rollback', 'event', 'analysis')),
    at         timestamptz NOT NULL,
    verdict    text NOT NULL CHECK (verdict IN ('pass', 'fail', 'unknown')),
    why        text NOT NULL CHECK (why <> ''),
    -- The template that was released then, as the watch saw it.
    digest     text NOT NULL,
    -- What the tool said about itself; nothing depends on it.
    told       jsonb NOT NULL
);
CREATE INDEX gate_answers_newest ON gate_answers (gate_id, hook, id DESC);

-- The runs by which people were asked whether a version may go on.
CREATE TABLE gate_questions (
    run_id  uuid PRIMARY KEY REFERENCES runs,
    gate_id uuid NOT NULL REFERENCES gates,
    hook    text NOT NULL
);
CREATE INDEX gate_questions_by_gate ON gate_questions (gate_id, hook);
