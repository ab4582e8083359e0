//! The ledger as a table, row after row: memory does not grow with it.

use app::doors::Context;
use axum::Extension;
use axum::body::Body;
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::access::Action;
use domain::cells::{BYTE_ORDER_MARK, Cell, line};
use domain::rollbacks::{Rollback, Trigger};
use domain::workloads::Image;
use futures::{Stream, StreamExt, stream};
use store::rollbacks::Filter;

use super::super::page::attachment;
use super::{Asked, Problem, Query};

/// Rows that are read at a time.
const BATCH: i64 = 500;

/// The filtered ledger, newest first; the filters are those of the list.
#[utoipa::path(get, path = "/rollbacks.csv", tag = "rollbacks",
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
        .read(Action::Read, async |cx| Ok(store::rollbacks::list(&cx.db, &filter).await?))
        .await?;
    let head = format!("{BYTE_ORDER_MARK}{}", line(HEADS.iter().map(|it| Cell::from(*it))));
    let rows = stream::once(async { Ok(head) }).chain(rows(cx, filter, first));
    let disposition = "attachment; filename=\"rollbacks.csv\"";
    Ok(attachment(Body::from_stream(rows), "text/csv; charset=utf-8", disposition))
}

/// Batch after batch, until one is not full.
fn rows(
    cx: Context,
    filter: Filter,
    first: Vec<Rollback>,
) -> impl Stream<Item = Result<String, store::Error>> {
    let state = Some((cx, filter, Some(first)));
    stream::try_unfold(state, |state| async move {
        let Some((cx, filter, read)) = state else { return Ok(None) };
        let rows = match read {
            Some(rows) => rows,
            None => store::rollbacks::list(&cx.db, &filter).await?,
        };
        let full = rows.len() >= BATCH as usize;
        let after = rows.last().map(|it| (it.created_at, it.id.0));
        let text: String = rows.iter().map(row).collect();
        let next = full.then_some((cx, Filter { after, ..filter }, None));
        Ok(Some((text, next)))
    })
}

const HEADS: [&str; 19] = [
    "number",
    "created_at",
    "service",
    "state",
    "closure",
    "reason",
    "trigger",
    "from_revision",
    "from_images",
    "to_revision",
    "to_images",
    "success",
    "duration_s",
    "detect_s",
    "decide_s",
    "approve_s",
    "execute_s",
    "verify_s",
    "ended_at",
];

fn row(it: &Rollback) -> String {
    let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let images = |it: &[Image]| {
        let images: Vec<&str> = it.iter().map(|it| it.image.as_str()).collect();
        images.join(" ")
    };
    let split = it.times.split();
    let duration = it.ended_at.map(|end| (end - it.created_at).num_milliseconds() as f64 / 1000.0);
    let trigger = match &it.trigger {
        Trigger::Alert { .. } => "alert",
        Trigger::Person { reason_kind, .. } => reason_kind.as_str(),
    };
    line([
        Cell::from(&*it.number),
        Cell::from(at(it.created_at)),
        Cell::from(&*it.service_name),
        Cell::from(it.state.as_str()),
        Cell::from(it.state.closure().map(|it| it.as_str())),
        Cell::from(it.state.reason()),
        Cell::from(trigger),
        Cell::from(it.from.as_ref().map(|it| it.revision as f64)),
        Cell::from(it.from.as_ref().map(|it| images(&it.images))),
        Cell::from(it.target.as_ref().map(|it| it.revision as f64)),
        Cell::from(it.target.as_ref().map(|it| images(&it.images))),
        Cell::from(it.success().map(|it| if it { "true" } else { "false" })),
        Cell::from(duration),
        Cell::from(split.detect_s),
        Cell::from(split.decide_s),
        Cell::from(split.approve_s),
        Cell::from(split.execute_s),
        Cell::from(split.verify_s),
        Cell::from(it.ended_at.map(at)),
    ])
}
