//! One revision: what it is made of, and what going back to it would change.

use std::collections::BTreeMap;

use domain::access::{Action, Place, Subject};
use domain::changes::{Difference, compare};
use domain::ids::RevisionId;
use domain::revisions::{Revision, RevisionVerdict};
use domain::texts::workloads::TEXTS;
use domain::workloads::Workload;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde_json::Value;

use super::actions::MarkRevision;
use super::{find, images, verdict};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::rollbacks;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Button, Head, Input, Line, Panel, Tone, command, dialog, diff, digest, empty, facts, live,
    mark, page, submit, when,
};
use crate::pages::visit::texts;

struct Shown {
    workload: Workload,
    revision: Revision,
    /// From what is live to this one; `None` where this is live.
    difference: Option<Difference>,
    configs: BTreeMap<String, Value>,
    may_mark: bool,
    /// The service that may be asked back to it, by whoever looks.
    request: Option<String>,
}

#[component]
pub fn RevisionPage() -> impl IntoView {
    let [id, revision] = use_params_map()
        .with_untracked(|it| ["id", "revision"].map(|name| it.get(name).unwrap_or_default()));
    page(texts(&TEXTS).revision, async move {
        let shown = read(Action::Read, async |cx| load(cx, &id, &revision).await).await?;
        Ok(show(&shown))
    })
}

/// `asked` is the id of the revision, or its number: then the newest configuration of it.
async fn load(cx: &Context, id: &str, asked: &str) -> Result<Shown, Error> {
    let workload = find(&cx.db, id).await?;
    let revisions = store::revisions::of(&cx.db, workload.id).await?;
    let by_id: Option<RevisionId> = asked.parse().ok();
    let by_number: Option<i64> = asked.parse().ok();
    let live = revisions.iter().find(|it| it.digest == workload.live.digest).cloned();
    let revision = revisions
        .into_iter()
        .find(|it| Some(it.id) == by_id || Some(it.revision) == by_number)
        .ok_or(Error::NotFound)?;
    let is_live = revision.digest == workload.live.digest
        && revision.config_digest == workload.live.config_digest;
    let difference = live.filter(|_| !is_live).map(|it| compare(&it.template, &revision.template));
    let service = match workload.service {
        Some(service) => Some(store::services::get(&cx.db, service).await?.entry),
        None => None,
    };
    let place = service.as_ref().map(|it| Place::service(&it.name, &it.team)).unwrap_or_default();
    let may_mark = cx.may(Action::MarkRevision, &place);
    let may_request = cx.may(Action::RequestRollback, &place) && !is_live && revision.revision > 0;
    let request = service.map(|it| it.name).filter(|_| may_request);
    let configs = store::revisions::configs(&cx.db, revision.id).await?;
    Ok(Shown { workload, revision, difference, configs, may_mark, request })
}

fn show(shown: &Shown) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let it = &shown.revision;
    let href = format!("/workloads/{}", shown.workload.id);
    let back = view! { <a class="button quiet" href=href>{t.to_workload}</a> };
    let request = shown.request.as_deref().map(|service| {
        rollbacks::request(service, rollbacks::Asked::Revision(&shown.workload, it))
    });
    let actions = view! { {back} {mark_form(shown)} {request} }.into_any();
    let title = (t.revision_title)(it.revision, &shown.workload.name);
    let lede = (t.verdict_note)(it.verdict);
    view! {
        {live(Subject::new("workloads", shown.workload.id))}
        <Head title badge=verdict(it.verdict) actions=actions>{lede}</Head>
        {made_of(shown)}
        {change(shown)}
        {configs(shown)}
    }
}

fn mark_form(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let words = RevisionVerdict::BY_PEOPLE.map(|it| {
        let label = match it {
            RevisionVerdict::Unknown => t.take_back,
            other => (t.verdict_of)(other),
        };
        (it.as_str(), label)
    });
    shown.may_mark.then(|| {
        dialog::<MarkRevision, _>(
            shown.revision.id,
            t.mark_title,
            (Button::Plain, t.mark),
            |sent| {
                view! {
                    <p>{t.mark_note}</p>
                    {sent.field(Input::select("verdict", t.mark_as, words))}
                    {sent.field(Input::text("reason", t.reason).required())}
                }
            },
            submit(Button::Primary, t.mark),
        )
    })
}

fn made_of(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let it = &shown.revision;
    let rolled_out = match it.rolled_out_at {
        Some(at) => when(at),
        None => t.not_rolled_out.into_any(),
    };
    let mut pairs = vec![
        (t.images, images(&it.images)),
        (t.digest, digest(it.digest.as_str())),
        (t.config_digest, digest(it.config_digest.as_str())),
        (t.rolled_out, rolled_out),
        (t.seen, when(it.seen_at)),
    ];
    if !it.present {
        pairs.push((t.revision, mark(Tone::Idle, t.pruned)));
    }
    if !it.config_current {
        pairs.push((t.config_moved, mark(Tone::Warn, t.config_moved_note)));
    }
    pairs.extend(it.change_cause.clone().map(|it| (t.change_cause, it.into_any())));
    pairs.extend(it.verdict_reason.clone().map(|it| (t.reason, it.into_any())));
    pairs.extend(it.verdict_at.map(|it| (t.verdict, when(it))));
    view! {
        <Panel id="made-of" title=t.revision>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}

fn change(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let content = match &shown.difference {
        None => empty(t.this_is_live),
        Some(it) if it.items.is_empty() => empty(t.same_as_live),
        Some(it) => {
            let lines = it.items.iter().flat_map(|it| {
                let title = Line::Of(format!("{} · {}", (t.part_of)(it.part), it.path));
                let old = it.old.as_ref().map(|it| Line::Removed(plain(it)));
                let new = it.new.as_ref().map(|it| Line::Added(plain(it)));
                [Some(title), old, new].into_iter().flatten()
            });
            diff(t.against_live, lines.collect::<Vec<_>>())
        }
    };
    view! {
        <Panel id="difference" title=t.against_live>
            <div class="body">{content}</div>
        </Panel>
    }
    .into_any()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
    }
}

fn configs(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let one = |(name, contents): (&String, &Value)| {
        view! { <h3>{name.clone()}</h3> {command(plain(contents))} }
    };
    let content = match shown.configs.is_empty() {
        true => empty(t.no_config),
        false => {
            let all = shown.configs.iter().map(one).collect_view();
            view! { <div class="body">{all}</div> }.into_any()
        }
    };
    view! { <Panel id="config" title=t.config>{content}</Panel> }.into_any()
}
