//! The ledger as CSV, row after row, however many there are.

use app::doors::Context;
use app::pages::error::Error;
use app::pages::visit::Visit;
use app::wishes::drills::asked::AskedList;
use axum::Extension;
use axum::body::Body;
use axum::response::Response;
use domain::cells::{BYTE_ORDER_MARK, Cell, line};
use domain::drills::ledger::{self, Column, Sheet, csv_line};
use futures::{Stream, StreamExt, stream};

use super::super::page::attachment;
use super::files::Batches;
use super::{Problem, Query};

/// The filtered ledger in its order, in the reader's language or in `lang`; the filters are those of the list.
#[utoipa::path(get, path = "/drills.csv", tag = "drills",
    responses((status = 200, description = "all rows", content_type = "text/csv")))]
pub(super) async fn csv(
    Extension(cx): Extension<Context>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<AskedList>,
) -> Result<Response, Problem> {
    let mut batches = Batches::new(cx, &visit, &asked)?;
    // The first rows before the status: what is wrong by then is said properly.
    let first = batches.next().await?;
    let sheet = batches.sheet;
    let heads = Column::all().into_iter().map(|it| Cell::from(it.head(sheet.lang)));
    let head = format!("{BYTE_ORDER_MARK}{}", line(heads));
    let rows = stream::once(async { Ok(head) }).chain(rows(batches, first));
    let disposition = "attachment; filename=\"drills.csv\"";
    Ok(attachment(Body::from_stream(rows), "text/csv; charset=utf-8", disposition))
}

type Rows = Vec<Vec<ledger::Cell>>;

fn rows(batches: Batches, first: Option<Rows>) -> impl Stream<Item = Result<String, Unfinished>> {
    stream::try_unfold((batches, first), |(mut batches, rows)| async move {
        let Some(rows) = rows else { return Ok(None) };
        let text = text(&rows, batches.sheet);
        let next = batches.next().await.map_err(Unfinished)?;
        Ok(Some((text, (batches, next))))
    })
}

fn text(rows: &Rows, sheet: Sheet) -> String {
    rows.iter().map(|it| csv_line(it, sheet)).collect()
}

/// The file ends before its rows do; whoever reads it sees that the connection broke.
#[derive(Debug, thiserror::Error)]
#[error("the rest of the ledger could not be read: {0:?}")]
struct Unfinished(Error);
