-- Where the Secrets of Helm releases are read, and the rights under which the helm program works.
ALTER TABLE clusters
    ADD COLUMN helm_namespaces text[] NOT NULL DEFAULT '{}',
    ADD COLUMN helm_kubeconfig text CHECK (helm_kubeconfig <> '' AND helm_kubeconfig !~ '\n');

-- Revisions of Helm releases as their Secrets tell of them, for as long as those are there. What a chart was given and
-- what its Secrets hold is not in here: only digests made with the installation's key.
CREATE TABLE releases (
    cluster_id     uuid NOT NULL REFERENCES clusters,
    namespace      text NOT NULL,
    name           text NOT NULL CHECK (name <> ''),
    revision       bigint NOT NULL CHECK (revision > 0),
    -- Of the Secret.
    uid            text NOT NULL,
    status         text NOT NULL CHECK (status IN (
        'unknown', 'deployed', 'uninstalled', 'superseded', 'failed', 'uninstalling', 'pending-install',
        'pending-upgrade', 'pending-rollback')),
    digest         text NOT NULL CHECK (digest LIKE 'sha256:%'),
    -- All of it, as the product reads it.
    body           jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    seen_at        timestamptz NOT NULL,
    PRIMARY KEY (cluster_id, namespace, name, revision)
);
CREATE INDEX releases_by_secret ON releases (cluster_id, uid);
