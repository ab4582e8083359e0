//! Copies as they were seen, what they come to, and how the row stood.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::backups::{Copy, Freshness, Look, Outcome, SKEW, Seen, Site, Tally};
use domain::ids::BackupId;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// Writes what a source told, and counts anew. With `all`, a copy that is not among them is gone.
pub async fn record(
    tx: &mut PgConnection,
    backup: BackupId,
    site: Site,
    copies: &[Copy],
    all: bool,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    put(&mut *tx, backup, site, copies, now).await?;
    if all {
        let (tenants, artefacts): (Vec<&str>, Vec<&str>) =
            copies.iter().map(|it| (it.tenant.as_str(), it.artefact.as_str())).unzip();
        sqlx::query!(
            "UPDATE backup_copies copy SET gone_at = GREATEST($5, seen_at)
             WHERE backup_id = $1 AND site = $2 AND gone_at IS NULL AND NOT EXISTS (
                 SELECT FROM unnest($3::text[], $4::text[]) AS told (tenant, artefact)
                 WHERE told.tenant = copy.tenant AND told.artefact = copy.artefact
             )",
            backup.0,
            site.as_str(),
            &tenants as _,
            &artefacts as _,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    forget(&mut *tx, backup, site, all).await?;
    count(tx, backup, site, now).await
}

/// How many copies of one tenant are remembered that cannot be found any more, or that nobody lists.
const REMEMBERED: i64 = 2_000;

async fn forget(
    tx: &mut PgConnection,
    backup: BackupId,
    site: Site,
    all: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM backup_copies copy USING (
             SELECT tenant, artefact, row_number() OVER (PARTITION BY tenant ORDER BY taken_at DESC) AS place
             FROM backup_copies
             WHERE backup_id = $1 AND site = $2 AND (gone_at IS NOT NULL OR NOT $3)
         ) old
         WHERE copy.backup_id = $1 AND copy.site = $2 AND copy.tenant = old.tenant
               AND copy.artefact = old.artefact AND old.place > $4",
        backup.0,
        site.as_str(),
        all,
        REMEMBERED
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// One copy that somebody told of.
pub async fn tell(
    tx: &mut PgConnection,
    backup: BackupId,
    site: Site,
    copy: &Copy,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    record(tx, backup, site, std::slice::from_ref(copy), false, now).await
}

/// A copy that is there as it was before is not touched; one that is back is no longer gone.
async fn put(
    tx: &mut PgConnection,
    backup: BackupId,
    site: Site,
    copies: &[Copy],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        r#"INSERT INTO backup_copies AS old
               (backup_id, site, tenant, artefact, taken_at, seen_at, outcome, size, sha256, encrypted)
           SELECT DISTINCT ON (tenant, artefact)
                  $1, $2, tenant, artefact, taken_at, $4, outcome, size, sha256, encrypted
           FROM jsonb_to_recordset($3) AS told (
               tenant text, artefact text, taken_at timestamptz, outcome text, size bigint, sha256 text,
               encrypted boolean
           )
           ORDER BY tenant, artefact, taken_at DESC
           ON CONFLICT (backup_id, site, tenant, artefact) DO UPDATE SET
               taken_at = excluded.taken_at, seen_at = excluded.seen_at, outcome = excluded.outcome,
               size = excluded.size, sha256 = excluded.sha256, encrypted = excluded.encrypted, gone_at = NULL
           WHERE (old.taken_at, old.outcome, old.size, old.sha256, old.encrypted, old.gone_at)
                 IS DISTINCT FROM
                 (excluded.taken_at, excluded.outcome, excluded.size, excluded.sha256, excluded.encrypted, NULL)"#,
        backup.0,
        site.as_str(),
        Json(copies) as _,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// For how long it is held against a row that a copy went too soon.
const GONE_LATELY: TimeDelta = TimeDelta::days(30);

/// What the copies come to, by tenant. A copy counts as soon as its time has come.
async fn count(
    tx: &mut PgConnection,
    backup: BackupId,
    site: Site,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM backup_tallies WHERE backup_id = $1 AND site = $2",
        backup.0,
        site.as_str()
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO backup_tallies
             (backup_id, site, tenant, newest, newest_at, oldest, oldest_at, present, future, future_at, plain, untold,
              gone, gone_after_s, failed, failed_at)
         SELECT $1, $2, tenant,
                (array_agg(artefact ORDER BY taken_at DESC) FILTER (WHERE done AND taken_at <= $3))[1],
                max(taken_at) FILTER (WHERE done AND taken_at <= $3),
                (array_agg(artefact ORDER BY taken_at) FILTER (WHERE done AND gone_at IS NULL))[1],
                min(taken_at) FILTER (WHERE done AND gone_at IS NULL),
                count(*) FILTER (WHERE done AND gone_at IS NULL),
                (array_agg(artefact ORDER BY taken_at DESC) FILTER (WHERE taken_at > $3))[1],
                max(taken_at) FILTER (WHERE taken_at > $3),
                min(artefact) FILTER (WHERE done AND gone_at IS NULL AND NOT encrypted),
                COALESCE(bool_or(done AND gone_at IS NULL AND encrypted IS NULL), false),
                (array_agg(artefact ORDER BY gone_at - taken_at) FILTER (WHERE done AND gone_lately))[1],
                EXTRACT(EPOCH FROM min(gone_at - taken_at) FILTER (WHERE done AND gone_lately)),
                (array_agg(artefact ORDER BY taken_at DESC) FILTER (WHERE failed_last))[1],
                max(taken_at) FILTER (WHERE failed_last)
         FROM (
             SELECT *, outcome = 'done' AS done, gone_at > $4 AS gone_lately,
                    outcome = 'failed' AND taken_at = max(taken_at) OVER (PARTITION BY tenant) AS failed_last
             FROM backup_copies WHERE backup_id = $1 AND site = $2
         ) copies
         GROUP BY tenant",
        backup.0,
        site.as_str(),
        now + SKEW,
        now - GONE_LATELY
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct TallyRow {
    backup_id: Uuid,
    site: String,
    tenant: String,
    newest: Option<String>,
    newest_at: Option<DateTime<Utc>>,
    oldest: Option<String>,
    oldest_at: Option<DateTime<Utc>>,
    present: i32,
    future: Option<String>,
    future_at: Option<DateTime<Utc>>,
    plain: Option<String>,
    untold: bool,
    gone: Option<String>,
    gone_after_s: Option<f64>,
    failed: Option<String>,
    failed_at: Option<DateTime<Utc>>,
}

impl From<TallyRow> for Tally {
    fn from(row: TallyRow) -> Self {
        let seconds = |it: f64| TimeDelta::milliseconds((it * 1000.0) as i64);
        Self {
            tenant: row.tenant,
            newest: row.newest.zip(row.newest_at),
            oldest: row.oldest.zip(row.oldest_at),
            present: u32::try_from(row.present).unwrap_or(0),
            future: row.future.zip(row.future_at),
            plain: row.plain,
            untold: row.untold,
            gone_at_age: row.gone.zip(row.gone_after_s.map(seconds)),
            failed: row.failed.zip(row.failed_at),
        }
    }
}

/// Everything that was observed of these rows.
pub async fn seen(
    db: &mut PgConnection,
    backups: &[BackupId],
) -> Result<HashMap<BackupId, Seen>, Error> {
    let ids: Vec<Uuid> = backups.iter().map(|it| it.0).collect();
    let mut seen: HashMap<BackupId, Seen> =
        backups.iter().map(|it| (*it, Seen::default())).collect();
    let tallies = sqlx::query_as!(
        TallyRow,
        "SELECT * FROM backup_tallies WHERE backup_id = ANY ($1) ORDER BY backup_id, site, tenant",
        &ids
    );
    for row in tallies.fetch_all(&mut *db).await? {
        let Some(seen) = seen.get_mut(&BackupId(row.backup_id)) else { continue };
        let list = match row.site.as_str() {
            "here" => &mut seen.tallies,
            _ => &mut seen.offsite_tallies,
        };
        list.push(row.into());
    }
    let looks = sqlx::query!(
        "SELECT backup_id, site, looked_at, failure, warning FROM backup_looks WHERE backup_id = ANY ($1)",
        &ids
    );
    for row in looks.fetch_all(db).await? {
        let Some(seen) = seen.get_mut(&BackupId(row.backup_id)) else { continue };
        let look = Look { at: row.looked_at, failure: row.failure, warning: row.warning };
        match row.site.as_str() {
            "here" => seen.here = look,
            _ => seen.offsite = look,
        }
    }
    Ok(seen)
}

/// A copy as it stands in the database.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub site: Site,
    pub copy: Copy,
    pub seen_at: DateTime<Utc>,
    pub gone_at: Option<DateTime<Utc>>,
}

/// What a list of copies shows.
#[derive(Clone, Debug, Default)]
pub struct CopyFilter {
    pub tenant: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// After this one, in the order of the list: time, site, tenant, artefact.
    pub after: Option<(DateTime<Utc>, String, String, String)>,
    pub limit: i64,
}

/// A row's copies, the newest first.
pub async fn copies(
    db: impl PgExecutor<'_>,
    backup: BackupId,
    filter: &CopyFilter,
) -> Result<Vec<Written>, Error> {
    let (at, site, tenant, artefact) = match &filter.after {
        Some((at, site, tenant, artefact)) => {
            (Some(*at), Some(site.as_str()), Some(tenant.as_str()), Some(artefact.as_str()))
        }
        None => (None, None, None, None),
    };
    let rows = sqlx::query!(
        "SELECT site, tenant, artefact, taken_at, seen_at, outcome, size, sha256, encrypted, gone_at
         FROM backup_copies
         WHERE backup_id = $1 AND ($2::text IS NULL OR tenant = $2) AND ($3::timestamptz IS NULL OR taken_at >= $3)
               AND ($4::timestamptz IS NULL OR taken_at < $4
                    OR (taken_at = $4 AND (site, tenant, artefact) > ($5, $6, $7)))
         ORDER BY taken_at DESC, site, tenant, artefact LIMIT $8",
        backup.0,
        filter.tenant.as_deref(),
        filter.since,
        at,
        site,
        tenant,
        artefact,
        filter.limit
    );
    let copies = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken = || Error::Inconsistent { table: "backup_copies", id: row.artefact.clone() };
        Ok(Written {
            site: Site::parse(&row.site).ok_or_else(broken)?,
            seen_at: row.seen_at,
            gone_at: row.gone_at,
            copy: Copy {
                outcome: Outcome::parse(&row.outcome).ok_or_else(broken)?,
                size: row.size.map(|it| u64::try_from(it).map_err(|_| broken())).transpose()?,
                tenant: row.tenant,
                taken_at: row.taken_at,
                sha256: row.sha256,
                encrypted: row.encrypted,
                artefact: row.artefact,
            },
        })
    });
    copies.collect()
}

/// How each row stood when it was last written.
pub async fn standing(
    db: impl PgExecutor<'_>,
) -> Result<HashMap<BackupId, (DateTime<Utc>, Freshness)>, Error> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (backup_id) backup_id, at, freshness FROM backup_changes ORDER BY backup_id, at DESC"
    );
    let standing = rows.fetch_all(db).await?.into_iter().map(|row| {
        let id = BackupId(row.backup_id);
        Ok((id, (row.at, freshness(id, &row.freshness)?)))
    });
    standing.collect()
}

