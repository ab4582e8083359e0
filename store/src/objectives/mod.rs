//! Objectives and their versions. Every version is kept, because values were judged by it.

use chrono::{DateTime, Utc};
use domain::ids::ObjectiveId;
use domain::objectives::{Dated, Objective};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

pub mod positions;

struct Row {
    id: Uuid,
    version: i32,
    definition: Value,
    since: DateTime<Utc>,
    reason: String,
    by: String,
}

impl TryFrom<Row> for Dated {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let Row { id, version, definition, since, reason, by } = row;
        let objective: Objective = serde_json::from_value(definition)
            .map_err(|_| Error::Inconsistent { table: "objective_versions", id: id.to_string() })?;
        Ok(Dated { id: ObjectiveId(id), version, since, reason, by, objective })
    }
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT head.id, body.version, body.definition, body.since, body.reason, body.by FROM objectives head
             JOIN objective_versions body ON body.objective_id = head.id WHERE " + $condition
            $(, $argument)*
        )
    };
}

fn all(rows: Vec<Row>) -> Result<Vec<Dated>, Error> {
    rows.into_iter().map(Dated::try_from).collect()
}

/// Those in force, by name.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Dated>, Error> {
    let rows = select!(
        "body.version = head.version AND head.removed_at IS NULL ORDER BY head.name COLLATE \"C\""
    );
    all(rows.fetch_all(db).await?)
}

/// The one in force.
pub async fn by_name(db: impl PgExecutor<'_>, name: &str) -> Result<Dated, Error> {
    let row =
        select!("body.version = head.version AND head.removed_at IS NULL AND head.name = $1", name);
    row.fetch_optional(db).await?.ok_or(Error::NotFound)?.try_into()
}

/// The same, held until the transaction ends, so that the next version comes after what was read.
pub async fn lock(tx: &mut PgConnection, name: &str) -> Result<Dated, Error> {
    // Its newest version is read once the lock is held: a statement for both would not see the one that it waited for.
    let locked = sqlx::query_scalar!("SELECT id FROM objectives WHERE name = $1 FOR UPDATE", name);
    locked.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    by_name(tx, name).await
}

/// What was in force at that moment; nothing before its first version, or after it was removed.
pub async fn at(
    db: impl PgExecutor<'_>,
    name: &str,
    moment: DateTime<Utc>,
) -> Result<Option<Dated>, Error> {
    let row = select!(
        "head.name = $1 AND body.since <= $2 AND (head.removed_at IS NULL OR head.removed_at > $2)
         ORDER BY body.version DESC LIMIT 1",
        name,
        moment
    );
    row.fetch_optional(db).await?.map(Dated::try_from).transpose()
}

/// Everything that was in force at that moment and has to do with this service, by name.
pub async fn of_service(
    db: impl PgExecutor<'_>,
    service: &str,
    moment: DateTime<Utc>,
) -> Result<Vec<Dated>, Error> {
    let rows = select!(
        "(head.removed_at IS NULL OR head.removed_at > $2) AND body.definition->'services' ? $1
         AND body.version = (
             SELECT max(version) FROM objective_versions v WHERE v.objective_id = head.id AND v.since <= $2
         ) ORDER BY head.name COLLATE \"C\"",
        service,
        moment
    );
    all(rows.fetch_all(db).await?)
}

/// Every version, the newest first.
pub async fn history(db: impl PgExecutor<'_>, name: &str) -> Result<Vec<Dated>, Error> {
    let rows = select!("head.name = $1 ORDER BY body.version DESC", name);
    all(rows.fetch_all(db).await?)
}

