//! Everything that was measured, whatever it belongs to.

use chrono::{DateTime, Utc};
use domain::access::Subject;
use domain::ids::{MeasurementId, ServiceId};
use domain::measurements::{Judge, Measurement, Sample, Window};
use domain::verdict::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

pub mod incidents;

/// A measurement as it is kept: with what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub id: MeasurementId,
    /// `drills/DR-…`, `objectives/…`, ….
    pub subject: String,
    pub service: Option<String>,
    pub measurement: Measurement,
}

struct Row {
    id: Uuid,
    subject: String,
    service: Option<String>,
    body: Value,
}

impl TryFrom<Row> for Kept {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let Row { id, subject, service, body } = row;
        let body: Body = serde_json::from_value(body)
            .map_err(|_| Error::Inconsistent { table: "measurements", id: id.to_string() })?;
        Ok(Kept { id: MeasurementId(id), subject, service, measurement: body.measurement() })
    }
}

/// A measurement in the columns of the table, as SQL hands it over in JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body {
    name: String,
    value: Option<f64>,
    unit: String,
    verdict: Option<Verdict>,
    source: String,
    query: Option<String>,
    window_from: DateTime<Utc>,
    window_to: DateTime<Utc>,
    measured_at: DateTime<Utc>,
    objective: Option<String>,
    objective_version: Option<i32>,
    result: Option<Value>,
    #[serde(default)]
    samples: Vec<Sample>,
}

impl Body {
    fn of(it: &Measurement) -> Self {
        let (objective, objective_version) =
            it.objective.clone().map(|it| (it.name, it.version)).unzip();
        Self {
            name: it.name.clone(),
            // The database keeps no value that is none.
            value: it.value.filter(|it| it.is_finite()),
            unit: it.unit.clone(),
            verdict: it.verdict,
            source: it.source.clone(),
            query: it.query.clone(),
            window_from: it.window.from,
            window_to: it.window.to,
            measured_at: it.at,
            objective,
            objective_version,
            result: it.result.clone(),
            samples: it.samples.clone(),
        }
    }

    pub(crate) fn measurement(self) -> Measurement {
        let judge = self.objective.zip(self.objective_version);
        Measurement {
            name: self.name,
            value: self.value,
            unit: self.unit,
            verdict: self.verdict,
            source: self.source,
            query: self.query,
            window: Window { from: self.window_from, to: self.window_to },
            at: self.measured_at,
            objective: judge.map(|(name, version)| Judge { name, version }),
            result: self.result,
            samples: self.samples,
        }
    }
}

macro_rules! insert {
    ($tx:expr, $subject:expr, $service:expr, $rows:expr, $conflict:literal) => {
        sqlx::query!(
            "INSERT INTO measurements AS kept (subject, service_id, name, value, unit, verdict, source, query,
                 window_from, window_to, measured_at, objective_id, objective_version, result, samples)
             SELECT $1, $2, m.name, value, unit, verdict, source, query, window_from, window_to, measured_at,
                 (SELECT id FROM objectives o WHERE o.name = m.objective), objective_version, result, samples
             FROM jsonb_to_recordset($3) AS m (
                 name text, value double precision, unit text, verdict text, source text, query text,
                 window_from timestamptz, window_to timestamptz, measured_at timestamptz, objective text,
                 objective_version integer, result jsonb, samples jsonb
             ) " + $conflict,
            $subject.as_str(),
            $service.map(|it| it.0),
            serde_json::json!($rows)
        )
        .execute($tx)
        .await?
    };
}

/// Adds values to what was measured of a subject over time.
pub async fn insert(
    tx: &mut PgConnection,
    subject: &Subject,
    service: Option<ServiceId>,
    measurements: &[Measurement],
) -> Result<(), Error> {
    let rows: Vec<_> = measurements.iter().map(Body::of).collect();
    insert!(tx, subject, service, rows, "");
    Ok(())
}

