//! `GET /audit`: the log with the place of each entry in the chain.

use app::doors::Context;
use app::pages::error::Error;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::Action;
use domain::fields::Fault;
use serde::{Deserialize, Serialize};
use store::audit::list::{Filter, Sealed};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::{Answer, Cursor, Endpoint, Page, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(list))]
}

/// One change, newest first. `hash` and `previous` come within a second of it.
#[derive(Serialize, ToSchema)]
struct Entry {
    seq: i64,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    subject: String,
    details: serde_json::Value,
    hash: Option<String>,
    previous: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// `user:NAME`, `machine:NAME`, `worker:NAME` or `owner`; a name alone fits any kind.
    actor: Option<String>,
    action: Option<String>,
    /// One subject (`users/alice`), or all of a kind (`users`).
    subject: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// Somewhere in the entry.
    text: Option<String>,
    sort: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(Asked), responses((status = 200, body = Page<Entry>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<Asked>,
) -> Answer<Page<Entry>> {
    if asked.sort.as_deref().is_some_and(|it| it != "-seq" && it != "-at") {
        let words = vec!["-seq".to_owned(), "-at".to_owned()];
        return Err(Error::field("sort", Fault::NotOneOf(words)).into());
    }
    let cursor = Cursor { limit: asked.limit, cursor: asked.cursor };
    let filter = Filter {
        actor: asked.actor,
        action: asked.action,
        subject: asked.subject,
        from: asked.since,
        to: asked.until,
        text: asked.text,
        before: cursor.after()?,
        limit: cursor.limit()? + 1,
    };
    let rows = cx
        .read(Action::Read, async |cx| Ok(store::audit::list::list(&cx.db, &filter).await?))
        .await?;
    Ok(Json(cursor.page(rows, |it| it.entry.seq, entry)?))
}

fn entry(Sealed { entry, seal }: Sealed) -> Entry {
    let domain::audit::Entry { seq, at, actor, action, subject, details } = entry;
    let hash = seal.map(|it| hex::encode(it.hash));
    let previous = seal.map(|it| hex::encode(it.previous));
    Entry { seq, at, actor, action, subject, details, hash, previous }
}