/// Puts it in force from `at`: a new one, or the next version of the one with its name. A version never begins before
/// the one that it follows, whatever the clock says.
pub async fn save(
    tx: &mut PgConnection,
    objective: &Objective,
    by: &str,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let head = sqlx::query!(
        "INSERT INTO objectives (name, created_at) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET version = objectives.version + 1, removed_at = NULL
         RETURNING id, version",
        objective.name,
        at
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO objective_versions (objective_id, version, definition, since, reason, by)
         VALUES ($1, $2, $3, GREATEST($4, (SELECT max(since) FROM objective_versions WHERE objective_id = $1)), $5, $6)",
        head.id,
        head.version,
        sqlx::types::Json(objective) as _,
        at,
        reason,
        by
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes it out of force; its versions stay.
pub async fn remove(tx: &mut PgConnection, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE objectives SET removed_at = $2 WHERE name = $1 AND removed_at IS NULL",
        name,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::objectives::Bound;
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;

    fn objective(rto_s: u32) -> Objective {
        let json = json!({"name": "orders", "services": ["shop"],
            "sources": [{"document": "plan", "rto_s": rto_s}]});
        serde_json::from_value(json).unwrap()
    }

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_day_has_the_target_of_that_day(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        save(&mut tx, &objective(1800), "owner", "catalog", day(10)).await.unwrap();
        save(&mut tx, &objective(900), "user:pmo", "review of Q2", day(20)).await.unwrap();
        tx.commit().await.unwrap();
        for (moment, expected) in [
            (day(9), None),
            (day(10), Some((1, 1800))),
            (day(20) - TimeDelta::seconds(1), Some((1, 1800))),
            (day(20), Some((2, 900))),
            (day(99), Some((2, 900))),
        ] {
            let expected = expected.map(|(version, s)| (version, Some(Bound::Within(s))));
            let found = at(&db, "orders", moment).await.unwrap();
            assert_eq!(found.map(|it| (it.version, it.objective.rto())), expected, "{moment}");
            let found = of_service(&db, "shop", moment).await.unwrap();
            let found: Vec<_> = found.iter().map(|it| (it.version, it.objective.rto())).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{moment}");
        }
        let reasons: Vec<_> =
            history(&db, "orders").await.unwrap().into_iter().map(|it| it.reason).collect();
        assert_eq!(reasons, ["review of Q2", "catalog"]);
        assert_eq!(of_service(&db, "other", day(99)).await.unwrap(), []);
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn what_is_removed_judges_nothing_any_more_and_may_come_back(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        save(&mut tx, &objective(1800), "owner", "catalog", day(1)).await.unwrap();
        remove(&mut tx, "orders", day(5)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(list(&db).await.unwrap().is_empty());
        assert!(matches!(by_name(&db, "orders").await, Err(Error::NotFound)));
        assert!(at(&db, "orders", day(6)).await.unwrap().is_none());
        assert!(at(&db, "orders", day(4)).await.unwrap().is_some());

        let mut tx = db.begin().await.unwrap();
        save(&mut tx, &objective(60), "owner", "catalog", day(7)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(by_name(&db, "orders").await.unwrap().version, 2);
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_version_never_changes(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        save(&mut tx, &objective(1800), "owner", "catalog", day(1)).await.unwrap();
        tx.commit().await.unwrap();
        let changed = sqlx::query!("UPDATE objective_versions SET since = $1", day(0));
        let error = changed.execute(&db).await.unwrap_err().to_string();
        assert!(error.contains("never changes"), "{error}");
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn an_idle_primary_has_one_position(db: PgPool) {
        use domain::objectives::{Lsn, Position};
        let mut tx = db.begin().await.unwrap();
        save(&mut tx, &objective(60), "owner", "catalog", day(0)).await.unwrap();
        let id = by_name(&mut *tx, "orders").await.unwrap().id;
        let position = |at: i64, lsn| Position { at: day(at), lsn: Lsn(lsn) };
        for (at, lsn) in [(1, 100), (2, 100), (3, 200), (4, 200), (5, 300)] {
            positions::remember(&mut tx, id, position(at, lsn)).await.unwrap();
        }
        let found = positions::list(&mut *tx, id).await.unwrap();
        assert_eq!(found, [position(2, 100), position(4, 200), position(5, 300)]);
        positions::forget(&mut tx, id, day(4)).await.unwrap();
        let found = positions::list(&mut *tx, id).await.unwrap();
        assert_eq!(found, [position(4, 200), position(5, 300)]);
    }
}
