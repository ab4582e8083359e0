-- What happens to the pods of a workload when its template changes, and what of a StatefulSet could not be changed in
-- place while a revision was live: going back to the revision does not bring that back.
ALTER TABLE workloads ADD COLUMN update_strategy jsonb;
ALTER TABLE revisions ADD COLUMN fixed text;
