-- The printed report of each closed quarter: owed from the moment of the close, and stored once.
CREATE TABLE quarter_reports (
    quarter   text PRIMARY KEY REFERENCES quarters,
    -- Of what was made last; written down before it is stored, so that it is known again after a crash.
    sha256    text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size      bigint CHECK (size > 0),
    -- Why it is not stored yet, since when, and how often it was tried.
    fault     text CHECK (fault IN ('away', 'full', 'taken', 'differs', 'too_slow', 'broken')),
    failed_at timestamptz,
    tries     integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    stored_at timestamptz,
    CONSTRAINT a_file_is_whole CHECK ((sha256 IS NULL) = (size IS NULL)),
    CONSTRAINT a_failure_is_whole CHECK (num_nulls(fault, failed_at) IN (0, 2) AND (fault IS NULL) = (tries = 0)),
    CONSTRAINT only_what_was_made_is_stored CHECK (stored_at IS NULL OR (sha256 IS NOT NULL AND fault IS NULL))
);
CREATE INDEX quarter_reports_due ON quarter_reports (quarter) WHERE stored_at IS NULL;

INSERT INTO quarter_reports (quarter) SELECT name FROM quarters;

REVOKE DELETE, TRUNCATE ON quarter_reports FROM lifeboat_app;
CREATE TRIGGER stays BEFORE DELETE OR TRUNCATE ON quarter_reports
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER stored_once BEFORE UPDATE ON quarter_reports
    FOR EACH ROW WHEN (OLD.stored_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