/// Writes what was measured of something that happens once, a drill or a rollback. Measured again it is the newer
/// value that counts; samples stay where the newer one comes without.
pub async fn put(
    tx: &mut PgConnection,
    subject: &Subject,
    service: Option<ServiceId>,
    measurements: &[Measurement],
) -> Result<(), Error> {
    if measurements.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = measurements.iter().map(Body::of).collect();
    insert!(
        tx,
        subject,
        service,
        rows,
        "ON CONFLICT (subject, name, objective_id) WHERE subject LIKE 'drills/%' OR subject LIKE 'rollbacks/%'
         DO UPDATE SET
             value = excluded.value, unit = excluded.unit, verdict = excluded.verdict, source = excluded.source,
             query = excluded.query, window_from = excluded.window_from, window_to = excluded.window_to,
             measured_at = excluded.measured_at, objective_version = excluded.objective_version,
             result = excluded.result,
             samples = CASE excluded.samples WHEN '[]' THEN kept.samples ELSE excluded.samples END
         WHERE (kept.value, kept.unit, kept.verdict, kept.source, kept.query, kept.window_from, kept.window_to,
                kept.measured_at, kept.objective_version, kept.result)
             IS DISTINCT FROM (excluded.value, excluded.unit, excluded.verdict, excluded.source, excluded.query,
                excluded.window_from, excluded.window_to, excluded.measured_at, excluded.objective_version,
                excluded.result)"
    );
    Ok(())
}

/// With its samples or, as lists are, without.
macro_rules! select {
    (all, $condition:literal $(, $argument:expr)*) => { select!("m.samples", $condition $(, $argument)*) };
    (list, $condition:literal $(, $argument:expr)*) => { select!("'[]'::jsonb", $condition $(, $argument)*) };
    ($samples:literal, $condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT m.id, m.subject, s.name AS "service?", jsonb_build_object(
                   'name', m.name, 'value', m.value, 'unit', m.unit, 'verdict', m.verdict, 'source', m.source,
                   'query', m.query, 'window_from', m.window_from, 'window_to', m.window_to,
                   'measured_at', m.measured_at, 'objective', o.name, 'objective_version', m.objective_version,
                   'result', m.result, 'samples', "# + $samples + r#") AS "body!"
               FROM measurements m
               LEFT JOIN services s ON s.id = m.service_id
               LEFT JOIN objectives o ON o.id = m.objective_id WHERE "# + $condition
            $(, $argument)*
        )
    };
}

