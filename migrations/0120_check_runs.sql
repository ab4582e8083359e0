-- Checks that change something: each is carried out once for a run, and takes away again what it made.
CREATE TABLE check_runs (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    run_id      uuid NOT NULL REFERENCES runs,
    name        text NOT NULL,
    -- One that a dying process left behind is followed by another.
    attempt     smallint NOT NULL CHECK (attempt BETWEEN 1 AND 3),
    -- What it makes carries this, so that it can be found.
    marker      text NOT NULL CHECK (marker <> ''),
    -- The check as it was then: what it made is taken away by the same one.
    definition  jsonb NOT NULL,
    -- Values of answers that the clean-up needs; never a secret.
    kept        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(kept) = 'object'),
    stage       text NOT NULL CHECK (stage IN ('running', 'cleaning', 'done')),
    result      jsonb,
    -- Who is at it, and until when the others leave it alone, by the clock of the database.
    holder      uuid NOT NULL,
    due_at      timestamptz,
    clean_tries smallint NOT NULL DEFAULT 0 CHECK (clean_tries >= 0),
    clean_fault text,
    began_at    timestamptz NOT NULL,
    cleaned_at  timestamptz,
    UNIQUE (run_id, name, attempt),
    CONSTRAINT what_is_done_is_left_alone CHECK ((stage = 'done') = (due_at IS NULL)),
    CONSTRAINT a_result_ends_the_requests CHECK (stage <> 'running' OR result IS NULL)
);
CREATE INDEX check_runs_due ON check_runs (due_at) WHERE stage <> 'done';
