//! What the trends are counted from: rows of the ledgers, put together by period and kind in the database. What they
//! come to is decided in [`domain::trends`].

use chrono::{DateTime, TimeZone, Utc};
use domain::decisions::Cause;
use domain::drills::{CauseClass, Outcome, StateName};
use domain::rollbacks::Closure;
use domain::trends::{
    DrillCauseTally, DrillTally, Figures, Mean, MeasuredTally, Period, Promise, RollbackTally,
    Source, SpotCheckTally, Tallies, figures,
};
use domain::verdict::Verdict;
use sqlx::PgConnection;

use crate::Error;

#[cfg(test)]
pub(crate) mod tests;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// A name.
    pub service: Option<String>,
    /// The owner of the service.
    pub team: Option<String>,
    pub source: Source,
}

impl Default for Filter {
    fn default() -> Self {
        Self { service: None, team: None, source: Source::All }
    }
}

/// The figures of periods that follow one another, by the calendar of this zone.
pub async fn of<Z: TimeZone>(
    db: &mut PgConnection,
    periods: &[Period],
    zone: &Z,
    filter: &Filter,
) -> Result<Vec<Figures>, Error> {
    let bounds = bounds(periods, zone);
    let tallies = Tallies {
        drills: drills(&mut *db, &bounds, filter).await?,
        drill_causes: drill_causes(&mut *db, &bounds, filter).await?,
        measured: measured(&mut *db, &bounds, filter).await?,
        spot_checks: spot_checks(&mut *db, &bounds, filter).await?,
        rollbacks: rollbacks(&mut *db, &bounds, filter).await?,
    };
    Ok(figures(periods.len(), tallies))
}

/// The teams that own something, for the choice.
pub async fn teams(db: &mut PgConnection) -> Result<Vec<String>, Error> {
    let teams = sqlx::query_scalar!(
        "SELECT DISTINCT team FROM services WHERE team <> '' AND removed_at IS NULL ORDER BY team"
    );
    Ok(teams.fetch_all(db).await?)
}

/// Where each period begins, and at last where the last one ends.
fn bounds<Z: TimeZone>(periods: &[Period], zone: &Z) -> Vec<DateTime<Utc>> {
    let starts = periods.iter().map(|it| it.starts(zone));
    starts.chain(periods.last().map(|it| it.ends(zone))).collect()
}

/// Drills count in the period in which they took place, or were to.
async fn drills(
    db: &mut PgConnection,
    bounds: &[DateTime<Utc>],
    filter: &Filter,
) -> Result<Vec<DrillTally>, Error> {
    if filter.source == Source::Real {
        return Ok(vec![]);
    }
    let rows = sqlx::query_as!(
        DrillRow,
        r#"SELECT width_bucket(happened_at, $1::timestamptz[]) AS "period!", state, outcome, count(*) AS "count!",
                  COALESCE(array_agg((extract(epoch FROM t1 - t0) * 1000000)::bigint) FILTER (WHERE t1 IS NOT NULL),
                           '{}') AS "took!",
                  COALESCE(array_agg(closure_limit_s::bigint * 1000000) FILTER (WHERE t1 IS NOT NULL), '{}')
                      AS "limits!"
           FROM drills LEFT JOIN services s ON s.id = service_id
           WHERE happened_at >= $2 AND happened_at < $3
                 AND ($4::text IS NULL OR s.name = $4) AND ($5::text IS NULL OR s.team = $5)
           GROUP BY 1, 2, 3"#,
        bounds,
        bounds.first(),
        bounds.last(),
        filter.service.as_deref(),
        filter.team.as_deref()
    );
    rows.fetch_all(db).await?.into_iter().map(DrillTally::try_from).collect()
}

struct DrillRow {
    period: i32,
    state: String,
    outcome: Option<String>,
    count: i64,
    took: Vec<i64>,
    limits: Vec<i64>,
}

impl TryFrom<DrillRow> for DrillTally {
    type Error = Error;

    fn try_from(row: DrillRow) -> Result<Self, Error> {
        let broken = || Error::Inconsistent { table: "drills", id: row.state.clone() };
        Ok(Self {
            period: index(row.period),
            state: StateName::parse(&row.state).ok_or_else(broken)?,
            outcome: word(row.outcome.as_deref(), Outcome::parse).ok_or_else(broken)?,
            count: count(row.count),
            closures: row.took.into_iter().zip(row.limits).collect(),
        })
    }
}

