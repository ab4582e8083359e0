//! What was covered in a period.

use chrono::{DateTime, Utc};
use domain::drills::DrillType;
use domain::spot_checks::SubjectKind;
use domain::spot_checks::coverage::Seen;
use domain::verdict::Verdict;
use sqlx::PgExecutor;

use crate::Error;

/// The checks whose results were recorded in this time, the oldest first.
pub async fn seen(
    db: impl PgExecutor<'_>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Seen>, Error> {
    let rows = sqlx::query!(
        r#"SELECT c.number, c.kind, c.verdict AS "verdict!", c.state,
               ARRAY(
                   SELECT DISTINCT d.kind FROM drills d WHERE c.kind = 'drill' AND d.number = ANY (c.sample)
               ) AS "drill_types!"
           FROM spot_checks c WHERE recorded_at >= $1 AND recorded_at < $2 ORDER BY recorded_at, c.number"#,
        from,
        to
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let seen = || {
            let types = row.drill_types.iter().map(|it| DrillType::parse(it));
            Some(Seen {
                kind: SubjectKind::parse(&row.kind)?,
                verdict: Verdict::parse(&row.verdict)?,
                accepted: row.state == "accepted",
                drill_types: types.collect::<Option<_>>()?,
                number: row.number.clone(),
            })
        };
        let broken = || Error::Inconsistent { table: "spot_checks", id: row.number.clone() };
        seen().ok_or_else(broken)
    });
    rows.collect()
}

/// The types of the drills whose fault was proven in this time.
pub async fn held(
    db: impl PgExecutor<'_>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<DrillType>, Error> {
    let kinds = sqlx::query_scalar!(
        "SELECT DISTINCT kind FROM drills WHERE t0 >= $1 AND t0 < $2 ORDER BY kind",
        from,
        to
    );
    let kinds = kinds.fetch_all(db).await?;
    Ok(kinds.iter().filter_map(|it| DrillType::parse(it)).collect())
}
