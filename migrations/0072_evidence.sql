-- What had to be erased by law leaves its row with the hash: what was proven by it can still be explained, and the
-- same bytes do not come back.
ALTER TABLE evidence
    ADD COLUMN erased_at     timestamptz CHECK (erased_at >= created_at),
    -- As the audit log writes it.
    ADD COLUMN erased_by     text CHECK (erased_by <> ''),
    ADD COLUMN erased_reason text CHECK (erased_reason <> ''),
    -- When the object store had let go of the bytes.
    ADD COLUMN removed_at    timestamptz CHECK (removed_at >= erased_at),
    ADD CONSTRAINT an_erasure_is_whole CHECK (num_nulls(erased_at, erased_by, erased_reason) IN (0, 3)),
    ADD CONSTRAINT only_what_is_erased_is_removed CHECK (removed_at IS NULL OR erased_at IS NOT NULL);
CREATE INDEX evidence_to_remove ON evidence (sha256) WHERE erased_at IS NOT NULL AND removed_at IS NULL;
