use domain::access::Action;
use domain::catalog::{Document, Import, ImportState, Kind, Stored};
use domain::ids::PolicyId;
use domain::texts::versions::TEXTS;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use store::versions::Version;

use super::{difference, document, may_edit, members, person, word};
use crate::pages::error::Error;
use crate::pages::imports;
use crate::pages::services::{mode_badge, policy_panel, severity_mark, signals_panel};
use crate::pages::ssr::read;
use crate::pages::ui::{
    Halves, Head, Panel, Tone, badge, empty, facts, live, number_of, page, when,
};
use crate::pages::visit::texts;

/// Edits of one; older ones are found in the audit log.
const MOST: i64 = 50;

struct Shown {
    current: i32,
    history: Vec<Version>,
    edits: Vec<Import>,
    services: Vec<String>,
}

#[component]
pub fn PolicyPage() -> impl IntoView {
    detail(Kind::Policy)
}

#[component]
pub fn SignalPage() -> impl IntoView {
    detail(Kind::Signal)
}

fn detail(kind: Kind) -> AnyView {
    let t = texts(&TEXTS);
    let name = use_params_map().with_untracked(|it| it.get("name").unwrap_or_default());
    let title = if kind == Kind::Policy { t.policies } else { t.signals };
    page(title, async move {
        let subject = format!("{}/{name}", word(kind));
        let shown = read(Action::Read, async |cx| {
            let edits = store::imports::edits(&cx.db, &subject, MOST).await?;
            let history = store::versions::history(&cx.db, kind, &name).await?;
            // What is new waits on a page of its own before its first version is in force.
            if history.is_empty() && edits.is_empty() {
                return Err(Error::NotFound);
            }
            let services = match kind {
                Kind::Policy => store::services::list(&cx.db).await?,
                _ => vec![],
            };
            let uses = services.into_iter().filter(|it| it.policy == name);
            Ok(Shown {
                current: store::versions::current(&cx.db, kind, &name).await?,
                services: uses.map(|it| it.entry.name).collect(),
                history,
                edits,
            })
        })
        .await?;
        Ok(show(kind, &name, &shown))
    })
}

fn show(kind: Kind, name: &str, shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let newest = shown.history.first().filter(|it| it.version == shown.current);
    let entry = newest.and_then(|it| document(kind, &it.definition));
    let state = match &entry {
        Some(Document::Policy(it)) => Some(mode_badge(it.mode)),
        Some(Document::Signal(it)) => Some(severity_mark(it.severity)),
        _ => None,
    };
    let edit = may_edit(kind).then(|| {
        let href = format!("/{}/{name}/edit", word(kind));
        view! { <a class="button" href=href>{t.edit}</a> }
    });
    let lede = newest.map(|it| (t.number)(it.version));
    view! {
        {live(format!("{}/{name} catalog-imports services", word(kind)))}
        <Head title=name.to_owned() badge=state.into_any() actions=edit.into_any()>{lede}</Head>
        {imports::said()}
        {waiting(shown)}
        {newest.map(|it| in_force(kind, it, entry, &shown.services))}
        {history(kind, shown)}
    }
    .into_any()
}

fn waiting(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let waits = |it: &&Import| it.state == ImportState::AwaitingConsent;
    let panel = |it: &Import| {
        let base = it.edit.as_ref().map_or(0, |it| it.base);
        let moved = (base != shown.current).then(
            || view! { <p class="notice" role="status" data-state="warn">{(t.moved_on)(base)}</p> },
        );
        view! { {moved} {imports::panel(it)} }
    };
    shown.edits.iter().filter(waits).map(panel).collect_view().into_any()
}

fn in_force(kind: Kind, newest: &Version, entry: Option<Document>, services: &[String]) -> AnyView {
    let t = texts(&TEXTS);
    let about = about(newest);
    match entry {
        Some(Document::Policy(policy)) => {
            let id = PolicyId(Default::default());
            let words = policy_panel(&Stored { id, version: newest.version, entry: policy });
            let used = used_by(services);
            view! { <Halves><div class="stack">{about} {used}</div> {words}</Halves> }.into_any()
        }
        Some(Document::Signal(signal)) => {
            let id = domain::ids::SignalId(Default::default());
            let stored = Stored { id, version: newest.version, entry: signal };
            let words = signals_panel(&[stored], None);
            view! { {about} {words} }.into_any()
        }
        _ => view! { <Panel id=word(kind) title=word(kind)>{empty(t.nothing_changes)}</Panel> }
            .into_any(),
    }
}

fn about(it: &Version) -> AnyView {
    let t = texts(&TEXTS);
    let author = it.author.as_deref().or(it.by.as_deref());
    let mut pairs = vec![
        (t.version, it.version.into_any()),
        (t.in_force_since, when(it.at)),
        (t.written_by, person(author, it.built_in).into_any()),
        (t.put_in_force_by, person(it.by.as_deref(), it.built_in).into_any()),
    ];
    if let Some(reason) = &it.reason {
        pairs.push((t.reason, reason.clone().into_any()));
    }
    let built_in = it.built_in.then(|| badge(Tone::Idle, t.built_in));
    view! {
        <Panel id="in-force" title=(t.number)(it.version) badge=built_in.into_any()>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}

fn used_by(services: &[String]) -> AnyView {
    let t = texts(&TEXTS);
    let link = |it: &String| {
        view! { <li><a href=format!("/services/{it}")>{it.clone()}</a></li> }
    };
    let content = match services.is_empty() {
        true => empty(t.used_by_nobody),
        false => {
            let links = services.iter().map(link).collect_view();
            view! { <div class="body"><ul>{links}</ul></div> }.into_any()
        }
    };
    view! {
        <Panel id="used-by" title=t.used_by badge=number_of(services.len(), None)>{content}</Panel>
    }
    .into_any()
}

fn history(kind: Kind, shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    if shown.history.is_empty() {
        return None;
    }
    let versions = shown.history.iter().enumerate().map(|(n, it)| {
        let before = shown.history.get(n + 1);
        version(kind, it, before)
    });
    let versions = versions.collect_view();
    let note = view! { <small>{t.history_note}</small> }.into_any();
    let view = view! {
        <Panel id="history" title=t.history note=note>
            <div class="body">{versions}</div>
        </Panel>
    };
    Some(view.into_any())
}

fn version(kind: Kind, it: &Version, before: Option<&Version>) -> AnyView {
    let t = texts(&TEXTS);
    let both = before
        .and_then(|old| Some((document(kind, &old.definition)?, document(kind, &it.definition)?)));
    let content = match both {
        None => view! { <p>{t.first_version}</p> }.into_any(),
        Some((old, new)) => match members(&old, &new) {
            it if it.is_empty() => view! { <p>{t.same_as_before}</p> }.into_any(),
            it => difference(t.difference, &it),
        },
    };
    let author = it.author.as_deref().or(it.by.as_deref());
    let reason = it.reason.clone().map(|it| view! { <p>{it}</p> });
    view! {
        <details>
            <summary>
                {(t.number)(it.version)} " · " {when(it.at)} " · " {person(author, false)}
            </summary>
            {reason}
            {content}
        </details>
    }
    .into_any()
}
