-- An alert is decided again once a rollback of its service has ended.
CREATE INDEX ON rollbacks (service_id, ended_at);
