//! Alerts: what Alertmanager tells, and what is known of them.

use std::collections::BTreeMap;

use app::doors::Context;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use domain::access::{Action, Place, Subject};
use domain::alerts::{Alert, Labels, Source, State as AlertState};
use domain::fields::Fault;
use domain::ids::AlertId;
use serde::Serialize;
use store::alerts::{Filter, Placed};
use utoipa::ToSchema;
use utoipa_axum::router::UtoipaMethodRouterExt;
use utoipa_axum::routes;
use uuid::Uuid;

use super::page::{OfServices, newest_first, word};
use super::{Answer, Cursor, Endpoint, Page, Problem, Query, Shared, needs};
use crate::adapters::alertmanager::{self, Unreadable};

/// Ten thousand alerts of a usual size fit; ten mebibytes are refused.
const LONGEST: usize = 8 << 20;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let receive = routes!(receive).layer(DefaultBodyLimit::max(LONGEST));
    vec![
        needs(Action::ReceiveAlert, receive),
        needs(Action::Read, routes!(list)),
        needs(Action::Read, routes!(get)),
        needs(Action::Read, routes!(pending)),
    ]
}

/// Signals that are beyond their limit, but not yet for as long as they ask: the next to fire first.
#[utoipa::path(get, path = "/pending-signals", tag = "alerts", responses((status = 200, body = Page<serde_json::Value>)))]
async fn pending(Extension(cx): Extension<Context>) -> Answer<Page<serde_json::Value>> {
    let all = cx.read(Action::Read, async |cx| Ok(store::signals::pending(&cx.db).await?)).await?;
    let shown = |it: store::signals::Pending| {
        serde_json::json!({"signal": it.signal, "service": it.service_name, "state": "pending",
            "since": it.since, "fires_at": it.fires_at, "value": it.value})
    };
    Ok(Json(Page { items: all.into_iter().map(shown).collect(), next_cursor: None }))
}

#[derive(Serialize, ToSchema)]
struct Received {
    received: usize,
    new: usize,
    /// Repeats of an alert that is open, and of one that was closed before.
    duplicate: usize,
    resolved: usize,
    /// Concern no service, or none that the token may write for: kept and shown, never acted upon.
    unmatched: usize,
    ids: Vec<Uuid>,
}

/// The webhook of Alertmanager, version 4. Answered once everything is stored; what follows from it comes later.
#[utoipa::path(post, path = "/alerts", tag = "alerts", request_body = serde_json::Value,
    responses((status = 202, body = Received)))]
async fn receive(
    State(web): Shared,
    Extension(cx): Extension<Context>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Received>), Problem> {
    let body = body.map_err(|it| Problem::new(it.status(), "body", it.body_text()))?;
    let reports = alertmanager::parse(&body, cx.now).map_err(unreadable)?;
    let matcher = web.matching.get(&cx.db).await.map_err(app::pages::error::Error::from)?;
    let mut answer = Received {
        received: reports.len(),
        new: 0,
        duplicate: 0,
        resolved: 0,
        unmatched: 0,
        ids: vec![],
    };

    // A group may hold the same alert twice; the last word counts.
    let mut firing = BTreeMap::new();
    let mut resolved = Vec::new();
    for report in reports {
        if report.state == AlertState::Resolved {
            answer.resolved += 1;
            firing.remove(&report.key);
            resolved.push(report.key.to_string());
            continue;
        }
        let service = matcher.find(&report.labels).map(|it| it.service).filter(|id| {
            let service = matcher.service(*id);
            service
                .is_some_and(|it| cx.may(Action::ReceiveAlert, &Place::service(&it.name, &it.team)))
        });
        answer.unmatched += usize::from(service.is_none());
        let placed = Placed { report, service, workload: None, onset_at: None, value: None };
        if firing.insert(placed.report.key.clone(), placed).is_some() {
            answer.duplicate += 1;
        }
    }
    let firing: Vec<Placed> = firing.into_values().collect();
    let stored = cx
        .write(Action::ReceiveAlert, Subject::new("alerts", ""), async |cx, tx| {
            let over = store::alerts::say_resolved(tx, &resolved, cx.now).await?;
            store::alerts::resolve_unmatched(tx, &resolved, cx.now).await?;
            let stored = store::alerts::fire(tx, &firing, Source::Webhook, cx.now).await?;
            tx.detail("new", stored.iter().filter(|it| it.new).count());
            tx.detail("said_resolved", over.len());
            Ok((stored, over))
        })
        .await?;
    let (stored, over) = stored;
    answer.new = stored.iter().filter(|it| it.new).count();
    // The repeats of a storm are no news.
    if (answer.new > 0 || !over.is_empty())
        && let Err(error) = store::alerts::tell(&cx.db).await
    {
        tracing::warn!("the detector finds the alerts by itself: {error:#}");
    }
    answer.duplicate += firing.len() - answer.new;
    answer.ids = stored.iter().map(|it| it.id.0).chain(over.iter().map(|it| it.0)).collect();
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn unreadable(error: Unreadable) -> Problem {
    match &error {
        Unreadable::NotJson(why) => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed", "The body is not JSON")
                .detail(why.clone())
        }
        Unreadable::Version(_) => fault("version", error.to_string()),
        Unreadable::Shape { field, problem } => fault(field, (*problem).to_owned()),
    }
}

