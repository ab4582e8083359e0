-- Causes in classes, so that they can be counted.
ALTER TABLE drill_issues ADD COLUMN class text CHECK (
    class IN ('code_defect', 'configuration_error', 'data_problem', 'partial_node_failure', 'resource_or_environment',
              'procedure', 'communication', 'tooling', 'capacity', 'external', 'unknown')
);
-- What was explained already stays explained. Rows of drills that are over stay as they were closed.
UPDATE drill_issues SET class = 'unknown'
WHERE about IS NOT NULL
      AND drill_id IN (SELECT id FROM drills WHERE state IN ('running', 'recovered', 'evidence_complete'));
ALTER TABLE drill_issues ADD CONSTRAINT an_explanation_has_a_class CHECK (about IS NULL OR class IS NOT NULL) NOT VALID;
