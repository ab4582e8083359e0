-- How a workload is set up to be rolled back, as the watch saw it; null until it has.
ALTER TABLE workloads ADD COLUMN shape jsonb CHECK (jsonb_typeof(shape) = 'object');
