-- An import that waits is refused by the second person as well, and says why; nothing puts it in force any more.
ALTER TABLE catalog_imports
    -- As the audit log writes it.
    ADD COLUMN refused_by     text CHECK (refused_by <> ''),
    ADD COLUMN refused_reason text CHECK (refused_reason <> ''),
    ADD COLUMN refused_at     timestamptz CHECK (refused_at >= requested_at),
    DROP CONSTRAINT catalog_imports_state_check,
    DROP CONSTRAINT state_has_its_columns,
    ADD CONSTRAINT nobody_refuses_their_own CHECK (refused_by <> requested_by),
    ADD CONSTRAINT state_has_its_columns CHECK (
        CASE state
            WHEN 'awaiting_consent'
                THEN num_nonnulls(consented_by, in_force_at, refused_by, refused_reason, refused_at) = 0
            WHEN 'in_force'
                THEN in_force_at IS NOT NULL AND num_nonnulls(refused_by, refused_reason, refused_at) = 0
            WHEN 'refused'
                THEN num_nonnulls(refused_by, refused_reason, refused_at) = 3
                     AND num_nonnulls(consented_by, in_force_at) = 0
            ELSE false
        END
    );
CREATE INDEX catalog_imports_by_time ON catalog_imports (requested_at DESC, id DESC);
CREATE INDEX catalog_imports_waiting ON catalog_imports (requested_at) WHERE state = 'awaiting_consent';
