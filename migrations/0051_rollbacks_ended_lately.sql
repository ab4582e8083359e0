-- The detector asks often which rollbacks ended in the last half minute, whatever their service.
CREATE INDEX ON rollbacks (ended_at);
