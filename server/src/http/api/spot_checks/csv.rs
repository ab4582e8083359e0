//! The ledger as a table, row after row: memory does not grow with it.

use app::doors::Context;
use axum::Extension;
use axum::body::Body;
use axum::response::Response;
use chrono::SecondsFormat;
use domain::access::Action;
use domain::cells::{BYTE_ORDER_MARK, Cell, line};
use domain::spot_checks::{CheckName, SpotCheck};
use futures::{Stream, StreamExt, stream};
use store::spot_checks::Filter;

use super::super::page::attachment;
use super::{Asked, Problem, Query};

/// Rows that are read at a time.
const BATCH: i64 = 500;

/// The filtered ledger, newest first; the filters are those of the list.
#[utoipa::path(get, path = "/spot-checks.csv", tag = "spot checks",
    responses((status = 200, description = "all rows", content_type = "text/csv")))]
pub(super) async fn csv(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let (filter, cursor) = asked.filter()?;
    cursor.of_file()?;
    // The first rows before the status: what is wrong by then is said properly.
    let filter = Filter { limit: BATCH, ..filter };
    let first = cx
        .read(Action::Read, async |cx| Ok(store::spot_checks::list(&cx.db, &filter).await?))
        .await?;
    let head = format!("{BYTE_ORDER_MARK}{}", line(HEADS.iter().map(|it| Cell::from(*it))));
    let rows = stream::once(async { Ok(head) }).chain(rows(cx, filter, first));
    let disposition = "attachment; filename=\"spot-checks.csv\"";
    Ok(attachment(Body::from_stream(rows), "text/csv; charset=utf-8", disposition))
}

/// Batch after batch, until one is not full.
fn rows(
    cx: Context,
    filter: Filter,
    first: Vec<SpotCheck>,
) -> impl Stream<Item = Result<String, store::Error>> {
    let state = Some((cx, filter, Some(first)));
    stream::try_unfold(state, |state| async move {
        let Some((cx, filter, read)) = state else { return Ok(None) };
        let rows = match read {
            Some(rows) => rows,
            None => store::spot_checks::list(&cx.db, &filter).await?,
        };
        let full = rows.len() >= BATCH as usize;
        let after = rows.last().map(|it| (it.created_at, it.id.0));
        let text: String = rows.iter().map(row).collect();
        let next = full.then_some((cx, Filter { after, ..filter }, None));
        Ok(Some((text, next)))
    })
}

const HEADS: [&str; 26] = [
    "number",
    "created_at",
    "state",
    "verdict",
    "kind",
    "item",
    "domain",
    "backup",
    "service",
    "sample_size",
    "population_size",
    "passed",
    "compensated",
    "failed",
    "skipped",
    "differences",
    "hit_rate",
    "closure_s",
    "closure_limit_s",
    "recorded_by",
    "recorded_at",
    "accepted_by",
    "retest_of",
    "retest",
    "due_on",
    "commitment",
];

fn row(it: &SpotCheck) -> String {
    let record = it.record.as_ref();
    let counts = record.map(|it| it.results.counts());
    let count = |of: fn(domain::spot_checks::results::Counts) -> usize| {
        Cell::from(counts.map(|it| of(it) as f64))
    };
    let value = |name| Cell::from(record.and_then(|it| it.results.value(name)?.value));
    let at = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let retest = it.retest_of.as_ref();
    line([
        Cell::from(&*it.number),
        Cell::from(at(it.created_at)),
        Cell::from(it.state.name().as_str()),
        Cell::from(it.verdict().map(|it| it.as_str())),
        Cell::from(it.kind.as_str()),
        Cell::from(&*it.item),
        Cell::from(it.domain.as_deref()),
        Cell::from(it.backup.as_deref()),
        Cell::from(&*it.service_name),
        Cell::from(f64::from(it.sample_size)),
        Cell::from(it.population.as_ref().map(|it| f64::from(it.size))),
        count(|it| it.passed),
        count(|it| it.compensated),
        count(|it| it.failed),
        count(|it| it.skipped),
        value(CheckName::Differences),
        value(CheckName::HitRate),
        Cell::from(it.closure().map(|it| it.num_milliseconds() as f64 / 1000.0)),
        Cell::from(it.closure_limit_s.map(f64::from)),
        Cell::from(record.map(|it| &*it.by)),
        Cell::from(record.map(|it| at(it.at))),
        Cell::from(it.state.acceptance().map(|it| &*it.by)),
        Cell::from(retest.map(|it| &*it.of_number)),
        Cell::from(it.retest.as_deref()),
        Cell::from(retest.and_then(|it| it.due.day()).map(|it| it.to_string())),
        Cell::from(it.commitment.as_str()),
    ])
}
