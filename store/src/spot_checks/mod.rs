//! The ledger of spot checks.

use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{ServiceId, SpotCheckId};
use domain::spot_checks::{Due, Population, SpotCheck};
use serde_json::json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use self::row::Row;
use crate::{Error, numbers};

pub mod coverage;
mod row;
#[cfg(test)]
mod tests;

macro_rules! select {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT c.id, c.number, c.kind, c.item, c.domain, c.backup, c.service_id, s.name AS service_name,
                   c.sample_size, c.checks, c.closure_limit_s, c.planned_by, c.created_at, c.commitment,
                   cardinality(c.population) AS population_size, c.population_source, c.population_digest,
                   c.populated_by, c.populated_at, c.seed, c.sample, c.drawn_by, c.drawn_at, c.results, c.verdict,
                   c.recorded_by, c.recorded_at, c.accepted_by, c.accepted_at, c.accept_note, c.state, c.state_reason,
                   c.retest_of, o.number AS "retest_of_number?", c.retest_since, c.retest_due, c.retest_due_missing,
                   c.escalation,
                   (SELECT r.number FROM spot_checks r WHERE r.retest_of = c.id AND r.state <> 'cancelled') AS retest
               FROM spot_checks c JOIN services s ON s.id = c.service_id
                    LEFT JOIN spot_checks o ON o.id = c.retest_of WHERE "# + $condition
            $(, $argument)*
        )
    };
}

/// A spot check that does not exist yet: everything but its number. `day` is today in the installation's zone.
pub async fn insert(
    tx: &mut PgConnection,
    new: SpotCheck,
    sealed_seed: &[u8],
    day: NaiveDate,
) -> Result<SpotCheck, Error> {
    let number = numbers::next(tx, numbers::Kind::SpotCheck, day).await?;
    let retest = new.retest_of.as_ref();
    let id = sqlx::query_scalar!(
        "INSERT INTO spot_checks (number, kind, item, domain, backup, service_id, sample_size, checks, closure_limit_s,
             planned_by, created_at, commitment, sealed_seed, state, retest_of, retest_since, retest_due,
             retest_due_missing, escalation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'planned', $14, $15, $16, $17, $18)
         RETURNING id",
        number,
        new.kind.as_str(),
        new.item,
        new.domain,
        new.backup,
        new.service.0,
        i32::try_from(new.sample_size).unwrap_or(i32::MAX),
        json!(new.checks),
        new.closure_limit_s.map(|it| i32::try_from(it).unwrap_or(i32::MAX)),
        new.planned_by,
        new.created_at,
        new.commitment.as_str(),
        sealed_seed,
        retest.map(|it| it.of.0),
        retest.map(|it| it.since),
        retest.and_then(|it| it.due.day()),
        retest.and_then(|it| it.due.missing()),
        retest.map_or("none", |it| it.escalation.as_str())
    );
    let id = SpotCheckId(id.fetch_one(tx).await?);
    Ok(SpotCheck { id, number, ..new })
}

