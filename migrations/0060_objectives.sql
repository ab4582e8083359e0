-- What a data domain has to keep to. Every version stays, because what was measured on a day is judged by the
-- target of that day.
CREATE TABLE objectives (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    -- The version in force.
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);

CREATE TABLE objective_versions (
    objective_id uuid NOT NULL REFERENCES objectives,
    version      integer NOT NULL CHECK (version > 0),
    definition   jsonb NOT NULL CHECK (
        definition->>'name' IS NOT NULL
        AND jsonb_typeof(definition->'sources') = 'array'
        AND definition->'sources' <> '[]'
    ),
    -- In force from here until the next version.
    since        timestamptz NOT NULL,
    reason       text NOT NULL CHECK (reason <> ''),
    -- As the audit log writes it.
    by           text NOT NULL CHECK (by <> ''),
    PRIMARY KEY (objective_id, version)
);
ALTER TABLE objectives ADD CONSTRAINT version_in_force_exists
    FOREIGN KEY (id, version) REFERENCES objective_versions (objective_id, version) DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION objective_versions_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of an objective never changes' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON objective_versions
    FOR EACH STATEMENT EXECUTE FUNCTION objective_versions_never_change();

-- What was measured, and by what. One row is one value; no value is what could not be measured.
CREATE TABLE measurements (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- What it belongs to: drills/DR-…, rollbacks/RB-…, spot-checks/…, backups/…, objectives/….
    subject           text NOT NULL CHECK (subject ~ '^[a-z-]+/.+$'),
    service_id        uuid REFERENCES services,
    name              text NOT NULL CHECK (name <> ''),
    value             double precision CHECK (
        value NOT IN ('NaN'::double precision, 'Infinity'::double precision, '-Infinity'::double precision)
    ),
    unit              text NOT NULL,
    verdict           text CHECK (verdict IN ('pass', 'fail', 'unknown')),
    source            text NOT NULL CHECK (source <> ''),
    query             text,
    window_from       timestamptz NOT NULL,
    window_to         timestamptz NOT NULL CHECK (window_to >= window_from),
    measured_at       timestamptz NOT NULL,
    -- The version that it was judged by.
    objective_id      uuid,
    objective_version integer,
    result            jsonb,
    -- [{at, value}], oldest first.
    samples           jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(samples) = 'array'),
    FOREIGN KEY (objective_id, objective_version) REFERENCES objective_versions (objective_id, version),
    CONSTRAINT a_judge_has_a_version CHECK ((objective_id IS NULL) = (objective_version IS NULL)),
    CONSTRAINT unknown_is_no_pass CHECK (value IS NOT NULL OR verdict IS DISTINCT FROM 'pass')
);
-- What happens once is measured once; a newer value takes the place of the older.
CREATE UNIQUE INDEX measured_once ON measurements (subject, name, objective_id) NULLS NOT DISTINCT
    WHERE subject LIKE 'drills/%' OR subject LIKE 'rollbacks/%';
CREATE INDEX measurements_by_subject ON measurements (subject, measured_at DESC, id DESC);
CREATE INDEX measurements_by_time ON measurements (measured_at DESC, id DESC);
CREATE INDEX measurements_by_name ON measurements (name, measured_at DESC, id DESC);
CREATE INDEX measurements_by_service ON measurements (service_id, measured_at DESC, id DESC)
    WHERE service_id IS NOT NULL;
CREATE INDEX measurements_by_objective ON measurements (objective_id, name, measured_at DESC, id DESC)
    WHERE objective_id IS NOT NULL;

INSERT INTO measurements
    (subject, service_id, name, value, unit, verdict, source, query, window_from, window_to, measured_at)
SELECT 'drills/' || d.number, d.service_id, m.name, m.value, m.unit, m.verdict, m.source, m.query, m.window_from,
       m.window_to, m.window_to
FROM drill_measurements m JOIN drills d ON d.id = m.drill_id;
DROP TABLE drill_measurements;
