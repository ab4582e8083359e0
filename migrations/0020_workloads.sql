-- Who watches a cluster. Every write of a watcher carries the epoch, so one that was stopped and woke up
-- again writes nothing.
CREATE TABLE watch_leases (
    cluster_id uuid PRIMARY KEY REFERENCES clusters,
    holder     uuid NOT NULL,
    epoch      bigint NOT NULL CHECK (epoch > 0),
    expires_at timestamptz NOT NULL
);

-- How well each cluster can be seen.
CREATE TABLE sights (
    cluster_id      uuid PRIMARY KEY REFERENCES clusters,
    state           text NOT NULL CHECK (state IN ('connecting', 'connected', 'partial', 'blind')),
    since           timestamptz NOT NULL,
    -- Since when it has been seen without a gap; nothing before proves a revision healthy.
    connected_since timestamptz,
    troubles        jsonb NOT NULL CHECK (jsonb_typeof(troubles) = 'array'),
    CONSTRAINT connected_says_since_when
        CHECK ((state IN ('connected', 'partial')) = (connected_since IS NOT NULL)),
    CONSTRAINT what_is_wrong_is_named
        CHECK ((state IN ('partial', 'blind')) = (jsonb_array_length(troubles) > 0))
);

-- One row for each workload ever seen; a deleted one keeps its row and its revisions.
CREATE TABLE workloads (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cluster_id         uuid NOT NULL REFERENCES clusters,
    namespace          text NOT NULL,
    kind               text NOT NULL CHECK (kind IN ('Deployment', 'StatefulSet', 'DaemonSet')),
    name               text NOT NULL,
    uid                text NOT NULL,
    owner              text NOT NULL CHECK (owner IN ('none', 'helm', 'argocd', 'flux', 'flagger')),
    owner_name         text,
    paused             boolean NOT NULL,
    paused_by_us       boolean NOT NULL DEFAULT false,
    replicas           integer NOT NULL,
    ready              integer NOT NULL,
    updated            integer NOT NULL,
    rollout            text NOT NULL CHECK (rollout IN ('settled', 'progressing', 'stuck')),
    rollout_reason     text,
    live_revision      bigint NOT NULL,
    live_digest        text NOT NULL,
    live_config_digest text NOT NULL,
    live_images        jsonb NOT NULL CHECK (jsonb_typeof(live_images) = 'array'),
    conditions         jsonb NOT NULL CHECK (jsonb_typeof(conditions) = 'array'),
    -- Since when the live revision has been fully rolled out without a bad pod.
    healthy_since      timestamptz,
    created_at         timestamptz NOT NULL,
    seen_at            timestamptz NOT NULL,
    gone_at            timestamptz,
    UNIQUE (cluster_id, namespace, kind, name),
    CONSTRAINT an_owner_has_a_name CHECK ((owner = 'none') = (owner_name IS NULL)),
    CONSTRAINT stuck_says_why CHECK ((rollout = 'stuck') = (rollout_reason IS NOT NULL)),
    CONSTRAINT ours_only_while_paused CHECK (paused OR NOT paused_by_us),
    CONSTRAINT healthy_is_settled CHECK (healthy_since IS NULL OR (rollout = 'settled' AND gone_at IS NULL))
);

-- Templates and ConfigMap contents by digest, each kept once and for as long as a revision uses it.
CREATE TABLE templates (
    digest   text PRIMARY KEY CHECK (digest LIKE 'sha256:%'),
    template jsonb NOT NULL
);
CREATE TABLE config_contents (
    digest   text PRIMARY KEY CHECK (digest LIKE 'sha256:%'),
    contents jsonb NOT NULL,
    seen_at  timestamptz NOT NULL
);

-- A template with the contents of its ConfigMaps, as observed. The number is the one that the cluster gives
-- to the template now, or gave last; the verdict hangs on the two digests.
CREATE TABLE revisions (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workload_id    uuid NOT NULL REFERENCES workloads,
    revision       bigint NOT NULL,
    digest         text NOT NULL REFERENCES templates,
    config_digest  text NOT NULL,
    config_current boolean NOT NULL,
    images         jsonb NOT NULL CHECK (jsonb_typeof(images) = 'array'),
    annotations    jsonb NOT NULL CHECK (jsonb_typeof(annotations) = 'object'),
    change_cause   text,
    present        boolean NOT NULL,
    rolled_out_at  timestamptz,
    created_at     timestamptz NOT NULL,
    seen_at        timestamptz NOT NULL,
    verdict        text NOT NULL DEFAULT 'unknown'
                   CHECK (verdict IN ('verified', 'bad', 'forbidden', 'unknown')),
    verdict_reason text,
    verdict_at     timestamptz,
    UNIQUE (workload_id, digest, config_digest),
    CONSTRAINT a_verdict_has_a_time_and_a_reason CHECK (
        (verdict = 'unknown') = (verdict_at IS NULL)
        AND (verdict NOT IN ('bad', 'forbidden') OR verdict_reason IS NOT NULL)
    )
);
CREATE INDEX ON revisions (workload_id, revision DESC);

