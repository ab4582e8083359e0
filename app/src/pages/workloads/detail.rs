//! One workload.

use domain::access::{Action, Place, Subject};
use domain::changes::Change;
use domain::pods::Pod;
use domain::releases::Release;
use domain::revisions::Revision;
use domain::texts::{common, workloads::TEXTS};
use domain::workloads::{Event, Owner, Workload};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{find, gates, happened, history, images, pods, standing};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{Head, Panel, Tone, badge, digest, facts, live, mark, page, when};
use crate::pages::visit::texts;
use crate::pages::{releases, rollbacks};

/// How many rows of what happened are shown.
const RECENT: i64 = 50;

/// Everything that the page shows.
pub(super) struct Shown {
    pub(super) workload: Workload,
    /// The name of the service that it belongs to.
    pub(super) service: Option<String>,
    pub(super) pods: Vec<Pod>,
    pub(super) revisions: Vec<Revision>,
    pub(super) changes: Vec<Change>,
    pub(super) events: Vec<Event>,
    pub(super) logs: Vec<store::pods::Log>,
    /// The Helm release that it belongs to, where its records are read.
    pub(super) release: Option<Release>,
    pub(super) gates: Vec<store::gates::Standing>,
    pub(super) may_request: bool,
}

#[component]
pub fn WorkloadPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|it| it.get("id").unwrap_or_default());
    page(texts(&TEXTS).title, async move {
        let shown = read(Action::Read, async |cx| load(cx, &id).await).await?;
        Ok(show(&shown))
    })
}

async fn load(cx: &Context, id: &str) -> Result<Shown, Error> {
    let db = &cx.db;
    let workload = find(db, id).await?;
    let service = match workload.service {
        Some(id) => Some(store::services::get(db, id).await?.entry),
        None => None,
    };
    let place = service.as_ref().map(|it| Place::service(&it.name, &it.team)).unwrap_or_default();
    let id = workload.id;
    // What a container wrote may hold what not everybody may read.
    let logs = match cx.may(Action::ReadRestrictedEvidence, &place) {
        true => store::pods::logs(db, id, 3).await?,
        false => Vec::new(),
    };
    let release = store::releases::of_workload(&mut *cx.connection().await?, &workload).await?;
    Ok(Shown {
        may_request: cx.may(Action::RequestRollback, &place),
        release,
        service: service.map(|it| it.name),
        logs,
        pods: store::pods::of(db, id).await?,
        revisions: store::revisions::of(db, id).await?,
        changes: store::changes::of_workload(db, id, RECENT).await?,
        events: store::events::of(db, id, RECENT).await?,
        gates: store::gates::of_workload(&mut *cx.connection().await?, id).await?,
        workload,
    })
}

fn show(shown: &Shown) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let workload = &shown.workload;
    let title = format!("{}/{}", workload.namespace, workload.name);
    let lede = match workload.gone_at {
        Some(_) => t.gone_note.to_owned(),
        None => (t.lede)(workload.kind.as_str(), &workload.cluster),
    };
    view! {
        {live(Subject::new("workloads", workload.id))}
        <Head title badge=standing(workload) actions=request(shown).into_any()>{lede}</Head>
        {now(shown)}
        {workload.canary.as_ref().map(gates::canary)}
        {pods::panel(shown)}
        {history::panel(shown)}
        {release(shown)}
        {gates::panel(shown)}
        {happened::changes(shown)}
        {happened::logs(shown)}
        {happened::events(shown)}
    }
}

fn request(shown: &Shown) -> Option<AnyView> {
    let (workload, release) = (&shown.workload, shown.release.as_ref());
    let service = shown.service.as_ref().filter(|_| shown.may_request)?;
    let asked = rollbacks::Asked::Workload(workload, &shown.revisions, release);
    workload.gone_at.is_none().then(|| rollbacks::request(service, asked))
}

fn release(shown: &Shown) -> Option<AnyView> {
    let workload = &shown.workload;
    let Owner::Helm(name) = &workload.owner else { return None };
    let Some(release) = &shown.release else {
        return Some(releases::not_read(name, &workload.namespace));
    };
    let live = shown.revisions.iter().find(|it| it.digest == workload.live.digest);
    let drift = live.and_then(|it| domain::releases::drift(release, workload, &it.template));
    Some(releases::panel(release, drift.as_ref()))
}

fn now(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let it = &shown.workload;
    let service = match &shown.service {
        Some(name) => view! { <a href=format!("/services/{name}")>{name.clone()}</a> }.into_any(),
        None => t.no_service.into_any(),
    };
    let health = match it.healthy_since {
        Some(since) => when(since),
        None => mark(Tone::Warn, t.not_healthy),
    };
    let number = match it.live.revision {
        0 => texts(&common::TEXTS).unknown.to_owned(),
        number => number.to_string(),
    };
    let mut pairs = vec![
        (t.service, service),
        (t.owner, (t.owner_of)(&it.owner).into_any()),
        (t.replicas, (t.counted)(it.replicas, it.ready, it.updated).into_any()),
        (t.live, number.into_any()),
        (t.images, images(&it.live.images)),
        (t.digest, digest(it.live.digest.as_str())),
        (t.config_digest, digest(it.live.config_digest.as_str())),
        (t.healthy_since, health),
        (t.seen, when(it.seen_at)),
    ];
    if let Some(update) = it.update {
        pairs.insert(3, (t.update, (t.update_of)(update).into_any()));
    }
    if it.paused {
        let whose = if it.paused_by_us { t.paused_by_us } else { t.paused };
        pairs.insert(3, (t.paused, mark(Tone::Warn, whose)));
    }
    // What stands as it should needs no words.
    let said = it.conditions.iter().filter(|it| !it.message.is_empty()).map(|it| {
        view! {
            <li>
                <b>{it.kind.clone()}"="{it.status.clone()}</b> " " {it.reason.clone()} " "
                <small>{it.message.clone()}</small>
            </li>
        }
    });
    let said: Vec<_> = said.collect();
    if !said.is_empty() {
        pairs.push((t.conditions, view! { <ul>{said}</ul> }.into_any()));
    }
    let kind = badge(Tone::Idle, it.kind.as_str());
    view! {
        <Panel id="now" title=t.now badge=kind>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}
