CREATE TABLE spot_checks (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number             text NOT NULL UNIQUE,
    kind               text NOT NULL CHECK (kind IN ('backup', 'replay', 'cache_file', 'drill')),
    item               text NOT NULL CHECK (item <> ''),
    domain             text CHECK (domain <> ''),
    backup             text CHECK (backup <> ''),
    service_id         uuid NOT NULL REFERENCES services,
    sample_size        integer NOT NULL CHECK (sample_size BETWEEN 1 AND 500),
    -- {name, limit}
    checks             jsonb NOT NULL CHECK (jsonb_typeof(checks) = 'array' AND checks <> '[]'),
    closure_limit_s    integer CHECK (closure_limit_s > 0),
    planned_by         text NOT NULL CHECK (planned_by <> ''),
    created_at         timestamptz NOT NULL,
    commitment         text NOT NULL UNIQUE CHECK (commitment ~ '^sha256:[0-9a-f]{64}$'),
    -- Opened by the installation's secret key alone, so that nobody who reads the table knows the seed.
    sealed_seed        bytea NOT NULL,
    -- Sorted.
    population         text[],
    population_source  jsonb,
    population_digest  text CHECK (population_digest ~ '^sha256:[0-9a-f]{64}$'),
    populated_by       text CHECK (populated_by <> ''),
    populated_at       timestamptz CHECK (populated_at >= created_at),
    seed               bytea,
    sample             text[],
    drawn_by           text CHECK (drawn_by <> ''),
    drawn_at           timestamptz CHECK (drawn_at >= populated_at),
    -- {items: [{id, outcome, note}], checks: [{name, value, skipped}], note}
    results            jsonb,
    verdict            text CHECK (verdict IN ('pass', 'fail', 'unknown')),
    recorded_by        text CHECK (recorded_by <> ''),
    recorded_at        timestamptz CHECK (recorded_at >= drawn_at),
    accepted_by        text REFERENCES users (name),
    accepted_at        timestamptz CHECK (accepted_at >= recorded_at),
    accept_note        text,
    state              text NOT NULL,
    state_reason       text,
    -- What did not pass, and the day on which that was written down.
    retest_of          uuid REFERENCES spot_checks,
    retest_since       date,
    retest_due         date CHECK (retest_due > retest_since),
    -- The year whose holidays have to be known before the day is.
    retest_due_missing integer,
    escalation         text NOT NULL DEFAULT 'none' CHECK (escalation IN ('none', 'soon', 'overdue')),
    CONSTRAINT parts_are_whole CHECK (
        num_nonnulls(population, population_source, population_digest, populated_by, populated_at) IN (0, 5)
        AND num_nonnulls(seed, sample, drawn_by, drawn_at) IN (0, 4)
        AND num_nonnulls(results, verdict, recorded_by, recorded_at) IN (0, 4)
        AND num_nonnulls(accepted_by, accepted_at, accept_note) IN (0, 3)
    ),
    CONSTRAINT state_has_its_columns CHECK (
        (state_reason IS NOT NULL) = (state = 'cancelled')
        AND (accepted_by IS NOT NULL) = (state = 'accepted')
        AND (results IS NOT NULL) = (state IN ('recorded', 'accepted'))
        AND (seed IS NULL OR population IS NOT NULL)
        AND CASE state
            WHEN 'planned' THEN population IS NULL
            WHEN 'populated' THEN population IS NOT NULL AND seed IS NULL
            WHEN 'drawn' THEN seed IS NOT NULL
            WHEN 'recorded' THEN seed IS NOT NULL
            WHEN 'accepted' THEN seed IS NOT NULL
            WHEN 'cancelled' THEN true
            ELSE false
        END
    ),
    CONSTRAINT the_seed_is_the_one_committed_to CHECK (
        seed IS NULL OR commitment = 'sha256:' || encode(sha256(seed), 'hex')
    ),
    CONSTRAINT the_sample_is_of_the_population CHECK (
        sample IS NULL
        OR (sample <@ population AND cardinality(sample) = LEAST(sample_size, cardinality(population)))
    ),
    CONSTRAINT nobody_accepts_their_own CHECK (
        accepted_by IS NULL OR 'user:' || accepted_by <> ALL (ARRAY[populated_by, drawn_by, recorded_by])
    ),
    CONSTRAINT a_retest_is_due CHECK (
        CASE WHEN retest_of IS NULL
            THEN num_nonnulls(retest_since, retest_due, retest_due_missing) = 0 AND escalation = 'none'
            ELSE retest_since IS NOT NULL AND num_nonnulls(retest_due, retest_due_missing) = 1
        END
    )
);
CREATE INDEX spot_checks_by_time ON spot_checks (created_at DESC, id DESC);
CREATE INDEX spot_checks_by_service ON spot_checks (service_id, created_at DESC, id DESC);
CREATE INDEX spot_checks_by_state ON spot_checks (state, created_at DESC, id DESC);
CREATE INDEX spot_checks_by_verdict ON spot_checks (verdict, created_at DESC, id DESC);
CREATE INDEX spot_checks_by_kind ON spot_checks (kind, created_at DESC, id DESC);
CREATE INDEX spot_checks_by_backup ON spot_checks (backup, created_at DESC, id DESC) WHERE backup IS NOT NULL;
CREATE INDEX spot_checks_recorded ON spot_checks (recorded_at) WHERE recorded_at IS NOT NULL;
CREATE INDEX retests_owed ON spot_checks (retest_due) WHERE retest_of IS NOT NULL
    AND state IN ('planned', 'populated', 'drawn');
