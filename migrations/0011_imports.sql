-- Catalogs that came through the API. What touches production waits for a second person.
CREATE TABLE catalog_imports (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Name and text of each file, as they were sent.
    files        jsonb NOT NULL CHECK (jsonb_typeof(files) = 'object'),
    prune        boolean NOT NULL,
    -- Of what the import changes; consent is given to it.
    digest       text NOT NULL,
    changes      jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'object'),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    state        text NOT NULL CHECK (state IN ('awaiting_consent', 'in_force')),
    consented_by text,
    in_force_at  timestamptz,
    CONSTRAINT nobody_consents_to_their_own CHECK (consented_by <> requested_by),
    CONSTRAINT state_has_its_columns CHECK (
        CASE state
            WHEN 'awaiting_consent' THEN consented_by IS NULL AND in_force_at IS NULL
            WHEN 'in_force' THEN in_force_at IS NOT NULL
        END
    )
);
