-- A policy or signal that was edited waits for a second person as an import does: what was edited, from which version
-- on (0 where there was none), and why.
ALTER TABLE catalog_imports
    ADD COLUMN edits  text CHECK (edits ~ '^(policies|signals)/.'),
    ADD COLUMN base   integer CHECK (base >= 0),
    ADD COLUMN reason text CHECK (reason <> ''),
    ADD CONSTRAINT an_edit_has_its_columns CHECK (num_nonnulls(edits, base, reason) IN (0, 3));
CREATE INDEX catalog_imports_edits ON catalog_imports (edits, requested_at DESC) WHERE edits IS NOT NULL;

-- Who put a version in force, as the audit log writes it, and with which import. Nobody for what is built in.
ALTER TABLE policy_versions
    ADD COLUMN stated_by text,
    ADD COLUMN import_id uuid REFERENCES catalog_imports;
ALTER TABLE signal_versions
    ADD COLUMN stated_by text,
    ADD COLUMN import_id uuid REFERENCES catalog_imports;