-- A cancelled re-test is followed by another; there is one that counts.
CREATE UNIQUE INDEX one_retest ON spot_checks (retest_of) WHERE state <> 'cancelled';

-- What is written once stays: the plan and the commitment, the population, the draw, the record, the signature.
CREATE FUNCTION spot_checks_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.number, OLD.kind, OLD.item, OLD.domain, OLD.backup, OLD.service_id, OLD.sample_size, OLD.checks,
        OLD.closure_limit_s, OLD.planned_by, OLD.created_at, OLD.commitment, OLD.sealed_seed, OLD.retest_of,
        OLD.retest_since)
       IS DISTINCT FROM
       (NEW.number, NEW.kind, NEW.item, NEW.domain, NEW.backup, NEW.service_id, NEW.sample_size, NEW.checks,
        NEW.closure_limit_s, NEW.planned_by, NEW.created_at, NEW.commitment, NEW.sealed_seed, NEW.retest_of,
        NEW.retest_since)
       OR OLD.retest_due IS NOT NULL AND OLD.retest_due IS DISTINCT FROM NEW.retest_due
       OR OLD.populated_at IS NOT NULL AND
          (OLD.population, OLD.population_source, OLD.population_digest, OLD.populated_by, OLD.populated_at)
          IS DISTINCT FROM
          (NEW.population, NEW.population_source, NEW.population_digest, NEW.populated_by, NEW.populated_at)
       OR OLD.drawn_at IS NOT NULL AND
          (OLD.seed, OLD.sample, OLD.drawn_by, OLD.drawn_at)
          IS DISTINCT FROM (NEW.seed, NEW.sample, NEW.drawn_by, NEW.drawn_at)
       OR OLD.recorded_at IS NOT NULL AND
          (OLD.results, OLD.verdict, OLD.recorded_by, OLD.recorded_at)
          IS DISTINCT FROM (NEW.results, NEW.verdict, NEW.recorded_by, NEW.recorded_at)
       OR OLD.state IN ('accepted', 'cancelled') AND
          (OLD.state, OLD.state_reason, OLD.accepted_by, OLD.accepted_at, OLD.accept_note)
          IS DISTINCT FROM (NEW.state, NEW.state_reason, NEW.accepted_by, NEW.accepted_at, NEW.accept_note)
    THEN
        RAISE EXCEPTION 'what a spot check has come to stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER what_is_written_stays BEFORE UPDATE ON spot_checks
    FOR EACH ROW EXECUTE FUNCTION spot_checks_stay();
-- A draw that was not liked stays visible.
REVOKE DELETE, TRUNCATE ON spot_checks FROM lifeboat_app;

-- Incidents that somebody should open; whoever opens one writes its number here.
CREATE TABLE incident_wishes (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- spot-checks/SC-…
    subject    text NOT NULL UNIQUE CHECK (subject ~ '^[a-z-]+/.+$'),
    service_id uuid NOT NULL REFERENCES services,
    reason     text NOT NULL CHECK (reason <> ''),
    wished_at  timestamptz NOT NULL,
    incident   text CHECK (incident <> '')
);
CREATE INDEX incident_wishes_open ON incident_wishes (wished_at) WHERE incident IS NULL;
