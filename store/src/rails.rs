//! Kill switches, acknowledged blocks and holds.

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::Digest;
use domain::ids::{RollbackId, ServiceId, UserId, WorkloadId};
use domain::rails::{KillSwitch, Scope};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// All switches that are on.
pub async fn kill_switches(db: impl PgExecutor<'_>) -> Result<Vec<KillSwitch>, Error> {
    let rows = sqlx::query_as!(Row, "SELECT * FROM kill_switches ORDER BY scope");
    rows.fetch_all(db).await?.into_iter().map(KillSwitch::try_from).collect()
}

/// Locks the switch until the transaction ends.
pub async fn lock(tx: &mut PgConnection, scope: &Scope) -> Result<Option<KillSwitch>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT * FROM kill_switches WHERE scope = $1 FOR UPDATE",
        scope.to_string()
    );
    row.fetch_optional(tx).await?.map(KillSwitch::try_from).transpose()
}

/// A switch that is on already keeps who set it first.
pub async fn switch_on(tx: &mut PgConnection, switch: &KillSwitch) -> Result<bool, Error> {
    let res = sqlx::query!(
        "INSERT INTO kill_switches (scope, reason, set_by, set_by_name, set_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        switch.scope.to_string(),
        switch.reason,
        switch.set_by.map(|it| it.0),
        switch.set_by_name,
        switch.set_at
    );
    Ok(res.execute(tx).await?.rows_affected() == 1)
}

pub async fn switch_off(tx: &mut PgConnection, scope: &Scope) -> Result<(), Error> {
    sqlx::query!("DELETE FROM kill_switches WHERE scope = $1", scope.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// What the rules ask of the ledger about a service. What a drill brought about says nothing about a service and is
/// left out everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Failed or unverified rollbacks in a row, since the last success or acknowledgement.
    pub failures: i64,
    /// Automatic ones for this rule in the last hour.
    pub automatic_this_hour: i64,
    /// When the last one that acted ended, whatever its outcome.
    pub last_ended_at: Option<DateTime<Utc>>,
    /// Services with a rollback under way, this one aside.
    pub services_rolling_back: i64,
}

pub async fn history(
    db: impl PgExecutor<'_>,
    service: ServiceId,
    rule: &str,
    now: DateTime<Utc>,
) -> Result<History, Error> {
    let row = sqlx::query!(
        r#"SELECT
            (SELECT count(*) FROM rollbacks r
             WHERE r.service_id = $1 AND r.drill_id IS NULL
                   AND (r.state = 'failed' OR r.closure IN ('not_verified', 'unknown'))
                   AND r.ended_at > GREATEST(
                       COALESCE((SELECT max(ok.ended_at) FROM rollbacks ok
                                 WHERE ok.service_id = $1 AND ok.drill_id IS NULL AND ok.closure = 'verified'), '-infinity'),
                       COALESCE((SELECT b.at FROM acknowledged_blocks b WHERE b.service_id = $1), '-infinity')))
                AS "failures!",
            (SELECT count(*) FROM rollbacks r JOIN decisions d ON d.id = r.decision_id JOIN alerts a ON a.id = d.alert_id
             WHERE r.service_id = $1 AND r.drill_id IS NULL AND d.disposition = 'execute' AND a.name = $2
                   AND r.created_at > $3)
                AS "automatic_this_hour!",
            (SELECT max(r.ended_at) FROM rollbacks r
             WHERE r.service_id = $1 AND r.drill_id IS NULL AND r.executed_at IS NOT NULL) AS last_ended_at,
            (SELECT count(DISTINCT r.service_id) FROM rollbacks r
             WHERE r.ended_at IS NULL AND r.service_id <> $1 AND r.drill_id IS NULL
                   AND r.state IN ('approved', 'executing', 'paused', 'verifying')) AS "services_rolling_back!""#,
        service.0,
        rule,
        now - TimeDelta::hours(1)
    );
    let row = row.fetch_one(db).await?;
    Ok(History {
        failures: row.failures,
        automatic_this_hour: row.automatic_this_hour,
        last_ended_at: row.last_ended_at,
        services_rolling_back: row.services_rolling_back,
    })
}

/// How often each rule has acted by itself on each service in the last hour.
pub async fn automatic_by_rule(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<(ServiceId, String, i64)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT r.service_id, a.name AS rule, count(*) AS "count!"
           FROM rollbacks r JOIN decisions d ON d.id = r.decision_id JOIN alerts a ON a.id = d.alert_id
           WHERE r.drill_id IS NULL AND d.disposition = 'execute' AND r.created_at > $1
           GROUP BY 1, 2"#,
        now - TimeDelta::hours(1)
    );
    let rows = rows.fetch_all(db).await?;
    Ok(rows.into_iter().map(|it| (ServiceId(it.service_id), it.rule, it.count)).collect())
}

