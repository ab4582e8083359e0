-- What is wrong around workloads, as the watch sees it: one row for each object that is in trouble, or that was changed.
CREATE TABLE surroundings (
    cluster_id uuid NOT NULL REFERENCES clusters,
    namespace  text NOT NULL,
    -- HorizontalPodAutoscaler/api
    object     text NOT NULL,
    trouble    text NOT NULL,
    -- Whom it concerns: a workload, the pods with some labels, who uses a Secret.
    concerns   jsonb NOT NULL,
    since      timestamptz,
    message    text NOT NULL,
    PRIMARY KEY (cluster_id, namespace, object)
);
-- A node that comes back under another boot id was started anew.
ALTER TABLE nodes
    ADD COLUMN boot_id     text NOT NULL DEFAULT '',
    ADD COLUMN rebooted_at timestamptz;

-- Signals that are beyond their limit, but not yet for as long as they ask.
CREATE TABLE pending_signals (
    cluster_id uuid NOT NULL REFERENCES clusters,
    signal     text NOT NULL,
    service_id uuid NOT NULL REFERENCES services,
    since      timestamptz NOT NULL,
    fires_at   timestamptz NOT NULL,
    value      double precision NOT NULL,
    PRIMARY KEY (cluster_id, signal, service_id)
);
