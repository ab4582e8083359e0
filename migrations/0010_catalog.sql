-- The catalog. Removed entries keep their row: what happened to them still refers to it, and an entry that
-- is described again goes on with the same id and the next version.

CREATE TABLE clusters (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name                 text NOT NULL UNIQUE CHECK (name <> ''),
    version              integer NOT NULL DEFAULT 1 CHECK (version > 0),
    -- A reference; credentials are never kept here.
    kubeconfig           text NOT NULL CHECK (kubeconfig <> '' AND kubeconfig !~ '\n'),
    context              text,
    prometheus           text CHECK (prometheus ~ '^https?://'),
    namespaces           text[] NOT NULL,
    protected_namespaces text[] NOT NULL,
    created_at           timestamptz NOT NULL,
    changed_at           timestamptz NOT NULL,
    removed_at           timestamptz
);

CREATE TABLE policies (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    -- The version in force.
    version    integer NOT NULL DEFAULT 1,
    -- As the product brings it, not re-stated by any catalog.
    built_in   boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);

CREATE TABLE policy_versions (
    policy_id  uuid NOT NULL REFERENCES policies,
    version    integer NOT NULL CHECK (version > 0),
    definition jsonb NOT NULL CHECK (
        definition->>'name' IS NOT NULL
        AND COALESCE(definition->>'mode', 'suggest') IN ('off', 'shadow', 'suggest', 'auto')
    ),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (policy_id, version)
);
ALTER TABLE policies ADD CONSTRAINT version_in_force_exists
    FOREIGN KEY (id, version) REFERENCES policy_versions (policy_id, version) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE signals (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    version    integer NOT NULL DEFAULT 1,
    built_in   boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);

CREATE TABLE signal_versions (
    signal_id  uuid NOT NULL REFERENCES signals,
    version    integer NOT NULL CHECK (version > 0),
    definition jsonb NOT NULL CHECK (
        definition->>'name' IS NOT NULL
        AND COALESCE(definition->>'severity', '') IN ('info', 'warning', 'critical', 'emergency')
        AND jsonb_typeof(definition->'limit') = 'number'
    ),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (signal_id, version)
);
ALTER TABLE signals ADD CONSTRAINT version_in_force_exists
    FOREIGN KEY (id, version) REFERENCES signal_versions (signal_id, version) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE services (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         text NOT NULL UNIQUE CHECK (name <> ''),
    version      integer NOT NULL DEFAULT 1 CHECK (version > 0),
    team         text NOT NULL,
    environment  text NOT NULL,
    policy       text NOT NULL REFERENCES policies (name),
    match_labels jsonb NOT NULL CHECK (jsonb_typeof(match_labels) = 'object'),
    checks       jsonb NOT NULL CHECK (jsonb_typeof(checks) = 'array'),
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    removed_at   timestamptz
);

CREATE TABLE service_workloads (
    service_id uuid NOT NULL REFERENCES services,
    position   integer NOT NULL,
    cluster_id uuid NOT NULL REFERENCES clusters,
    namespace  text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('Deployment', 'StatefulSet', 'DaemonSet')),
    name       text NOT NULL,
    PRIMARY KEY (service_id, position),
    CONSTRAINT a_workload_belongs_to_one_service UNIQUE (cluster_id, namespace, kind, name)
        DEFERRABLE INITIALLY DEFERRED
);

-- A running server follows what a command line imported.
CREATE FUNCTION notify_catalog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY catalog;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog AFTER INSERT OR UPDATE OR DELETE ON clusters
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog();
CREATE TRIGGER catalog AFTER INSERT OR UPDATE OR DELETE ON policies
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog();
CREATE TRIGGER catalog AFTER INSERT OR UPDATE OR DELETE ON signals
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog();
CREATE TRIGGER catalog AFTER INSERT OR UPDATE OR DELETE ON services
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog();

-- What is built in. Members that are left out have the defaults of the product.
WITH head AS (
    INSERT INTO policies (name, built_in, created_at) VALUES ('default', true, now()) RETURNING id, name
)
INSERT INTO policy_versions (policy_id, version, definition, created_at)
SELECT id, 1, jsonb_build_object('name', name), now() FROM head;

WITH head AS (
    INSERT INTO signals (name, built_in, created_at)
    SELECT unnest(ARRAY['PodCrashLoop', 'PodImagePull', 'PodOOMKilled', 'RolloutStuck']), true, now()
    RETURNING id, name
)
INSERT INTO signal_versions (signal_id, version, definition, created_at)
SELECT id, 1, jsonb_build_object('name', name, 'severity', 'critical', 'limit', 0), now() FROM head;
