-- A closed quarter. Nothing of it changes any more; what happens to its rows afterwards is found by comparing.
CREATE TABLE quarters (
    name        text PRIMARY KEY CHECK (name ~ '^[0-9]{4}-Q[1-4]$'),
    zone        text NOT NULL CHECK (zone <> ''),
    starts      timestamptz NOT NULL,
    ends        timestamptz NOT NULL CHECK (ends > starts),
    figures     jsonb NOT NULL CHECK (jsonb_typeof(figures) = 'object'),
    months      jsonb NOT NULL CHECK (jsonb_array_length(months) = 3),
    before      jsonb NOT NULL CHECK (jsonb_typeof(before) = 'array'),
    rows        integer NOT NULL CHECK (rows >= 0),
    digest      text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    -- The newest sealed entry of the audit log by then.
    audit_entry bigint,
    audit_head  text CHECK (audit_head ~ '^[0-9a-f]{64}$'),
    lang        text NOT NULL CHECK (lang IN ('zh-CN', 'en')),
    closed_by   text NOT NULL REFERENCES users (name),
    closed_at   timestamptz NOT NULL,
    CONSTRAINT only_what_is_over_is_closed CHECK (closed_at >= ends),
    CONSTRAINT a_head_has_its_entry CHECK ((audit_entry IS NULL) = (audit_head IS NULL))
);

CREATE TABLE quarter_rows (
    quarter text NOT NULL REFERENCES quarters,
    subject text NOT NULL CHECK (subject ~ '^[a-z-]+/.+$'),
    facts   jsonb NOT NULL CHECK (jsonb_typeof(facts) = 'object'),
    digest  text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    PRIMARY KEY (quarter, subject)
);

REVOKE UPDATE, DELETE, TRUNCATE ON quarters, quarter_rows FROM lifeboat_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON quarters
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON quarter_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Rows belong to a quarter that is closed in the same transaction; later nothing is added to it.
CREATE FUNCTION quarter_is_being_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM new_rows n JOIN quarters q ON q.name = n.quarter
        WHERE q.xmin::text::bigint <> (txid_current() & 4294967295)
    ) THEN
        RAISE EXCEPTION 'the quarter is closed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_while_closing AFTER INSERT ON quarter_rows REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION quarter_is_being_closed();