/// How the row stood when that was last written, and when it was last known. Whoever asks is alone with the row until
/// the transaction ends.
pub async fn last_known(
    tx: &mut PgConnection,
    backup: BackupId,
) -> Result<(Option<Freshness>, Option<Freshness>), Error> {
    sqlx::query!("SELECT id FROM backups WHERE id = $1 FOR UPDATE", backup.0)
        .fetch_optional(&mut *tx)
        .await?;
    let row = sqlx::query!(
        "SELECT (SELECT freshness FROM backup_changes WHERE backup_id = $1 ORDER BY at DESC LIMIT 1) AS last,
                (SELECT freshness FROM backup_changes WHERE backup_id = $1 AND freshness <> 'unknown'
                 ORDER BY at DESC LIMIT 1) AS known",
        backup.0
    );
    let row = row.fetch_one(tx).await?;
    let parse = |word: Option<String>| word.map(|it| freshness(backup, &it)).transpose();
    Ok((parse(row.last)?, parse(row.known)?))
}

fn freshness(backup: BackupId, word: &str) -> Result<Freshness, Error> {
    let broken = || Error::Inconsistent { table: "backup_changes", id: backup.to_string() };
    Freshness::parse(word).ok_or_else(broken)
}

pub async fn record_change(
    tx: &mut PgConnection,
    backup: BackupId,
    freshness: Freshness,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO backup_changes (backup_id, at, freshness) VALUES ($1, $2, $3)
         ON CONFLICT (backup_id, at) DO UPDATE SET freshness = excluded.freshness",
        backup.0,
        at,
        freshness.as_str()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How the row stood, the newest first.
pub async fn history(
    db: impl PgExecutor<'_>,
    backup: BackupId,
    limit: i64,
) -> Result<Vec<(DateTime<Utc>, Freshness)>, Error> {
    let rows = sqlx::query!(
        "SELECT at, freshness FROM backup_changes WHERE backup_id = $1 ORDER BY at DESC LIMIT $2",
        backup.0,
        limit
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    rows.map(|row| Ok((row.at, freshness(backup, &row.freshness)?))).collect()
}