pub async fn get(db: impl PgExecutor<'_>, id: MeasurementId) -> Result<Kept, Error> {
    let row = select!(all, "m.id = $1", id.0).fetch_optional(db).await?;
    row.ok_or(Error::NotFound)?.try_into()
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub service: Option<String>,
    pub subject: Option<String>,
    pub name: Option<String>,
    pub objective: Option<String>,
    pub verdict: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// After this one, in the order of the list.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Newest first, without samples.
pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Kept>, Error> {
    let (at, id) = filter.after.unzip();
    let rows = select!(
        list,
        "($1::text IS NULL OR m.service_id = (SELECT id FROM services WHERE name = $1))
         AND ($2::text IS NULL OR m.subject = $2) AND ($3::text IS NULL OR m.name = $3)
         AND ($4::text IS NULL OR m.objective_id = (SELECT id FROM objectives WHERE name = $4))
         AND ($5::text IS NULL OR m.verdict = $5)
         AND ($6::timestamptz IS NULL OR m.measured_at >= $6)
         AND ($7::timestamptz IS NULL OR (m.measured_at, m.id) < ($7, $8))
         ORDER BY m.measured_at DESC, m.id DESC LIMIT $9",
        filter.service.as_deref(),
        filter.subject.as_deref(),
        filter.name.as_deref(),
        filter.objective.as_deref(),
        filter.verdict.as_deref(),
        filter.since,
        at,
        id,
        filter.limit
    );
    rows.fetch_all(db).await?.into_iter().map(Kept::try_from).collect()
}

/// The newest value of each name that an objective in force judged, or that is of an objective itself.
pub async fn latest(db: impl PgExecutor<'_>) -> Result<Vec<Kept>, Error> {
    let rows = select!(
        list,
        "m.id IN (
             SELECT newest.id FROM objectives of
             CROSS JOIN LATERAL (
                 SELECT DISTINCT ON (n.name) n.id FROM measurements n WHERE n.objective_id = of.id
                 ORDER BY n.name, n.measured_at DESC, n.id DESC
             ) newest
             WHERE of.removed_at IS NULL
         ) ORDER BY o.name COLLATE \"C\", m.name COLLATE \"C\""
    );
    rows.fetch_all(db).await?.into_iter().map(Kept::try_from).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::measurements::{RPO, RTO, Target};
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::objectives;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn measured(name: &str, seconds: i64) -> Measurement {
        let window = Window { from: AT, to: AT + TimeDelta::seconds(seconds) };
        Measurement::span(name, window, "clock".into(), &[Target::within(name, 60.0)])
    }

    fn values(found: &[Kept]) -> Vec<(&str, Option<f64>)> {
        found.iter().map(|it| (it.measurement.name.as_str(), it.measurement.value)).collect()
    }

    fn drill() -> Subject {
        Subject::new("drills", "DR-19700101-01")
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn of_what_happens_once_the_newer_value_counts_and_samples_stay(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        let sample = Sample { at: AT, value: Some(0.5) };
        let first = Measurement { samples: vec![sample], ..measured(RTO, 50) };
        put(&mut tx, &drill(), None, &[first, measured("mttd", 5)]).await.unwrap();
        put(&mut tx, &drill(), None, &[measured(RTO, 70)]).await.unwrap();
        tx.commit().await.unwrap();
        let filter = Filter { subject: Some(drill().to_string()), limit: 9, ..Filter::default() };
        let found = list(&db, &filter).await.unwrap();
        assert_eq!(values(&found), [(RTO, Some(70.0)), ("mttd", Some(5.0))]);
        let rto = get(&db, found[0].id).await.unwrap().measurement;
        assert_eq!((rto.verdict, &rto.samples[..]), (Some(Verdict::Fail), &[sample][..]));
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn an_objective_keeps_every_value_and_the_latest_are_found(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        let json = json!({"name": "orders", "sources": [{"document": "plan", "rpo_s": 60}]});
        let objective = serde_json::from_value(json).unwrap();
        objectives::save(&mut tx, &objective, "owner", "catalog", AT).await.unwrap();
        let judged = |name: &str, seconds| Measurement {
            objective: Some(Judge { name: "orders".into(), version: 1 }),
            ..measured(name, seconds)
        };
        let subject = Subject::new("objectives", "orders");
        for seconds in [10, 30, 20] {
            insert(&mut tx, &subject, None, &[judged(RPO, seconds)]).await.unwrap();
        }
        let unknown = Measurement {
            value: None,
            verdict: Some(Verdict::Unknown),
            result: Some(json!({"why": "no_data"})),
            ..judged(RTO, 5)
        };
        insert(&mut tx, &subject, None, std::slice::from_ref(&unknown)).await.unwrap();
        put(&mut tx, &drill(), None, &[measured(RTO, 99)]).await.unwrap();
        tx.commit().await.unwrap();

        let found = latest(&db).await.unwrap();
        assert_eq!(values(&found), [(RPO, Some(30.0)), (RTO, None)]);
        assert_eq!(found[1].measurement, unknown);
        let filter = Filter { objective: Some("orders".into()), limit: 9, ..Filter::default() };
        let all = list(&db, &filter).await.unwrap();
        assert_eq!(all.len(), 4);
        let second = &all[1];
        let after = Some((second.measurement.at, second.id.0));
        let rest = list(&db, &Filter { after, ..filter }).await.unwrap();
        assert_eq!(rest, all[2..]);
        assert_eq!(get(&db, second.id).await.unwrap(), *second);
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn what_has_no_value_never_passes(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        let it = Measurement { value: None, verdict: Some(Verdict::Pass), ..measured(RTO, 5) };
        let error = put(&mut tx, &drill(), None, &[it]).await.unwrap_err();
        assert!(format!("{error:?}").contains("unknown_is_no_pass"), "{error:?}");
    }
}
