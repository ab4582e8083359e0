//! What stands beside the rows of a stretch of time, for the monthly reconciliation.

use chrono::{DateTime, Utc};
use domain::drills::StateName;
use domain::quarters::reconciliation::{Beside, Row};
use domain::rollbacks::Closure;
use sqlx::PgConnection;

use crate::Error;

/// Every row of the ledgers, by subject.
pub async fn rows(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Row>, Error> {
    let mut rows = drills(db, from, until).await?;
    rows.extend(rollbacks(db, from, until).await?);
    Ok(rows)
}

async fn drills(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query!(
        r#"SELECT 'drills/' || number AS "subject!", COALESCE(s.name, '') AS "service!", state,
                  (state = 'missed' OR outcome IS NOT DISTINCT FROM 'failed') AS "to_repeat!",
                  (SELECT count(*) FROM evidence e WHERE e.subject = 'drills/' || d.number) AS "files!",
                  (SELECT count(*) FROM audit a WHERE a.subject = 'drills/' || d.number
                       AND a.action = 'export_bundle' AND a.at >= d.signed_at) AS "bundles!",
                  (SELECT count(*) FROM drills o WHERE o.service_id IS NOT DISTINCT FROM d.service_id AND o.scenario = d.scenario
                       AND o.happened_at > d.happened_at AND o.state = 'signed_off') AS "repeated!"
           FROM drills d LEFT JOIN services s ON s.id = service_id
           WHERE happened_at >= $1 AND happened_at < $2 ORDER BY number"#,
        from,
        until
    );
    let mut all = Vec::new();
    for row in rows.fetch_all(db).await? {
        let state = StateName::parse(&row.state)
            .ok_or_else(|| Error::Inconsistent { table: "drills", id: row.subject.clone() })?;
        let beside = Beside::Drill {
            state,
            to_repeat: row.to_repeat,
            files: row.files.unsigned_abs(),
            bundles: row.bundles.unsigned_abs(),
            repeated: row.repeated.unsigned_abs(),
        };
        all.push(Row { subject: row.subject, service: row.service, beside });
    }
    Ok(all)
}

async fn rollbacks(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query!(
        r#"SELECT 'rollbacks/' || r.number AS "subject!", s.name AS service, state = 'failed' AS "failed!", closure,
                  (SELECT count(*) FROM rollbacks o WHERE o.service_id = r.service_id AND o.created_at > r.created_at
                       AND o.closure = 'verified')
                  + (SELECT count(*) FROM runs u WHERE u.service_id = r.service_id AND u.created_at > r.created_at
                       AND u.purpose = 'run' AND u.state = 'succeeded') AS "followed!"
           FROM rollbacks r JOIN services s ON s.id = service_id
           WHERE r.created_at >= $1 AND r.created_at < $2 ORDER BY r.number"#,
        from,
        until
    );
    let mut all = Vec::new();
    for row in rows.fetch_all(db).await? {
        let broken = || Error::Inconsistent { table: "rollbacks", id: row.subject.clone() };
        let closure = row.closure.as_deref().map(|it| Closure::parse(it).ok_or_else(broken));
        let beside = Beside::Rollback {
            failed: row.failed,
            closure: closure.transpose()?,
            followed: row.followed.unsigned_abs(),
        };
        all.push(Row { subject: row.subject, service: row.service, beside });
    }
    Ok(all)
}
