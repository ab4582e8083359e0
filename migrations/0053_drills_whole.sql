-- What the ledger keeps of a drill beside its clocks.
ALTER TABLE drills
    ADD COLUMN script            text CHECK (script <> ''),
    ADD COLUMN headcount         integer CHECK (headcount > 0),
    ADD COLUMN expected_drill_id uuid REFERENCES expected_drills,
    ADD COLUMN period            text,
    ADD COLUMN retest_of         uuid REFERENCES drills,
    ADD COLUMN retest_days       integer NOT NULL DEFAULT 30 CHECK (retest_days > 0),
    -- {text, verdict, by, at}
    ADD COLUMN criteria          jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(criteria) = 'array'),
    ADD COLUMN follow_ups        text[] NOT NULL DEFAULT '{}',
    -- {reference, parameter, by, at}
    ADD COLUMN tickets           jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tickets) = 'array'),
    ADD COLUMN imported_at       timestamptz,
    ADD CONSTRAINT expected_in_a_period CHECK ((expected_drill_id IS NULL) = (period IS NULL)),
    ADD CONSTRAINT not_a_retest_of_itself CHECK (retest_of <> id);
CREATE INDEX drills_of_the_calendar ON drills (expected_drill_id, period) WHERE expected_drill_id IS NOT NULL;
-- A failed drill is done again once; a re-test that fails has one of its own.
CREATE UNIQUE INDEX one_retest_of_a_drill ON drills (retest_of);

-- A drill may concern no single service. Nobody leads one that nobody planned, and who led one of an older ledger
-- may have no account here; of those that are planned here the application lets nobody else in.
ALTER TABLE drills
    ALTER COLUMN service_id DROP NOT NULL,
    ALTER COLUMN lead DROP NOT NULL,
    DROP CONSTRAINT drills_lead_fkey,
    DROP CONSTRAINT drills_steps_check,
    DROP CONSTRAINT state_has_its_columns,
    ADD CONSTRAINT planned_here_or_not CHECK (
        jsonb_typeof(steps) = 'array'
        AND (lead IS NOT NULL AND steps <> '[]' OR imported_at IS NOT NULL OR state = 'missed')
    ),
    ADD CONSTRAINT state_has_its_columns CHECK (
        CASE state
            WHEN 'aborted' THEN state_reason IS NOT NULL
            WHEN 'cancelled' THEN state_reason IS NOT NULL
            WHEN 'missed' THEN true
            ELSE state_reason IS NULL
        END
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
    DROP CONSTRAINT nobody_signs_their_own_drill,
    ADD CONSTRAINT nobody_signs_their_own_drill CHECK (
        signed_by IS NULL
        OR (signed_by IS DISTINCT FROM lead AND signed_by <> ALL (participants) AND signed_by <> ALL (took_part))
    );

-- One drill of a workload at a time: with two faults nobody could say whose times they are.
CREATE UNIQUE INDEX one_drill_of_a_workload ON drills (workload_id) WHERE state = 'running';

-- What was confirmed without a file is confirmed again.
UPDATE drill_actions SET verified_by = NULL, verified_at = NULL;
ALTER TABLE drill_actions
    ADD COLUMN evidence text CHECK (evidence ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT verified_on_evidence CHECK ((verified_by IS NULL) = (evidence IS NULL));
