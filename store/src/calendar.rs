//! The calendar: expected drills, what was put to another time, and the links of the feed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::calendar::{ExpectedDrill, Move};
use domain::catalog::Stored;
use domain::drills::StateName;
use domain::drills::closing::Outcome;
use domain::ids::{ExpectedDrillId, UserId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// An expected drill, and when the calendar first asked for it.
#[derive(Clone, Debug)]
pub struct Stated {
    pub drill: Stored<ExpectedDrillId, ExpectedDrill>,
    pub stated_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    version: i32,
    definition: Value,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Stated {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let broken =
            |_| Error::Inconsistent { table: "expected_drill_versions", id: row.id.to_string() };
        let entry = serde_json::from_value(row.definition).map_err(broken)?;
        let drill = Stored { id: ExpectedDrillId(row.id), version: row.version, entry };
        Ok(Self { drill, stated_at: row.created_at })
    }
}

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT head.id, head.version, body.definition, head.created_at FROM expected_drills head
             JOIN expected_drill_versions body
                 ON body.expected_drill_id = head.id AND body.version = head.version
             WHERE head.removed_at IS NULL AND " + $condition
            $(, $argument)*
        )
    };
}

pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Stated>, Error> {
    let rows = select!("true ORDER BY head.name").fetch_all(db).await?;
    rows.into_iter().map(Stated::try_from).collect()
}

pub async fn by_name(db: impl PgExecutor<'_>, name: &str) -> Result<Stated, Error> {
    let row = select!("head.name = $1", name).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// Lets nobody else plan, move or miss a drill of this kind until the transaction ends.
pub async fn lock(tx: &mut PgConnection, name: &str) -> Result<Stated, Error> {
    // Its newest version is read once the lock is held.
    let locked =
        sqlx::query_scalar!("SELECT id FROM expected_drills WHERE name = $1 FOR UPDATE", name);
    locked.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    by_name(tx, name).await
}

/// A new one, or the next version of the one with its name.
pub async fn save(
    tx: &mut PgConnection,
    drill: &ExpectedDrill,
    at: DateTime<Utc>,
) -> Result<ExpectedDrillId, Error> {
    // One that comes back is expected from now on, and not for the time in which nobody asked for it.
    let head = sqlx::query!(
        "INSERT INTO expected_drills (name, created_at) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET
             version = expected_drills.version + 1,
             created_at = CASE WHEN expected_drills.removed_at IS NULL
                 THEN expected_drills.created_at ELSE excluded.created_at END,
             removed_at = NULL
         RETURNING id, version",
        drill.name,
        at
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO expected_drill_versions (expected_drill_id, version, definition, created_at)
         VALUES ($1, $2, $3, $4)",
        head.id,
        head.version,
        sqlx::types::Json(drill) as _,
        at
    )
    .execute(tx)
    .await?;
    Ok(ExpectedDrillId(head.id))
}

/// It is expected no longer; what happened stays.
pub async fn remove(tx: &mut PgConnection, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE expected_drills SET removed_at = $2 WHERE name = $1 AND removed_at IS NULL",
        name,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Every move of every expected drill; they are few, because each needs a reason.
pub async fn moves(db: impl PgExecutor<'_>) -> Result<HashMap<ExpectedDrillId, Vec<Move>>, Error> {
    let rows = sqlx::query!(
        "SELECT expected_drill_id, period, from_at, until_at, reason, by, at FROM calendar_moves ORDER BY id"
    );
    let mut moves = HashMap::<_, Vec<Move>>::new();
    for row in rows.fetch_all(db).await? {
        moves.entry(ExpectedDrillId(row.expected_drill_id)).or_default().push(Move {
            period: row.period,
            from: row.from_at,
            until: row.until_at,
            reason: row.reason,
            by: row.by,
            at: row.at,
        });
    }
    Ok(moves)
}

pub async fn put_off(tx: &mut PgConnection, id: ExpectedDrillId, to: &Move) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO calendar_moves (expected_drill_id, period, from_at, until_at, reason, by, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id.0,
        to.period,
        to.from,
        to.until,
        to.reason,
        to.by,
        to.at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A drill that was planned for an occurrence, as the calendar shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub expected: ExpectedDrillId,
    pub period: String,
    pub number: String,
    pub state: StateName,
    pub outcome: Option<Outcome>,
    pub planned_at: DateTime<Utc>,
    /// A missed one of which nobody has said why.
    pub unexplained: bool,
}

/// The drills of these occurrences: of every expected drill, for periods whose drills were planned since.
pub async fn planned_since(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
) -> Result<Vec<Planned>, Error> {
    let rows = sqlx::query!(
        r#"SELECT expected_drill_id AS "expected!", period AS "period!", number, state, outcome, planned_at,
                  (state = 'missed' AND state_reason IS NULL) AS "unexplained!"
           FROM drills WHERE expected_drill_id IS NOT NULL AND planned_at >= $1 ORDER BY planned_at, number"#,
        since
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken = || Error::Inconsistent { table: "drills", id: row.number.clone() };
        Ok(Planned {
            expected: ExpectedDrillId(row.expected),
            period: row.period,
            state: StateName::parse(&row.state).ok_or_else(broken)?,
            outcome: match &row.outcome {
                Some(outcome) => Some(Outcome::parse(outcome).ok_or_else(broken)?),
                None => None,
            },
            number: row.number,
            planned_at: row.planned_at,
            unexplained: row.unexplained,
        })
    });
    rows.collect()
}

/// How the drills of one occurrence stand.
pub async fn states_of(
    db: impl PgExecutor<'_>,
    id: ExpectedDrillId,
    period: &str,
) -> Result<Vec<StateName>, Error> {
    let states = sqlx::query_scalar!(
        "SELECT state FROM drills WHERE expected_drill_id = $1 AND period = $2",
        id.0,
        period
    );
    let states = states.fetch_all(db).await?;
    let known = |state: String| StateName::parse(&state);
    let broken = || Error::Inconsistent { table: "drills", id: format!("{id} {period}") };
    states.into_iter().map(known).collect::<Option<_>>().ok_or_else(broken)
}

/// The link of a user's feed; the one they had before leads nowhere any more.
pub async fn link(
    tx: &mut PgConnection,
    user: UserId,
    hash: [u8; 32],
    sealed: &[u8],
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO calendar_links (user_id, token_hash, sealed, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE SET
             token_hash = excluded.token_hash, sealed = excluded.sealed, created_at = excluded.created_at",
        user.0,
        &hash[..],
        sealed,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn unlink(tx: &mut PgConnection, user: UserId) -> Result<bool, Error> {
    let gone = sqlx::query!("DELETE FROM calendar_links WHERE user_id = $1", user.0);
    Ok(gone.execute(tx).await?.rows_affected() > 0)
}

/// The sealed token of a user's link.
pub async fn sealed_link(db: impl PgExecutor<'_>, user: UserId) -> Result<Option<Vec<u8>>, Error> {
    let sealed =
        sqlx::query_scalar!("SELECT sealed FROM calendar_links WHERE user_id = $1", user.0);
    Ok(sealed.fetch_optional(db).await?)
}

/// Whose feed a link is. Nobody's once their account is closed.
pub async fn user_of_link(
    db: impl PgExecutor<'_>,
    hash: [u8; 32],
) -> Result<Option<UserId>, Error> {
    let user = sqlx::query_scalar!(
        "SELECT u.id FROM calendar_links l JOIN users u ON u.id = l.user_id
         WHERE l.token_hash = $1 AND u.disabled_at IS NULL",
        &hash[..]
    );
    Ok(user.fetch_optional(db).await?.map(UserId))
}
