-- The objects beside workloads that a plan was made for, with the part that its steps depend on.
ALTER TABLE plans ADD COLUMN objects jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(objects) = 'array');