/// Issues count in the period of their drill.
async fn drill_causes(
    db: &mut PgConnection,
    bounds: &[DateTime<Utc>],
    filter: &Filter,
) -> Result<Vec<DrillCauseTally>, Error> {
    if filter.source == Source::Real {
        return Ok(vec![]);
    }
    let rows = sqlx::query!(
        r#"SELECT width_bucket(happened_at, $1::timestamptz[]) AS "period!", class AS "class!", count(*) AS "count!"
           FROM drills d JOIN drill_issues i ON i.drill_id = d.id LEFT JOIN services s ON s.id = service_id
           WHERE happened_at >= $2 AND happened_at < $3 AND class IS NOT NULL
                 AND ($4::text IS NULL OR s.name = $4) AND ($5::text IS NULL OR s.team = $5)
           GROUP BY 1, 2"#,
        bounds,
        bounds.first(),
        bounds.last(),
        filter.service.as_deref(),
        filter.team.as_deref()
    );
    let tally = |period, class: String, rows| {
        let known = CauseClass::parse(&class);
        let class = known.ok_or(Error::Inconsistent { table: "drill_issues", id: class })?;
        Ok(DrillCauseTally { period: index(period), class, count: count(rows) })
    };
    let rows = rows.fetch_all(db).await?.into_iter();
    rows.map(|it| tally(it.period, it.class, it.count)).collect()
}

/// Values that were held against a target count on the day on which they were measured.
async fn measured(
    db: &mut PgConnection,
    bounds: &[DateTime<Utc>],
    filter: &Filter,
) -> Result<Vec<MeasuredTally>, Error> {
    let rows = sqlx::query_as!(
        MeasuredRow,
        r#"SELECT width_bucket(measured_at, $1::timestamptz[]) AS "period!", name, verdict AS "verdict!",
                  count(*) AS "count!"
           FROM measurements
           WHERE name IN ('rto', 'rpo') AND verdict IS NOT NULL AND measured_at >= $2 AND measured_at < $3
                 AND (($4::text IS NULL AND $5::text IS NULL) OR service_id IN (
                     SELECT id FROM services WHERE ($4::text IS NULL OR name = $4) AND ($5::text IS NULL OR team = $5)
                 ))
                 AND ($6::boolean IS NULL OR (subject LIKE 'drills/%') = $6)
           GROUP BY 1, 2, 3"#,
        bounds,
        bounds.first(),
        bounds.last(),
        filter.service.as_deref(),
        filter.team.as_deref(),
        of_drills(filter)
    );
    rows.fetch_all(db).await?.into_iter().map(MeasuredTally::try_from).collect()
}

struct MeasuredRow {
    period: i32,
    name: String,
    verdict: String,
    count: i64,
}

impl TryFrom<MeasuredRow> for MeasuredTally {
    type Error = Error;

    fn try_from(row: MeasuredRow) -> Result<Self, Error> {
        let broken = || Error::Inconsistent { table: "measurements", id: row.name.clone() };
        Ok(Self {
            period: index(row.period),
            promise: Promise::parse(&row.name).ok_or_else(broken)?,
            verdict: Verdict::parse(&row.verdict).ok_or_else(broken)?,
            count: count(row.count),
        })
    }
}

/// Spot checks count in the period in which what was found was written down. They are no incident, so they are left out
/// where only what happened in earnest is asked for.
async fn spot_checks(
    db: &mut PgConnection,
    bounds: &[DateTime<Utc>],
    filter: &Filter,
) -> Result<Vec<SpotCheckTally>, Error> {
    if filter.source == Source::Real {
        return Ok(vec![]);
    }
    let rows = sqlx::query!(
        r#"SELECT width_bucket(recorded_at, $1::timestamptz[]) AS "period!", verdict AS "verdict!", count(*) AS "count!"
           FROM spot_checks JOIN services s ON s.id = service_id
           WHERE recorded_at >= $2 AND recorded_at < $3
                 AND ($4::text IS NULL OR s.name = $4) AND ($5::text IS NULL OR s.team = $5)
           GROUP BY 1, 2"#,
        bounds,
        bounds.first(),
        bounds.last(),
        filter.service.as_deref(),
        filter.team.as_deref()
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let broken = || Error::Inconsistent { table: "spot_checks", id: row.verdict.clone() };
        Ok(SpotCheckTally {
            period: index(row.period),
            verdict: Verdict::parse(&row.verdict).ok_or_else(broken)?,
            count: count(row.count),
        })
    });
    rows.collect()
}

