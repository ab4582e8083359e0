//! Taking over an older ledger by program.

use app::doors::Context;
use app::wishes::drills::import::{self as wishes, Preview};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::access::Action;
use domain::drills::ledger::import::{Entry, LARGEST, Problem as Wrong, Why};
use domain::texts::{Lang, ledger};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Problem, Query};

/// What is longer than a file may be is refused as one, and what is longer still before it is read.
pub(super) const LONGEST: usize = LARGEST + (1 << 20);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Says what it would become, and writes nothing.
    dry_run: Option<bool>,
    /// Of the file that was previewed; another is refused.
    sha256: Option<String>,
}

/// Writes every row of an older ledger in CSV, or none. With `dry_run=true` the answer says what it would become and
/// what is wrong with it; its `sha256` sent along with the import makes sure that it is the same file.
#[utoipa::path(post, path = "/drills/import", tag = "drills",
    request_body(content = String, content_type = "text/csv"),
    params(("dry_run" = Option<bool>, Query), ("sha256" = Option<String>, Query)),
    responses((status = 200, body = Value), (status = 201, body = Value), (status = 422, body = Problem)))]
pub(super) async fn import(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let body = body.map_err(|rejection| {
        let too_large = Wrong::of_file(Why::TooLarge { mib: LARGEST >> 20 });
        Problem::new(rejection.status(), "body", too_large.text(Lang::En))
    })?;
    if asked.dry_run == Some(true) {
        let preview = cx.read(Action::PlanDrill, async |cx| wishes::preview(cx, &body).await);
        return Ok((StatusCode::OK, Json(shown(&preview.await?))));
    }
    let preview = wishes::import(&cx, &body, asked.sha256.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(shown(&preview))))
}

fn shown(preview: &Preview) -> Value {
    let t = ledger::TEXTS.of(Lang::En);
    let problem = |it: &Wrong| {
        let column = it.column.as_ref().map(|it| it.text(Lang::En).to_owned());
        json!({"line": it.line, "column": column, "message": (t.why)(&it.why)})
    };
    json!({
        "sha256": preview.digest,
        "rows": preview.entries.iter().map(row).collect::<Vec<_>>(),
        "errors": preview.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn row(entry: &Entry) -> Value {
    let t = ledger::TEXTS.of(Lang::En);
    let drill = &entry.drill;
    json!({
        "line": entry.line,
        "number": drill.number,
        "state": drill.state.name(),
        "outcome": drill.state.sign_off().map(|it| it.outcome),
        "scenario": drill.scenario,
        "lead": drill.lead,
        "t0": drill.times.t0,
        "t1": drill.times.t1,
        "notes": entry.notes.iter().map(t.note).collect::<Vec<_>>(),
    })
}
