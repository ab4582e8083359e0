//! Spot checks: planning with a commitment, the population, the draw, what was found, and the signature.

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::spot_checks::{self as wishes, Asked as Wish, NewPopulation};
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::fields::Fault;
use domain::spot_checks::coverage::{self, Quarter};
use domain::spot_checks::draw::ALGORITHM;
use domain::spot_checks::export::Export;
use domain::spot_checks::results::Line;
use domain::spot_checks::{Check, Results, SpotCheck, StateName, SubjectKind};
use domain::verdict::Verdict;
use serde::Deserialize;
use serde_json::{Value, json};
use store::spot_checks::Filter;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::extract::{Nothing, optional};
use super::page::{newest_first, word};
use super::{Answer, Body, Cursor, Endpoint, Page, Problem, Query, needs};

mod bundle;
mod csv;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        needs(Action::RecordSpotCheck, routes!(plan)),
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(csv::csv)),
        needs(Action::Read, routes!(covered)),
        needs(Action::Read, routes!(get)),
        needs(Action::Read, routes!(export)),
        needs(Action::ExportBundle, routes!(bundle::bundle)),
        needs(Action::Read, routes!(population)),
        needs(Action::RecordSpotCheck, routes!(populate)),
        needs(Action::RecordSpotCheck, routes!(draw)),
        needs(Action::RecordSpotCheck, routes!(results)),
        needs(Action::AcceptSpotCheck, routes!(accept)),
        needs(Action::RecordSpotCheck, routes!(cancel)),
    ]
}

/// A spot check as others read it; the seed is there once it is revealed.
fn shown(it: &SpotCheck) -> Value {
    let checks = it.checks.iter().map(|it| {
        let comparison = if it.name.at_least() { "at_least" } else { "at_most" };
        json!({
            "name": it.name, "limit": it.limit, "comparison": comparison, "proves_data": it.name.proves_data(),
        })
    });
    let findings = it.findings().into_iter().map(|it| {
        let what = match it.what {
            Line::Items => "items",
            Line::Check(name) => name.as_str(),
            Line::InTime => "in_time",
            Line::Proof => "proof",
        };
        json!({"what": what, "verdict": it.verdict})
    });
    let record = it.record.as_ref().map(|record| {
        json!({
            "items": record.results.items, "checks": record.results.checks, "note": record.results.note,
            "counts": record.results.counts(), "by": record.by, "at": record.at,
        })
    });
    let draw = it.draw.as_ref().map(|it| {
        json!({"algorithm": ALGORITHM, "seed": it.seed, "sample": it.sample, "by": it.by, "at": it.at})
    });
    let retest = it.retest_of.as_ref();
    json!({
        "id": it.id,
        "number": it.number,
        "state": it.state.name(),
        "state_reason": it.state.reason(),
        "verdict": it.verdict(),
        "kind": it.kind,
        "item": it.item,
        "domain": it.domain,
        "backup": it.backup,
        "service": it.service_name,
        "sample_size": it.sample_size,
        "checks": checks.collect::<Vec<_>>(),
        "closure_limit_s": it.closure_limit_s,
        "closure_s": it.closure().map(|it| it.num_milliseconds() as f64 / 1000.0),
        "planned_by": it.planned_by,
        "created_at": it.created_at,
        "commitment": it.commitment,
        "population": it.population,
        "draw": draw,
        "results": record,
        "findings": findings.collect::<Vec<_>>(),
        "acceptance": it.state.acceptance().map(|it| json!({"by": it.by, "at": it.at, "note": it.note})),
        "retest": it.retest,
        "retest_of": retest.map(|it| &it.of_number),
        "due_on": retest.and_then(|it| it.due.day()),
        "due_unknown": retest.and_then(|it| it.due.problem()),
        "escalation": retest.map(|it| it.escalation),
    })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSpotCheck {
    service: String,
    /// backup, replay, cache_file, drill
    #[schema(value_type = String, example = "backup")]
    kind: SubjectKind,
    /// What is checked, in words.
    item: String,
    domain: Option<String>,
    /// The row of the backup matrix.
    backup: Option<String>,
    sample_size: u32,
    /// `{name: restored|loads|differences|hit_rate|closure_s, limit}`; the usual ones of the kind where it is left
    /// out. At least one proves the data: differences or hit_rate.
    #[schema(value_type = Option<Vec<Object>>)]
    checks: Option<Vec<Check>>,
    /// From the draw to the record.
    closure_limit_s: Option<u32>,
}

/// Plans a spot check, and commits to a seed: its SHA-256 is in the answer and in the audit log.
#[utoipa::path(post, path = "/spot-checks", tag = "spot checks", request_body = NewSpotCheck,
    responses((status = 201, body = Value)))]
