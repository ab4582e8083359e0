-- A plan never changes: what was approved can be read for ever.
CREATE TABLE plans (
    digest     text PRIMARY KEY CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    steps      jsonb NOT NULL CHECK (jsonb_typeof(steps) = 'array' AND steps <> '[]'),
    live       jsonb NOT NULL CHECK (jsonb_typeof(live) = 'array'),
    created_at timestamptz NOT NULL
);

CREATE FUNCTION plans_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a plan never changes' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON plans
    FOR EACH STATEMENT EXECUTE FUNCTION plans_never_change();

CREATE TABLE runs (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    service_id     uuid REFERENCES services,
    purpose        text NOT NULL CHECK (purpose IN ('rollback', 'drill', 'run')),
    purpose_id     uuid,
    plan_digest    text NOT NULL REFERENCES plans,
    -- As the audit log writes it: user:alice, machine:ci, worker:detector.
    requested_by   text NOT NULL CHECK (requested_by <> ''),
    reason         text NOT NULL,
    created_at     timestamptz NOT NULL,
    required_count integer NOT NULL CHECK (required_count > 0),
    required_roles text[] NOT NULL CHECK (required_roles <> '{}'),
    expires_at     timestamptz NOT NULL CHECK (expires_at >= created_at),
    escalate_at    timestamptz[] NOT NULL,
    state          text NOT NULL,
    state_at       timestamptz,
    note           jsonb,
    failed_step    integer CHECK (failed_step >= 0),
    moved          jsonb CHECK (jsonb_typeof(moved) = 'array' AND moved <> '[]'),
    wish           text CHECK (wish IN ('pause', 'abort')),
    wish_by        text,
    wish_reason    text,
    wish_at        timestamptz,
    confirmed_at   timestamptz,
    -- Grows with every claim; a worker with an older one writes nothing.
    epoch          bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    leased_until   timestamptz,
    -- When somebody should look again at what does not go on by itself.
    due_at         timestamptz,
    CONSTRAINT purpose_names_its_row CHECK ((purpose = 'run') = (purpose_id IS NULL)),
    CONSTRAINT a_wish_is_whole CHECK (num_nulls(wish, wish_by, wish_reason, wish_at) IN (0, 4)),
    CONSTRAINT only_what_has_not_ended_is_due CHECK (
        (due_at IS NULL) = (state IN ('succeeded', 'failed', 'aborted', 'rejected', 'expired', 'superseded'))
    ),
    CONSTRAINT state_has_its_columns CHECK (
        CASE state
            WHEN 'awaiting_approval' THEN state_at IS NULL AND num_nonnulls(note, failed_step, moved) = 0
            WHEN 'approved'   THEN state_at IS NOT NULL AND num_nonnulls(note, failed_step, moved) = 0
            WHEN 'running'    THEN state_at IS NOT NULL AND num_nonnulls(note, failed_step, moved) = 0
            WHEN 'paused'     THEN state_at IS NOT NULL AND note IS NOT NULL AND num_nonnulls(failed_step, moved) = 0
            WHEN 'succeeded'  THEN state_at IS NOT NULL AND num_nonnulls(note, failed_step, moved) = 0
            WHEN 'failed'     THEN state_at IS NOT NULL AND num_nulls(note, failed_step) = 0 AND moved IS NULL
            WHEN 'aborted'    THEN state_at IS NOT NULL AND note IS NOT NULL AND num_nonnulls(failed_step, moved) = 0
            WHEN 'rejected'   THEN state_at IS NOT NULL AND note IS NOT NULL AND num_nonnulls(failed_step, moved) = 0
            WHEN 'expired'    THEN state_at IS NOT NULL AND num_nonnulls(note, failed_step, moved) = 0
            WHEN 'superseded' THEN state_at IS NOT NULL AND moved IS NOT NULL AND num_nonnulls(note, failed_step) = 0
            ELSE false
        END
    ),
    -- An approval names all three.
    UNIQUE (id, requested_by, plan_digest)
);
CREATE INDEX ON runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ON runs (created_at DESC, id DESC);
CREATE INDEX ON runs (service_id, created_at DESC);
CREATE INDEX ON runs (purpose_id) WHERE purpose_id IS NOT NULL;

CREATE TABLE run_steps (
    run_id      uuid NOT NULL REFERENCES runs,
    position    integer NOT NULL CHECK (position >= 0),
    state       text NOT NULL,
    attempts    integer NOT NULL CHECK (attempts >= 0),
    note        jsonb,
    started_at  timestamptz,
    finished_at timestamptz,
    -- Written before the effect, so whoever takes over knows what may be there already.
    intent      jsonb,
    proof       jsonb,
    PRIMARY KEY (run_id, position),
    CONSTRAINT state_has_its_columns CHECK (
        CASE
            WHEN state = 'pending' THEN num_nonnulls(started_at, finished_at, intent, proof) = 0
            WHEN state = 'running' THEN started_at IS NOT NULL AND num_nonnulls(finished_at, proof) = 0
            WHEN state IN ('succeeded', 'no_change', 'refused', 'failed')
                THEN started_at IS NOT NULL AND finished_at >= started_at
            WHEN state IN ('skipped', 'aborted') THEN finished_at IS NOT NULL AND proof IS NULL
            ELSE false
        END
    )
);

CREATE TABLE approvals (
    run_id         uuid NOT NULL,
    -- user:alice or policy:default. One decision each.
    by             text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('person', 'policy')),
    person         text REFERENCES users (name),
    roles          text[],
    policy         text,
    policy_version integer,
    decision       text NOT NULL CHECK (decision IN ('approve', 'reject')),
    reason         text NOT NULL,
    at             timestamptz NOT NULL,
    requested_by   text NOT NULL,
    plan_digest    text NOT NULL,
    spent_at       timestamptz,
    void_at        timestamptz,
    PRIMARY KEY (run_id, by),
    -- For exactly this plan, as asked for by exactly this caller.
    FOREIGN KEY (run_id, requested_by, plan_digest) REFERENCES runs (id, requested_by, plan_digest),
    CONSTRAINT nobody_approves_their_own CHECK (by <> requested_by),
    CONSTRAINT by_is_who_it_was CHECK (
        CASE kind
            WHEN 'person' THEN by = 'user:' || person AND roles <> '{}' AND num_nonnulls(policy, policy_version) = 0
            ELSE by = 'policy:' || policy AND policy_version IS NOT NULL AND num_nonnulls(person, roles) = 0
                AND decision = 'approve'
        END
    ),
    CONSTRAINT a_rejection_says_why CHECK (decision = 'approve' OR reason <> ''),
    CONSTRAINT spent_or_void CHECK (num_nonnulls(spent_at, void_at) < 2)
);

-- The rule holds even if the code forgets it: nothing begins without enough consents for its plan.
CREATE FUNCTION nothing_begins_without_consent() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    people integer;
    policies integer;
BEGIN
    SELECT count(*) FILTER (WHERE kind = 'person'), count(*) FILTER (WHERE kind = 'policy')
        INTO people, policies
        FROM approvals WHERE run_id = NEW.id AND decision = 'approve' AND void_at IS NULL;
    IF people < NEW.required_count AND policies = 0 THEN
        RAISE EXCEPTION 'run % is % without the consents it needs', NEW.id, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER nothing_begins_without_consent AFTER INSERT OR UPDATE OF state ON runs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state IN ('approved', 'running', 'succeeded'))
    EXECUTE FUNCTION nothing_begins_without_consent();