/// Whether only what belongs to drills is asked for, or only what does not.
fn of_drills(filter: &Filter) -> Option<bool> {
    match filter.source {
        Source::All => None,
        Source::Real => Some(false),
        Source::Drills => Some(true),
    }
}

/// Rollbacks count in the period in which they were opened.
async fn rollbacks(
    db: &mut PgConnection,
    bounds: &[DateTime<Utc>],
    filter: &Filter,
) -> Result<Vec<RollbackTally>, Error> {
    let rows = sqlx::query_as!(
        RollbackRow,
        // Intervals are summed and turned into numbers once for each group; that is half of the work.
        r#"SELECT width_bucket(created_at, $1::timestamptz[]) AS "period!", state, closure, automatic,
                  executed_at IS NOT NULL AS "executed!", cause, count(*) AS "count!",
                  count(decided_at - onset_at) AS "detects!",
                  (extract(epoch FROM sum(greatest(decided_at - onset_at, '0'))) * 1000000)::bigint AS detect,
                  (extract(epoch FROM max(greatest(decided_at - onset_at, '0'))) * 1000000)::bigint AS detect_worst,
                  count(approved_at - detected_at) AS "approves!",
                  (extract(epoch FROM sum(greatest(approved_at - detected_at, '0'))) * 1000000)::bigint AS approve,
                  (extract(epoch FROM max(greatest(approved_at - detected_at, '0'))) * 1000000)::bigint AS approve_worst,
                  count(healthy_at - onset_at) AS "recovers!",
                  (extract(epoch FROM sum(greatest(healthy_at - onset_at, '0'))) * 1000000)::bigint AS recover,
                  (extract(epoch FROM max(greatest(healthy_at - onset_at, '0'))) * 1000000)::bigint AS recover_worst
           FROM rollbacks
           WHERE created_at >= $2 AND created_at < $3
                 AND (($4::text IS NULL AND $5::text IS NULL) OR service_id IN (
                     SELECT id FROM services WHERE ($4::text IS NULL OR name = $4) AND ($5::text IS NULL OR team = $5)
                 ))
                 AND ($6::boolean IS NULL OR (drill_id IS NOT NULL) = $6)
           GROUP BY 1, 2, 3, 4, 5, 6"#,
        bounds,
        bounds.first(),
        bounds.last(),
        filter.service.as_deref(),
        filter.team.as_deref(),
        of_drills(filter)
    );
    rows.fetch_all(db).await?.into_iter().map(RollbackTally::try_from).collect()
}

struct RollbackRow {
    period: i32,
    state: String,
    closure: Option<String>,
    automatic: bool,
    executed: bool,
    cause: Option<String>,
    count: i64,
    detects: i64,
    detect: Option<i64>,
    detect_worst: Option<i64>,
    approves: i64,
    approve: Option<i64>,
    approve_worst: Option<i64>,
    recovers: i64,
    recover: Option<i64>,
    recover_worst: Option<i64>,
}

impl TryFrom<RollbackRow> for RollbackTally {
    type Error = Error;

    fn try_from(row: RollbackRow) -> Result<Self, Error> {
        let broken = || Error::Inconsistent { table: "rollbacks", id: row.state.clone() };
        // What is missing counts as the smallest of all in the sum and in the maximum.
        let mean = |rows, sum_us: Option<i64>, worst_us: Option<i64>| Mean {
            count: count(rows),
            sum_us: sum_us.unwrap_or_default(),
            worst_us: worst_us.filter(|_| rows > 0),
        };
        Ok(Self {
            period: index(row.period),
            closure: word(row.closure.as_deref(), Closure::parse).ok_or_else(broken)?,
            cause: word(row.cause.as_deref(), Cause::parse).ok_or_else(broken)?,
            state: row.state,
            automatic: row.automatic,
            executed: row.executed,
            count: count(row.count),
            detect: mean(row.detects, row.detect, row.detect_worst),
            approve: mean(row.approves, row.approve, row.approve_worst),
            recover: mean(row.recovers, row.recover, row.recover_worst),
        })
    }
}

/// `width_bucket` counts from 1.
fn index(bucket: i32) -> usize {
    usize::try_from(bucket - 1).unwrap_or(usize::MAX)
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or_default()
}

/// None for a word that nobody knows; nothing is nothing.
fn word<T>(text: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => parse(text).map(Some),
    }
}
