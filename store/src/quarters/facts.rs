//! What the ledgers say of a stretch of time, row by row, as it is fixed when a quarter is closed.
//!
//! A row is written down whole, with everything that belongs to it; what only points elsewhere (ids) or is kept for
//! the machine is left out.

use chrono::{DateTime, Utc};
use domain::quarters::Fact;
use sqlx::PgConnection;

use crate::Error;

/// As the ledgers stand now, by subject.
pub async fn now(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Fact>, Error> {
    let mut facts = drills(db, from, until).await?;
    facts.extend(spot_checks(db, from, until).await?);
    facts.extend(rollbacks(db, from, until).await?);
    facts.extend(measured(db, from, until).await?);
    facts.sort_by(|a, b| a.subject.cmp(&b.subject));
    Ok(facts)
}

async fn drills(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Fact>, Error> {
    let rows = sqlx::query_as!(
        Fact,
        r#"SELECT 'drills/' || number AS "subject!",
                  jsonb_build_object(
                      'service', s.name, 'scenario', scenario, 'type', kind, 'lead', lead, 'participants', participants,
                      'took_part', took_part, 'planned_by', planned_by, 'planned_at', planned_at, 't0', t0,
                      'recovered_at', recovered_at, 't1', t1, 'closure_limit_s', closure_limit_s, 'targets', targets,
                      'evidence', requirements, 'state', state, 'state_reason', state_reason, 'outcome', outcome,
                      'signed_by', signed_by, 'signed_at', signed_at, 'sign_note', sign_note, 'retest_due', retest_due,
                      'measurements', COALESCE((
                          SELECT jsonb_agg(
                              jsonb_build_object('name', m.name, 'value', value, 'unit', unit, 'verdict', verdict,
                                                 'source', source) ORDER BY m.name, m.objective_id
                          ) FROM measurements m WHERE m.subject = 'drills/' || d.number
                      ), '[]'),
                      'issues', COALESCE((
                          -- Rows of quarters that were closed before causes had a class read as they did then.
                          SELECT jsonb_agg(
                              CASE WHEN i.class IS NULL THEN to_jsonb(i) - 'class' ELSE to_jsonb(i) END - 'drill_id'
                              ORDER BY position
                          )
                          FROM drill_issues i WHERE i.drill_id = d.id
                      ), '[]'),
                      'action_items', COALESCE((
                          SELECT jsonb_agg(to_jsonb(a) - 'drill_id' ORDER BY position)
                          FROM drill_actions a WHERE a.drill_id = d.id
                      ), '[]'),
                      'files', COALESCE((
                          SELECT jsonb_agg(DISTINCT sha256) FROM evidence e WHERE e.subject = 'drills/' || d.number
                      ), '[]')
                  )
                  || CASE WHEN unprotected = '[]' THEN '{}' ELSE jsonb_build_object('unprotected', unprotected) END
                  || CASE WHEN event IS NULL THEN '{}' ELSE jsonb_build_object('event', event) END
                  || CASE WHEN report_to IS NULL THEN '{}' ELSE jsonb_build_object('report_to', report_to) END
                  AS "facts!"
           FROM drills d LEFT JOIN services s ON s.id = service_id
           WHERE happened_at >= $1 AND happened_at < $2"#,
        from,
        until
    );
    Ok(rows.fetch_all(db).await?)
}

/// By the moment in which what was found was written down. The population is covered by its digest.
async fn spot_checks(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Fact>, Error> {
    let rows = sqlx::query_as!(
        Fact,
        r#"SELECT 'spot-checks/' || c.number AS "subject!",
                  jsonb_build_object(
                      'service', s.name, 'kind', c.kind, 'item', c.item, 'domain', c.domain, 'backup', c.backup,
                      'sample_size', c.sample_size, 'checks', c.checks, 'closure_limit_s', c.closure_limit_s,
                      'planned_by', c.planned_by, 'created_at', c.created_at, 'commitment', c.commitment,
                      'population_digest', c.population_digest, 'populated_by', c.populated_by,
                      'populated_at', c.populated_at, 'seed', encode(c.seed, 'hex'), 'sample', c.sample,
                      'drawn_by', c.drawn_by, 'drawn_at', c.drawn_at, 'results', c.results, 'verdict', c.verdict,
                      'recorded_by', c.recorded_by, 'recorded_at', c.recorded_at, 'state', c.state,
                      'accepted_by', c.accepted_by, 'accepted_at', c.accepted_at, 'accept_note', c.accept_note,
                      'retest_of', (SELECT o.number FROM spot_checks o WHERE o.id = c.retest_of),
                      'retest_due', c.retest_due
                  ) AS "facts!"
           FROM spot_checks c JOIN services s ON s.id = c.service_id
           WHERE c.recorded_at >= $1 AND c.recorded_at < $2"#,
        from,
        until
    );
    Ok(rows.fetch_all(db).await?)
}

async fn rollbacks(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Fact>, Error> {
    let rows = sqlx::query_as!(
        Fact,
        r#"SELECT 'rollbacks/' || r.number AS "subject!",
                  jsonb_build_object(
                      'service', s.name, 'drill', (SELECT d.number FROM drills d WHERE d.id = r.drill_id),
                      'from', r."from", 'target', r.target, 'state', r.state, 'state_reason', r.state_reason,
                      'closure', closure, 'cause', cause, 'automatic', automatic, 'onset_at', onset_at,
                      'detected_at', detected_at, 'decided_at', decided_at, 'approved_at', approved_at,
                      'executed_at', executed_at, 'healthy_at', healthy_at, 'created_at', r.created_at,
                      'ended_at', ended_at
                  ) AS "facts!"
           FROM rollbacks r JOIN services s ON s.id = service_id
           WHERE r.created_at >= $1 AND r.created_at < $2"#,
        from,
        until
    );
    Ok(rows.fetch_all(db).await?)
}

/// Values outside of drills are measured again and again: those of one promise, subject and day are one row, which
/// covers each of them by a hash over all.
async fn measured(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Fact>, Error> {
    let rows = sqlx::query_as!(
        Fact,
        r#"SELECT 'measurements/' || (measured_at AT TIME ZONE 'UTC')::date || '/' || name || '/' || subject AS "subject!",
                  jsonb_build_object(
                      'name', name, 'of', subject, 'values', count(*), 'pass', count(*) FILTER (WHERE verdict = 'pass'),
                      'fail', count(*) FILTER (WHERE verdict = 'fail'),
                      'unknown', count(*) FILTER (WHERE verdict = 'unknown'), 'worst', max(value), 'unit', min(unit),
                      'sha256', encode(sha256(convert_to(string_agg(
                          concat_ws(' ', id, value, verdict, extract(epoch FROM measured_at)), E'\n' ORDER BY measured_at, id
                      ), 'UTF8')), 'hex')
                  ) AS "facts!"
           FROM measurements
           WHERE name IN ('rto', 'rpo') AND verdict IS NOT NULL AND subject NOT LIKE 'drills/%'
                 AND measured_at >= $1 AND measured_at < $2
           GROUP BY (measured_at AT TIME ZONE 'UTC')::date, name, subject"#,
        from,
        until
    );
    Ok(rows.fetch_all(db).await?)
}