-- Which contents a revision ran with.
CREATE TABLE revision_configs (
    revision_id uuid NOT NULL REFERENCES revisions ON DELETE CASCADE,
    name        text NOT NULL,
    digest      text NOT NULL REFERENCES config_contents,
    PRIMARY KEY (revision_id, name)
);
CREATE INDEX ON revision_configs (digest);

CREATE TABLE pods (
    cluster_id    uuid NOT NULL REFERENCES clusters,
    uid           text NOT NULL,
    workload_id   uuid NOT NULL REFERENCES workloads,
    name          text NOT NULL,
    node          text NOT NULL,
    digest        text,
    phase         text NOT NULL,
    ready         boolean NOT NULL,
    ever_ready    boolean NOT NULL,
    terminating   boolean NOT NULL,
    restarts      integer NOT NULL,
    bad_reason    text CHECK (bad_reason IN ('crash_loop', 'image_pull', 'oom', 'not_ready', 'cannot_start',
                                             'unschedulable', 'failed')),
    bad_message   text,
    bad_container text,
    bad_exit_code integer,
    bad_since     timestamptz,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (cluster_id, uid),
    CONSTRAINT ready_once_is_ready_ever CHECK (ever_ready OR NOT ready),
    CONSTRAINT bad_has_its_columns CHECK (
        (bad_reason IS NULL) = (bad_since IS NULL) AND (bad_reason IS NULL) = (bad_message IS NULL)
        AND (bad_reason IS NOT NULL OR (bad_container IS NULL AND bad_exit_code IS NULL))
    )
);
CREATE INDEX ON pods (workload_id);
CREATE INDEX ON pods (workload_id) WHERE bad_reason IS NOT NULL;

CREATE TABLE nodes (
    cluster_id uuid NOT NULL REFERENCES clusters,
    name       text NOT NULL,
    ready      boolean NOT NULL,
    pressure   boolean NOT NULL,
    PRIMARY KEY (cluster_id, name)
);

-- The newest of each workload; older ones are pruned.
CREATE TABLE events (
    workload_id uuid NOT NULL REFERENCES workloads,
    uid         text NOT NULL,
    object      text NOT NULL,
    warning     boolean NOT NULL,
    reason      text NOT NULL,
    message     text NOT NULL,
    count       integer NOT NULL,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    PRIMARY KEY (workload_id, uid)
);
CREATE INDEX ON events (workload_id, last_at DESC);

-- The last lines of a container before it went bad, for those who decide.
CREATE TABLE pod_logs (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workload_id uuid NOT NULL REFERENCES workloads,
    pod_uid     text NOT NULL,
    pod         text NOT NULL,
    container   text NOT NULL,
    digest      text,
    at          timestamptz NOT NULL,
    -- What the container wrote, or why that could not be had.
    lines       text,
    failure     text,
    UNIQUE (pod_uid, container),
    CONSTRAINT lines_or_a_reason CHECK ((lines IS NULL) <> (failure IS NULL))
);
CREATE INDEX ON pod_logs (workload_id, at DESC);

-- What was done to a service: seen by the watch, or told by CI.
CREATE TABLE changes (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workload_id   uuid REFERENCES workloads,
    service_id    uuid REFERENCES services,
    kind          text NOT NULL CHECK (kind IN ('template', 'config', 'helm', 'migration', 'scale', 'restart')),
    material      boolean NOT NULL,
    at            timestamptz NOT NULL,
    from_state    jsonb,
    to_state      jsonb,
    told          jsonb,
    items         jsonb NOT NULL CHECK (jsonb_typeof(items) = 'array'),
    created_at    timestamptz NOT NULL,
    CONSTRAINT seen_on_a_workload_or_told_of_a_service CHECK (
        CASE WHEN told IS NULL THEN workload_id IS NOT NULL AND to_state IS NOT NULL
             ELSE service_id IS NOT NULL AND workload_id IS NULL END
    )
);
CREATE INDEX ON changes (workload_id, at DESC);
CREATE INDEX ON changes (service_id, at DESC);
