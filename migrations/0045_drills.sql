-- Evidence: files by the SHA-256 of their bytes, in the object store; here is what they are proof of. One file may
-- prove several things.
CREATE TABLE evidence (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size        bigint NOT NULL CHECK (size > 0),
    media_type  text NOT NULL CHECK (media_type <> ''),
    name        text NOT NULL CHECK (name <> ''),
    kind        text NOT NULL CHECK (
        kind IN ('screenshot', 'log', 'script_log', 'console_record', 'spot_check', 'report', 'dump', 'other')
    ),
    -- drills/DR-…
    subject     text NOT NULL CHECK (subject ~ '^[a-z-]+/.+$'),
    restricted  boolean NOT NULL,
    uploaded_by text NOT NULL CHECK (uploaded_by <> ''),
    created_at  timestamptz NOT NULL,
    UNIQUE (subject, sha256, kind),
    CONSTRAINT dumps_are_restricted CHECK (kind <> 'dump' OR restricted)
);
CREATE INDEX evidence_by_hash ON evidence (sha256);
CREATE INDEX evidence_by_time ON evidence (created_at DESC, id DESC);

CREATE TABLE drills (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number          text NOT NULL UNIQUE,
    scenario        text NOT NULL CHECK (scenario <> ''),
    kind            text NOT NULL CHECK (
        kind IN ('tabletop', 'walkthrough', 'simulation', 'parallel', 'full_interruption')
    ),
    service_id      uuid NOT NULL REFERENCES services,
    workload_id     uuid REFERENCES workloads,
    -- Without the live state, which is added when the drill starts.
    steps           jsonb NOT NULL CHECK (jsonb_typeof(steps) = 'array' AND steps <> '[]'),
    lead            text NOT NULL REFERENCES users (name),
    participants    text[] NOT NULL,
    planned_by      text NOT NULL CHECK (planned_by <> ''),
    planned_at      timestamptz NOT NULL,
    closure_limit_s integer NOT NULL CHECK (closure_limit_s > 0),
    targets         jsonb NOT NULL CHECK (jsonb_typeof(targets) = 'array'),
    -- {kind, due, satisfied_by: null or {sha256, at}}
    requirements    jsonb NOT NULL CHECK (jsonb_typeof(requirements) = 'array'),
    took_part       text[] NOT NULL DEFAULT '{}',
    run_id          uuid REFERENCES runs,
    rollback_id     uuid REFERENCES rollbacks,
    injected_at     timestamptz,
    t0              timestamptz CHECK (t0 >= injected_at),
    recovered_at    timestamptz CHECK (recovered_at >= t0),
    t1              timestamptz CHECK (t1 >= recovered_at),
    state           text NOT NULL,
    state_reason    text,
    signed_by       text REFERENCES users (name),
    signed_at       timestamptz,
    sign_note       text,
    outcome         text CHECK (outcome IN ('passed', 'passed_with_conditions', 'incomplete', 'failed')),
    retest_due      timestamptz,
    created_at      timestamptz NOT NULL,
    CONSTRAINT t0_is_proven CHECK ((t0 IS NULL) = (injected_at IS NULL)),
    CONSTRAINT state_has_its_columns CHECK (
        (state_reason IS NOT NULL) = (state IN ('aborted', 'cancelled'))
        AND num_nonnulls(signed_by, signed_at, sign_note, outcome) = CASE state WHEN 'signed_off' THEN 4 ELSE 0 END
        AND (recovered_at IS NOT NULL) = (state IN ('recovered', 'evidence_complete', 'signed_off'))
        AND CASE state
            WHEN 'planned' THEN t0 IS NULL
            WHEN 'running' THEN run_id IS NOT NULL
            WHEN 'recovered' THEN t0 IS NOT NULL
            WHEN 'evidence_complete' THEN t1 IS NOT NULL
            WHEN 'signed_off' THEN t1 IS NOT NULL
            WHEN 'missed' THEN t0 IS NULL
            WHEN 'cancelled' THEN t0 IS NULL
            WHEN 'aborted' THEN true
            ELSE false
        END
    ),
    CONSTRAINT complete_evidence_is_complete CHECK (
        state NOT IN ('evidence_complete', 'signed_off')
        OR NOT jsonb_path_exists(requirements, '$[*] ? (@.satisfied_by == null)')
    ),
    CONSTRAINT nobody_signs_their_own_drill CHECK (
        signed_by IS NULL OR (signed_by <> lead AND signed_by <> ALL (participants) AND signed_by <> ALL (took_part))
    ),
    CONSTRAINT a_failed_one_is_done_again CHECK ((outcome IS NOT DISTINCT FROM 'failed') = (retest_due IS NOT NULL))
);
CREATE INDEX drills_by_time ON drills (created_at DESC, id DESC);
CREATE INDEX drills_by_service ON drills (service_id, created_at DESC, id DESC);
CREATE INDEX drills_by_state ON drills (state, created_at DESC, id DESC);
CREATE INDEX drills_by_lead ON drills (lead, created_at DESC, id DESC);
CREATE INDEX drills_under_way ON drills (planned_at) WHERE state IN ('planned', 'running');

-- What was measured, and by what.
CREATE TABLE drill_measurements (
    drill_id    uuid NOT NULL REFERENCES drills,
    name        text NOT NULL CHECK (name <> ''),
    value       double precision NOT NULL,
    unit        text NOT NULL,
    verdict     text CHECK (verdict IN ('pass', 'fail', 'unknown')),
    source      text NOT NULL CHECK (source <> ''),
    query       text,
    window_from timestamptz NOT NULL,
    window_to   timestamptz NOT NULL CHECK (window_to >= window_from),
    PRIMARY KEY (drill_id, name)
);

CREATE TABLE drill_issues (
    drill_id uuid NOT NULL REFERENCES drills,
    position integer NOT NULL CHECK (position > 0),
    text     text NOT NULL CHECK (text <> ''),
    -- The measurement that it explains, or closure.
    about    text,
    cause    text NOT NULL,
    remedy   text NOT NULL,
    by       text NOT NULL CHECK (by <> ''),
    at       timestamptz NOT NULL,
    PRIMARY KEY (drill_id, position)
);

CREATE TABLE drill_actions (
    drill_id    uuid NOT NULL REFERENCES drills,
    position    integer NOT NULL CHECK (position > 0),
    text        text NOT NULL CHECK (text <> ''),
    owner       text NOT NULL REFERENCES users (name),
    due         timestamptz NOT NULL,
    critical    boolean NOT NULL,
    verified_by text REFERENCES users (name),
    verified_at timestamptz,
    PRIMARY KEY (drill_id, position),
    CONSTRAINT verified_by_somebody_at_some_time CHECK ((verified_by IS NULL) = (verified_at IS NULL)),
    CONSTRAINT nobody_verifies_their_own CHECK (verified_by <> owner)
);
CREATE INDEX drill_actions_open ON drill_actions (drill_id) WHERE verified_at IS NULL;
