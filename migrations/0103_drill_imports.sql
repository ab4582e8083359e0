-- Where an older ledger says that its evidence is. Nobody here has seen those files.
ALTER TABLE drills ADD COLUMN links text[] NOT NULL DEFAULT '{}';

-- An older ledger as it was uploaded, from the preview until somebody confirms it or a day has passed. The latest one
-- of a person takes the place of the one before.
CREATE TABLE drill_imports (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL UNIQUE REFERENCES users,
    name    text NOT NULL CHECK (name <> ''),
    content bytea NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE INDEX drill_imports_by_time ON drill_imports (made_at);
