-- Whether a rollback takes this workload back: alone, as one of several, or as a member of the release that goes back.
CREATE FUNCTION takes_back(rollback rollbacks, workload uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT rollback.workload_id = workload
        OR rollback.members @> jsonb_build_array(jsonb_build_object('workload_id', workload))
        OR (rollback.target ->> 'release' IS NOT NULL AND EXISTS (
            SELECT 1 FROM workloads own JOIN workloads it ON it.cluster_id = own.cluster_id
                AND it.namespace = own.namespace AND it.owner = own.owner AND it.owner_name = own.owner_name
            WHERE own.id = rollback.workload_id AND it.id = workload))
$$;
