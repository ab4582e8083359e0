-- What a drill owes, and whom it is told to.
ALTER TABLE drills
    -- {name, from, to, resumed_by, note}; without a `to` it is owed.
    ADD COLUMN unprotected jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(unprotected) = 'array'),
    -- An address in the event system, or the number of an incident.
    ADD COLUMN event       text CHECK (event <> ''),
    ADD COLUMN report_to   text CHECK (report_to <> ''),
    ADD CONSTRAINT what_was_paused_is_resumed CHECK (
        state <> 'signed_off' OR NOT jsonb_path_exists(unprotected, '$[*] ? (@.to == null)')
    );

-- Asked again and again: of which is something still to be measured?
CREATE INDEX drills_to_measure ON drills (t0) WHERE state IN ('running', 'recovered', 'evidence_complete');