/// One decision at a time, cluster-wide, while the caps are counted and used up: two that run at once would
/// each see room for one. Held until the transaction ends.
pub async fn lock_caps(tx: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('rails'))").execute(tx).await?;
    Ok(())
}

/// The commit of this transaction waits for no disk, and what it locks is free at once. Only for what the next commit
/// of the same process makes good before anything is done because of it: the log is written in order, so an intent
/// that is on the disk has its decision, plan and approval there too. If the database dies before, all of it is gone
/// together, the alert is still due, and the run that nobody finds any more is in nobody's hands.
pub async fn leave_to_next_commit(tx: &mut PgConnection) -> Result<(), Error> {
    let off = sqlx::query_scalar!("SELECT set_config('synchronous_commit', 'off', true)");
    off.fetch_one(tx).await?;
    Ok(())
}

pub async fn acknowledge(
    tx: &mut PgConnection,
    service: ServiceId,
    by: Option<UserId>,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO acknowledged_blocks (service_id, acknowledged_by, at, reason) VALUES ($1, $2, $3, $4)
         ON CONFLICT (service_id) DO UPDATE SET acknowledged_by = $2, at = $3, reason = $4",
        service.0,
        by.map(|it| it.0),
        at,
        reason
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A version that was left, and shall not come back unasked.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub service: ServiceId,
    pub workload: Option<WorkloadId>,
    pub digest: Digest,
    pub images: Vec<String>,
    pub rollback: Option<RollbackId>,
    pub since: DateTime<Utc>,
}

pub async fn hold(tx: &mut PgConnection, hold: &Hold) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO holds (service_id, workload_id, digest, images, rollback_id, since)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        hold.service.0,
        hold.workload.map(|it| it.0),
        hold.digest.as_str(),
        &hold.images,
        hold.rollback.map(|it| it.0),
        hold.since
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Somebody took back what was said against a version of this workload, so nothing holds it any more.
pub async fn release(
    tx: &mut PgConnection,
    workload: WorkloadId,
    digest: &Digest,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE holds SET released_at = $3 WHERE workload_id = $1 AND digest = $2 AND released_at IS NULL",
        workload.0,
        digest.as_str(),
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn holds(db: impl PgExecutor<'_>, service: ServiceId) -> Result<Vec<Hold>, Error> {
    let rows = sqlx::query!(
        "SELECT * FROM holds WHERE service_id = $1 AND released_at IS NULL ORDER BY since DESC",
        service.0
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken = |_| Error::Inconsistent { table: "holds", id: row.id.to_string() };
        Ok(Hold {
            service: ServiceId(row.service_id),
            workload: row.workload_id.map(WorkloadId),
            digest: row.digest.parse().map_err(broken)?,
            images: row.images,
            rollback: row.rollback_id.map(RollbackId),
            since: row.since,
        })
    });
    rows.collect()
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Row {
    scope: String,
    reason: String,
    set_by: Option<Uuid>,
    set_by_name: String,
    set_at: DateTime<Utc>,
}

impl TryFrom<Row> for KillSwitch {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let broken = || Error::Inconsistent { table: "kill_switches", id: row.scope.clone() };
        Ok(KillSwitch {
            scope: row.scope.parse().map_err(|_| broken())?,
            reason: row.reason,
            set_by: row.set_by.map(UserId),
            set_by_name: row.set_by_name,
            set_at: row.set_at,
        })
    }
}
