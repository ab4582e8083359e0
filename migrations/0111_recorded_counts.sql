-- How many pods a workload had when a run scaled it to none, so that a later one can put back exactly those.
CREATE TABLE recorded_counts (
    workload_id uuid PRIMARY KEY REFERENCES workloads ON DELETE CASCADE,
    replicas integer NOT NULL CHECK (replicas > 0),
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    recorded_at timestamptz NOT NULL
);

-- All workloads of a rollback that brings back several of one service, in the order of the catalog; empty for one.
ALTER TABLE rollbacks ADD COLUMN members jsonb NOT NULL DEFAULT '[]';
CREATE INDEX rollbacks_open_members ON rollbacks USING gin (members jsonb_path_ops) WHERE ended_at IS NULL;
