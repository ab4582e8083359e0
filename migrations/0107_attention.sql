-- What the first page asks of the ledgers each time it is opened.
CREATE INDEX drills_unexplained ON drills (planned_at DESC)
    WHERE state = 'missed' AND state_reason IS NULL AND imported_at IS NULL;
CREATE INDEX drill_actions_due ON drill_actions (due) WHERE verified_at IS NULL;
CREATE INDEX spot_checks_open ON spot_checks (created_at)
    WHERE state IN ('planned', 'populated', 'drawn', 'recorded');
CREATE INDEX workloads_paused_by_us ON workloads (id) WHERE paused_by_us;