fn fault(field: &str, why: String) -> Problem {
    app::pages::error::Error::field(field, Fault::Malformed(why)).into()
}

#[derive(Serialize, ToSchema)]
struct Shown {
    id: Uuid,
    name: String,
    #[schema(value_type = Object)]
    labels: Labels,
    #[schema(value_type = Object)]
    annotations: Labels,
    service: Option<String>,
    workload_id: Option<Uuid>,
    source: &'static str,
    state: &'static str,
    starts_at: DateTime<Utc>,
    onset_at: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    value: Option<f64>,
    trace_id: Option<String>,
    /// Of the signal in the catalog, never what the sender says.
    runbook: Option<String>,
}

/// The runbook of each signal of the catalog.
type Runbooks = BTreeMap<String, String>;

async fn runbooks(cx: &Context) -> Result<Runbooks, app::pages::error::Error> {
    let signals = store::signals::list(&cx.db).await?.into_iter();
    Ok(signals.filter_map(|it| Some((it.entry.name, it.entry.runbook?))).collect())
}

fn shown(alert: Alert, service: Option<String>, runbooks: &Runbooks) -> Shown {
    Shown {
        trace_id: domain::openings::trace_id(&alert.annotations, &alert.labels),
        runbook: runbooks.get(&alert.name).cloned(),
        id: alert.id.0,
        name: alert.name,
        labels: alert.labels,
        annotations: alert.annotations,
        service,
        workload_id: alert.workload.map(|it| it.0),
        source: alert.source.as_str(),
        state: alert.state.as_str(),
        starts_at: alert.starts_at,
        onset_at: alert.onset_at,
        received_at: alert.received_at,
        ends_at: alert.ends_at,
        value: alert.value,
    }
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/alerts", tag = "alerts", responses((status = 200, body = Page<Shown>)))]
async fn list(
    Extension(cx): Extension<Context>,
    Query(asked): Query<OfServices>,
) -> Answer<Page<Shown>> {
    let OfServices { service, state, since, sort, limit, cursor } = asked;
    newest_first(sort.as_deref(), "received_at")?;
    let cursor = Cursor { limit, cursor };
    let state = state
        .map(|it| word(&it, "state", AlertState::parse, AlertState::ALL, AlertState::as_str))
        .transpose()?;
    let filter =
        Filter { service, state, since, after: cursor.after()?, limit: cursor.limit()? + 1 };
    let matcher_names = cx
        .read(Action::Read, async |cx| Ok(store::services::list(&cx.db).await?))
        .await?
        .into_iter()
        .map(|it| (it.id, it.entry.name))
        .collect::<BTreeMap<_, _>>();
    let rows =
        cx.read(Action::Read, async |cx| Ok(store::alerts::list(&cx.db, &filter).await?)).await?;
    let runbooks = cx.read(Action::Read, async |cx| runbooks(cx).await).await?;
    let name = |it: &Alert| it.service.and_then(|id| matcher_names.get(&id).cloned());
    let page = cursor.page(
        rows,
        |it| (it.received_at, it.id.0),
        |it| {
            let name = name(&it);
            shown(it, name, &runbooks)
        },
    )?;
    Ok(Json(page))
}

/// One alert.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", params(("id" = Uuid, Path)),
    responses((status = 200, body = Shown)))]
async fn get(Extension(cx): Extension<Context>, Path(id): Path<String>) -> Answer<Shown> {
    let shown = cx
        .read(Action::Read, async |cx| {
            let id = id.parse().map(AlertId).map_err(|_| app::pages::error::Error::NotFound)?;
            let alert = store::alerts::get(&cx.db, id).await?;
            let service = match alert.service {
                Some(id) => Some(store::services::get(&cx.db, id).await?.entry.name),
                None => None,
            };
            Ok(shown(alert, service, &runbooks(cx).await?))
        })
        .await?;
    Ok(Json(shown))
}