async fn plan(
    Extension(cx): Extension<Context>,
    Body(new): Body<NewSpotCheck>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let NewSpotCheck { service, kind, item, domain, backup, sample_size, checks, closure_limit_s } =
        new;
    let asked = Wish { service, kind, item, domain, backup, sample_size, checks, closure_limit_s };
    let check = wishes::plan(&cx, asked).await?;
    Ok((StatusCode::CREATED, Json(shown(&check))))
}

/// What a list is asked for, page by page or as a whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: Option<String>,
    state: Option<String>,
    verdict: Option<String>,
    kind: Option<String>,
    backup: Option<String>,
    since: Option<DateTime<Utc>>,
    team: Option<String>,
    recorded_since: Option<DateTime<Utc>>,
    recorded_until: Option<DateTime<Utc>>,
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

impl Asked {
    /// The filter without its place and length.
    fn filter(self) -> Result<(Filter, Cursor), Error> {
        let Asked { service, state, verdict, kind, backup, since, sort, limit, cursor, .. } = self;
        let Asked { team, recorded_since, recorded_until, .. } = self;
        newest_first(sort.as_deref(), "created_at")?;
        if let Some(it) = &state {
            word(it, "state", StateName::parse, StateName::ALL, StateName::as_str)?;
        }
        if let Some(it) = &verdict {
            word(it, "verdict", Verdict::parse, Verdict::ALL, Verdict::as_str)?;
        }
        if let Some(it) = &kind {
            word(it, "kind", SubjectKind::parse, SubjectKind::ALL, SubjectKind::as_str)?;
        }
        let filter = Filter {
            service,
            state,
            verdict,
            kind,
            backup,
            since,
            team,
            recorded_since,
            recorded_until,
            ..Filter::default()
        };
        Ok((filter, Cursor { limit, cursor }))
    }
}

/// The ledger, newest first.
#[utoipa::path(get, path = "/spot-checks", tag = "spot checks", responses((status = 200, body = Page<Value>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Value>> {
    let (filter, cursor) = asked.filter()?;
    let (after, limit) = (cursor.after()?, cursor.limit()? + 1);
    let filter = Filter { after, limit, ..filter };
    let page = cx
        .read(Action::Read, async |cx| {
            let rows = store::spot_checks::list(&cx.db, &filter).await?;
            cursor.page(rows, |it| (it.created_at, it.id.0), |it| shown(&it))
        })
        .await?;
    Ok(Json(page))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    quarter: Option<String>,
}

/// What was checked in a quarter, `?quarter=2026-Q4`, and what was not: each kind of subject, and each type of drill
/// that was held.
#[utoipa::path(get, path = "/spot-checks/coverage", tag = "spot checks", responses((status = 200, body = Value)))]
async fn covered(Extension(cx): Extension<Context>, Query(asked): Query<Period>) -> Answer<Value> {
    let quarter = match asked.quarter.as_deref() {
        None => Quarter::of(cx.today()),
        Some(text) => Quarter::parse(text)
            .ok_or_else(|| Error::field("quarter", Fault::Malformed("2026-Q4".into())))?,
    };
    let (first, next) = quarter.days();
    let (from, to) = (cx.begin_of(first), cx.begin_of(next));
    let lines = cx
        .read(Action::Read, async |cx| {
            let seen = store::spot_checks::coverage::seen(&cx.db, from, to).await?;
            let held = store::spot_checks::coverage::held(&cx.db, from, to).await?;
            Ok(coverage::coverage(&seen, &held))
        })
        .await?;
    Ok(Json(json!({"quarter": quarter.to_string(), "from": from, "to": to, "lines": lines})))
}

/// One spot check, by its number or its id.
#[utoipa::path(get, path = "/spot-checks/{number}", tag = "spot checks", params(("number" = String, Path)),
    responses((status = 200, body = Value)))]
async fn get(Extension(cx): Extension<Context>, Path(number): Path<String>) -> Answer<Value> {
    let check = cx
        .read(Action::Read, async |cx| Ok(store::spot_checks::find(&cx.db, &number).await?))
        .await?;
    Ok(Json(shown(&check)))
}

