//! What everybody who opens a page should know at once.

use sqlx::PgExecutor;

use crate::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Rollbacks and other runs that wait for approval.
    pub approvals: i64,
    /// The global kill switch is on.
    pub everything_off: bool,
    /// Kill switches that are on, the global one aside.
    pub switches: i64,
}

pub async fn now(db: impl PgExecutor<'_>) -> Result<Attention, Error> {
    let row = sqlx::query_as!(
        Attention,
        r#"SELECT (SELECT count(*) FROM runs WHERE state = 'awaiting_approval') AS "approvals!",
                  EXISTS (SELECT FROM kill_switches WHERE scope = 'global') AS "everything_off!",
                  (SELECT count(*) FROM kill_switches WHERE scope <> 'global') AS "switches!""#
    );
    Ok(row.fetch_one(db).await?)
}
