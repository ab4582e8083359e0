-- The drill whose fault a rollback takes back. What a drill brings about says nothing about the service, so where the
-- rails count, rows with a drill are left out.
ALTER TABLE rollbacks ADD COLUMN drill_id uuid REFERENCES drills;
CREATE INDEX rollbacks_of_drills ON rollbacks (drill_id) WHERE drill_id IS NOT NULL;

-- Asked at every decision: whose fault is live here?
CREATE INDEX drills_with_a_fault ON drills (workload_id, created_at DESC) WHERE state IN ('running', 'aborted');