/// With everything that it takes to draw again: `lifeboat spot-check replay` reads it.
async fn exported(cx: &Context, number: &str) -> Result<(SpotCheck, Export), Error> {
    let check = store::spot_checks::find(&cx.db, number).await?;
    let population = store::spot_checks::population(&cx.db, &check).await?;
    let items = population.map(|it| it.items().to_vec()).unwrap_or_default();
    let export = Export::new(&check, items, shown(&check));
    Ok((check, export))
}

/// A file from which anybody draws the same sample again.
#[utoipa::path(get, path = "/spot-checks/{number}/export", tag = "spot checks",
    params(("number" = String, Path)), responses((status = 200, body = Value)))]
async fn export(Extension(cx): Extension<Context>, Path(number): Path<String>) -> Answer<Export> {
    let export = cx.read(Action::Read, async |cx| Ok(exported(cx, &number).await?.1)).await?;
    Ok(Json(export))
}

/// What its sample is drawn from, sorted, in one answer.
#[utoipa::path(get, path = "/spot-checks/{number}/population", tag = "spot checks",
    params(("number" = String, Path)), responses((status = 200, body = Value)))]
async fn population(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
) -> Answer<Value> {
    let (check, export) = cx.read(Action::Read, async |cx| exported(cx, &number).await).await?;
    let fixed = check.population.ok_or(Error::NotFound)?;
    Ok(Json(json!({"digest": fixed.digest, "source": fixed.source, "items": export.items})))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PopulationBody {
    /// Each once; their order does not matter.
    items: Option<Vec<String>>,
    /// Points in time that can be restored to.
    window: Option<WindowBody>,
    /// For drills: all that were held in this time, as the ledger has them.
    drills: Option<SpanBody>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WindowBody {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    step_s: u32,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SpanBody {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

/// Fixes what is drawn from, for ever: a list, a window, or the drills of a time.
#[utoipa::path(post, path = "/spot-checks/{number}/population", tag = "spot checks",
    params(("number" = String, Path)), request_body = PopulationBody, responses((status = 200, body = Value)))]
async fn populate(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(new): Body<PopulationBody>,
) -> Answer<Value> {
    let new = match (new.items, new.window, new.drills) {
        (Some(items), None, None) => NewPopulation::Items(items),
        (None, Some(WindowBody { from, to, step_s }), None) => {
            NewPopulation::Window { from, to, step_s }
        }
        (None, None, Some(SpanBody { from, to })) => NewPopulation::Drills { from, to },
        (None, None, None) => return Err(Error::field("items", Fault::Required).into()),
        _ => {
            let why = "one of items, window and drills".to_owned();
            return Err(Error::field("items", Fault::Malformed(why)).into());
        }
    };
    Ok(Json(shown(&wishes::populate(&cx, &number, new).await?)))
}

/// Reveals the seed and draws the sample, once.
#[utoipa::path(post, path = "/spot-checks/{number}/draw", tag = "spot checks",
    params(("number" = String, Path)), request_body = Nothing, responses((status = 200, body = Value)))]
async fn draw(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    bytes: Bytes,
) -> Answer<Value> {
    optional::<Nothing>(&bytes)?;
    Ok(Json(shown(&wishes::draw(&cx, &number).await?)))
}

/// Writes down what was found. The verdict is computed; what did not pass names its re-test.
#[utoipa::path(post, path = "/spot-checks/{number}/results", tag = "spot checks",
    params(("number" = String, Path)), request_body = Value, responses((status = 200, body = Value)))]
async fn results(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(results): Body<Results>,
) -> Answer<Value> {
    Ok(Json(shown(&wishes::record(&cx, &number, results).await?)))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Signature {
    note: String,
}

/// The PMO's signature under what was recorded.
#[utoipa::path(post, path = "/spot-checks/{number}/accept", tag = "spot checks",
    params(("number" = String, Path)), request_body = Signature, responses((status = 200, body = Value)))]
async fn accept(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    bytes: Bytes,
) -> Answer<Value> {
    let Signature { note } = optional(&bytes)?;
    Ok(Json(shown(&wishes::accept(&cx, &number, &note).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

/// Ends it without a result; what was drawn stays visible.
#[utoipa::path(post, path = "/spot-checks/{number}/cancel", tag = "spot checks",
    params(("number" = String, Path)), request_body = Reason, responses((status = 200, body = Value)))]
async fn cancel(
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Answer<Value> {
    Ok(Json(shown(&wishes::cancel(&cx, &number, &reason).await?)))
}
