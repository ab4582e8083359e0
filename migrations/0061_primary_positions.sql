-- Where a primary was and when, so that a standby's loss can be said as time. Only what its standby has not received is
-- kept, and the newest position that it has.
CREATE TABLE primary_positions (
    objective_id uuid NOT NULL REFERENCES objectives,
    at           timestamptz NOT NULL,
    lsn          bigint NOT NULL CHECK (lsn >= 0),
    PRIMARY KEY (objective_id, at)
);
CREATE INDEX primary_positions_by_lsn ON primary_positions (objective_id, lsn);
