-- What objects beside workloads looked like when a worker looked at them, because somebody had asked. Not history:
-- the newest answer only, and forgotten when nobody asks any more.
CREATE TABLE objects (
    cluster     text NOT NULL CHECK (cluster <> ''),
    -- Empty for what belongs to no namespace.
    namespace   text NOT NULL,
    api_version text NOT NULL CHECK (api_version <> ''),
    kind        text NOT NULL CHECK (kind <> ''),
    name        text NOT NULL CHECK (name <> ''),
    asked_at    timestamptz NOT NULL,
    -- The time of the question that the answer is for.
    seen_at     timestamptz CHECK (seen_at <= asked_at),
    -- NULL where there is no such object, or it could not be looked at: then trouble says why.
    found       jsonb CHECK (jsonb_typeof(found) = 'object'),
    trouble     text CHECK (trouble <> ''),
    PRIMARY KEY (cluster, namespace, api_version, kind, name),
    CONSTRAINT an_answer_has_its_time CHECK (seen_at IS NOT NULL OR num_nonnulls(found, trouble) = 0),
    CONSTRAINT found_or_trouble CHECK (num_nonnulls(found, trouble) <= 1)
);

CREATE FUNCTION objects_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seen_at IS NOT NULL AND NEW.seen_at = NEW.asked_at THEN
        PERFORM pg_notify('objects_seen', '');
    ELSE
        PERFORM pg_notify('objects_asked', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON objects FOR EACH ROW EXECUTE FUNCTION objects_tell();