/// Writes what its population is, with the state that follows from it.
pub async fn save_population(
    tx: &mut PgConnection,
    check: &SpotCheck,
    population: &Population,
) -> Result<(), Error> {
    let Some(fixed) = &check.population else { return Ok(()) };
    sqlx::query!(
        "UPDATE spot_checks SET population = $2, population_source = $3, population_digest = $4, populated_by = $5,
             populated_at = $6, state = $7
         WHERE id = $1",
        check.id.0,
        population.items(),
        json!(fixed.source),
        fixed.digest.as_str(),
        fixed.by,
        fixed.at,
        check.state.name().as_str()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes everything else that changes in the life of a spot check. Whoever changes it has locked it.
pub async fn save(tx: &mut PgConnection, check: &SpotCheck) -> Result<(), Error> {
    let (draw, record) = (check.draw.as_ref(), check.record.as_ref());
    let acceptance = check.state.acceptance();
    let retest = check.retest_of.as_ref();
    sqlx::query!(
        "UPDATE spot_checks SET seed = $2, sample = $3, drawn_by = $4, drawn_at = $5, results = $6, verdict = $7,
             recorded_by = $8, recorded_at = $9, accepted_by = $10, accepted_at = $11, accept_note = $12, state = $13,
             state_reason = $14, escalation = $15
         WHERE id = $1",
        check.id.0,
        draw.map(|it| it.seed.bytes().as_slice()),
        draw.map(|it| it.sample.as_slice()),
        draw.map(|it| it.by.as_str()),
        draw.map(|it| it.at),
        record.map(|it| json!(it.results)),
        record.map(|it| it.verdict.as_str()),
        record.map(|it| it.by.as_str()),
        record.map(|it| it.at),
        acceptance.map(|it| it.by.as_str()),
        acceptance.map(|it| it.at),
        acceptance.map(|it| it.note.as_str()),
        check.state.name().as_str(),
        check.state.reason(),
        retest.map_or("none", |it| it.escalation.as_str())
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The seed as it was sealed; nothing else opens it than the installation's secret key.
pub async fn sealed_seed(db: impl PgExecutor<'_>, id: SpotCheckId) -> Result<Vec<u8>, Error> {
    let seed = sqlx::query_scalar!("SELECT sealed_seed FROM spot_checks WHERE id = $1", id.0);
    seed.fetch_optional(db).await?.ok_or(Error::NotFound)
}

/// What its sample is drawn from, once that is fixed.
pub async fn population(
    db: impl PgExecutor<'_>,
    check: &SpotCheck,
) -> Result<Option<Population>, Error> {
    let Some(fixed) = &check.population else { return Ok(None) };
    let items = sqlx::query_scalar!("SELECT population FROM spot_checks WHERE id = $1", check.id.0);
    let items = items.fetch_optional(db).await?.flatten().ok_or(Error::NotFound)?;
    let broken = |_| Error::Inconsistent { table: "spot_checks", id: check.id.to_string() };
    Population::new(fixed.source.clone(), items).map(Some).map_err(broken)
}

pub async fn by_number(db: impl PgExecutor<'_>, number: &str) -> Result<SpotCheck, Error> {
    let row = select!("c.number = $1", number).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

pub async fn get(db: impl PgExecutor<'_>, id: SpotCheckId) -> Result<SpotCheck, Error> {
    let row = select!("c.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// By its number or its id, as addresses name it.
pub async fn find(db: impl PgExecutor<'_>, name: &str) -> Result<SpotCheck, Error> {
    match name.parse::<Uuid>() {
        Ok(id) => get(db, SpotCheckId(id)).await,
        Err(_) => by_number(db, name).await,
    }
}

/// Locks the row until the transaction ends.
pub async fn lock(tx: &mut PgConnection, id: SpotCheckId) -> Result<SpotCheck, Error> {
    // What belongs to it, as its re-test, is read once the lock is held.
    let locked = sqlx::query_scalar!("SELECT id FROM spot_checks WHERE id = $1 FOR UPDATE", id.0);
    locked.fetch_optional(&mut *tx).await?.ok_or(Error::NotFound)?;
    get(tx, id).await
}

/// Re-tests whose results are still to come, those first that are due first; those without a day before all others,
/// because somebody has to import it.
pub async fn owed(db: impl PgExecutor<'_>) -> Result<Vec<SpotCheck>, Error> {
    let rows = select!(
        "c.retest_of IS NOT NULL AND c.state IN ('planned', 'populated', 'drawn')
         ORDER BY c.retest_due NULLS FIRST, c.number"
    );
    rows.fetch_all(db).await?.into_iter().map(SpotCheck::try_from).collect()
}

/// Writes the day on which a re-test is due, or what else is missing to know it.
pub async fn set_due(tx: &mut PgConnection, id: SpotCheckId, due: Due) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE spot_checks SET retest_due = $2, retest_due_missing = $3 WHERE id = $1",
        id.0,
        due.day(),
        due.missing()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Asks for an incident about a spot check; once, however often it is asked.
pub async fn wish_incident(
    tx: &mut PgConnection,
    check: &SpotCheck,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO incident_wishes (subject, service_id, reason, wished_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (subject) DO NOTHING",
        format!("spot-checks/{}", check.number),
        check.service.0,
        reason,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether an incident was asked for, and its number once it is open.
pub async fn incident_of(
    db: impl PgExecutor<'_>,
    check: &SpotCheck,
) -> Result<Option<Option<String>>, Error> {
    let row = sqlx::query_scalar!(
        "SELECT incident FROM incident_wishes WHERE subject = $1",
        format!("spot-checks/{}", check.number)
    );
    Ok(row.fetch_optional(db).await?)
}

/// The numbers of a service's drills whose fault was proven in this time, and that were not given up before.
pub async fn drills_held(
    db: impl PgExecutor<'_>,
    service: ServiceId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<String>, Error> {
    let numbers = sqlx::query_scalar!(
        "SELECT number FROM drills WHERE service_id = $1 AND t0 >= $2 AND t0 <= $3 ORDER BY number",
        service.0,
        from,
        to
    );
    Ok(numbers.fetch_all(db).await?)
}

/// The longest closure of these drills in seconds; nothing where one of them has none.
pub async fn longest_closure(
    db: impl PgExecutor<'_>,
    numbers: &[String],
) -> Result<Option<f64>, Error> {
    let row = sqlx::query!(
        r#"SELECT count(t1 - t0) AS "known!", max(EXTRACT(epoch FROM t1 - t0))::float8 AS longest
           FROM drills WHERE number = ANY ($1)"#,
        numbers
    );
    let row = row.fetch_one(db).await?;
    let all = usize::try_from(row.known).is_ok_and(|it| it == numbers.len());
    Ok(row.longest.filter(|_| all))
}

/// Those that are not over: re-tests that are owed first, then the oldest.
pub async fn open(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<SpotCheck>, Error> {
    let rows = select!(
        "c.state IN ('planned', 'populated', 'drawn', 'recorded')
         ORDER BY c.retest_due, c.created_at, c.id LIMIT $1",
        limit
    );
    rows.fetch_all(db).await?.into_iter().map(SpotCheck::try_from).collect()
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<String>,
    pub state: Option<String>,
    pub verdict: Option<String>,
    pub kind: Option<String>,
    pub backup: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// The owner of the service.
    pub team: Option<String>,
    /// By the moment in which what was found was written down: from then on, and before then.
    pub recorded_since: Option<DateTime<Utc>>,
    pub recorded_until: Option<DateTime<Utc>>,
    /// After this one, in the order of the list.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Newest first.
pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<SpotCheck>, Error> {
    let (at, id) = filter.after.unzip();
    let rows = select!(
        "($1::text IS NULL OR s.name = $1) AND ($2::text IS NULL OR c.state = $2)
         AND ($3::text IS NULL OR c.verdict = $3) AND ($4::text IS NULL OR c.kind = $4)
         AND ($5::text IS NULL OR c.backup = $5) AND ($6::timestamptz IS NULL OR c.created_at >= $6)
         AND ($7::timestamptz IS NULL OR (c.created_at, c.id) < ($7, $8))
         AND ($10::text IS NULL OR s.team = $10) AND ($11::timestamptz IS NULL OR c.recorded_at >= $11)
         AND ($12::timestamptz IS NULL OR c.recorded_at < $12)
         ORDER BY c.created_at DESC, c.id DESC LIMIT $9",
        filter.service.as_deref(),
        filter.state.as_deref(),
        filter.verdict.as_deref(),
        filter.kind.as_deref(),
        filter.backup.as_deref(),
        filter.since,
        at,
        id,
        filter.limit,
        filter.team.as_deref(),
        filter.recorded_since,
        filter.recorded_until
    );
    rows.fetch_all(db).await?.into_iter().map(SpotCheck::try_from).collect()
}
