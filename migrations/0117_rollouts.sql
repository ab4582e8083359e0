-- Rollouts of Argo are workloads like the others.
ALTER TABLE service_workloads DROP CONSTRAINT service_workloads_kind_check,
    ADD CONSTRAINT service_workloads_kind_check
        CHECK (kind IN ('Deployment', 'StatefulSet', 'DaemonSet', 'Rollout'));
ALTER TABLE workloads DROP CONSTRAINT workloads_kind_check,
    ADD CONSTRAINT workloads_kind_check CHECK (kind IN ('Deployment', 'StatefulSet', 'DaemonSet', 'Rollout')),
    -- How far its canary has come, of a Rollout.
    ADD COLUMN canary jsonb CHECK ((canary IS NOT NULL) = (kind = 'Rollout'));
