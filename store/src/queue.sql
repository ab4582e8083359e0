-- The queue's own migrations protect its tables against everybody but their owner, by row. The server's role
-- is that owner's deputy.
DO $$
DECLARE it record;
BEGIN
    FOR it IN SELECT c.oid::regclass AS name FROM pg_class c
              WHERE c.relnamespace = 'jobs'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', it.name);
    END LOOP;
END $$;
