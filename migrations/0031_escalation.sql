-- How many of a run's times to escalate have come while it waited for approval.
ALTER TABLE runs ADD COLUMN escalated integer NOT NULL DEFAULT 0 CHECK (escalated >= 0);
