-- kubectl apply has said what this workload is to be, and will merge against that.
ALTER TABLE workloads ADD COLUMN last_applied boolean NOT NULL DEFAULT false;
