//! Catalogs that came through the API: what they change, and the word of a second person.

pub mod actions;

use domain::access::{Action, Place};
use domain::catalog::{Import, ImportState, Member};
use domain::texts::{common, imports::TEXTS, ui};
use leptos::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use self::actions::RefuseImport;
use super::ssr::read;
use super::ui::{
    Button, Head, Input, Line, Tone, badge, dialog, diff, digest, empty, facts, hidden, live, page,
    submit, when,
};
use super::visit::{texts, visit};

/// The form in which a consent is sent. No server function: the files are read again for it, which only the server
/// around the pages can do.
pub const CONSENT: &str = "consent_import";

/// More are found in the audit log.
const MOST: i64 = 50;

#[component]
pub fn ImportsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    page(t.title, async move {
        let imports =
            read(Action::Read, async |cx| Ok(store::imports::list(&cx.db, MOST).await?)).await?;
        let waiting = imports.iter().filter(|it| it.state == ImportState::AwaitingConsent).count();
        let content = match imports.is_empty() {
            true => view! { <section class="panel" aria-label=t.title>{empty(t.none)}</section> }
                .into_any(),
            false => imports.iter().map(panel).collect_view().into_any(),
        };
        Ok(view! {
            {live("catalog-imports")}
            <Head title=t.title>{(t.lede)(waiting)}</Head>
            {said()}
            {content}
        })
    })
}

/// What became of a consent.
pub(in crate::pages) fn said() -> Option<AnyView> {
    let answer = visit().answer.filter(|it| it.form == CONSENT)?;
    answer.said.now();
    let (role, tone, text) = match &answer.error {
        Some(error) => ("alert", Tone::Bad, error.text(visit().lang)),
        None => ("status", Tone::Ok, texts(&ui::TEXTS).done.to_owned()),
    };
    let notice = view! { <p class="notice" role=role data-state=tone.as_str()>{text}</p> };
    Some(notice.into_any())
}

pub(in crate::pages) fn panel(it: &Import) -> AnyView {
    let t = texts(&TEXTS);
    let (tone, state) = match it.state {
        ImportState::AwaitingConsent => (Tone::Warn, t.awaiting),
        ImportState::InForce { .. } => (Tone::Ok, t.in_force),
        ImportState::Refused { .. } => (Tone::Idle, t.refused),
    };
    let waits = it.state == ImportState::AwaitingConsent;
    let place = format!("import-{}", it.id);
    let heading = place.clone();
    let id: String = it.id.to_string().chars().take(8).collect();
    let changes = Changes::of(&it.changes);
    let summary = (t.counts)(changes.created.len(), changes.changed.len(), changes.removed.len());
    let difference = diff(t.difference, changes.lines());
    let difference = match waits {
        true => difference,
        false => {
            view! { <details><summary>{t.difference}</summary> {difference}</details> }.into_any()
        }
    };
    view! {
        <section
            class="panel"
            data-state=waits.then_some(Tone::Warn.as_str())
            aria-labelledby=place
        >
            <header>
                <h2 id=heading>{format!("{id} · {summary}")}</h2>
                {badge(tone, state)}
            </header>
            <div class="body">{about(it)} {difference} {files(it)} {waits.then(|| decide(it))}</div>
        </section>
    }
    .into_any()
}

/// What is new has no difference: it can be read as it was sent.
fn files(it: &Import) -> AnyView {
    let file = |(name, text): (&String, &String)| {
        let lines: Vec<_> = text.lines().map(|it| Line::Same(it.to_owned())).collect();
        view! {
            <details>
                <summary>{name.clone()}</summary>
                {diff(name, lines)}
            </details>
        }
    };
    it.files.iter().map(file).collect_view().into_any()
}

fn about(it: &Import) -> AnyView {
    let t = texts(&TEXTS);
    let mut pairs = vec![
        (t.asked_by, person(&it.requested_by).into_any()),
        (t.asked_at, when(it.requested_at)),
        (t.digest, digest(it.digest.as_str())),
    ];
    if let Some(edit) = &it.edit {
        let href = format!("/{}", edit.subject);
        let link = view! { <a href=href>{edit.subject.clone()}</a> };
        pairs.insert(0, (t.edits, link.into_any()));
        pairs.insert(1, (t.edit_reason, edit.reason.clone().into_any()));
    }
    match &it.state {
        ImportState::AwaitingConsent => {}
        ImportState::InForce { consented_by, at } => {
            let by = consented_by.as_deref().map_or_else(|| t.nobody.to_owned(), person);
            pairs.push((t.consented_by, view! { {by} " " {when(*at)} }.into_any()));
        }
        ImportState::Refused { by, reason, at } => {
            pairs.push((t.refused_by, view! { {person(by)} " " {when(*at)} }.into_any()));
            pairs.push((texts(&common::TEXTS).reason, reason.clone().into_any()));
        }
    }
    let prunes = it.prune.then(|| view! { <p>{t.prunes}</p> });
    view! { {facts(pairs)} {prunes} }.into_any()
}

/// For a second person who may; never for who asked.
fn decide(it: &Import) -> AnyView {
    let t = texts(&TEXTS);
    let visit = visit();
    let own =
        visit.user.as_ref().is_some_and(|user| it.requested_by == format!("user:{}", user.name));
    if own || !visit.may(Action::ConsentVersion, &Place::default()) {
        return view! { <p>{if own { t.own } else { t.not_yours }}</p> }.into_any();
    }
    let refuse = dialog::<RefuseImport, _>(
        it.id,
        t.refuse,
        (Button::Danger, t.refuse),
        |sent| sent.field(Input::area("reason", t.refuse_why).required()),
        submit(Button::Danger, t.refuse),
    );
    let action = format!("/admin/imports/{}/consent", it.id);
    view! {
        <p>{t.consent_note}</p>
        <div class="actions">
            <form method="post" action=action>
                {hidden("digest", it.digest.as_str())}
                {submit(Button::Primary, t.consent)}
            </form>
            {refuse}
        </div>
    }
    .into_any()
}

/// Old and new of one value.
pub(in crate::pages) fn member_lines(it: &Member) -> impl Iterator<Item = Line> + use<> {
    let line = |value: &Value| format!("  {}: {value}", it.path);
    let from = (!it.from.is_null()).then(|| Line::Removed(line(&it.from)));
    let to = (!it.to.is_null()).then(|| Line::Added(line(&it.to)));
    from.into_iter().chain(to)
}

fn person(actor: &str) -> String {
    actor.split_once(':').map_or(actor, |(_, name)| name).to_owned()
}

/// What an import says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Changes {
    created: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
    differences: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    document: String,
    members: Vec<Member>,
}

impl Changes {
    fn of(changes: &Value) -> Self {
        Self::deserialize(changes).unwrap_or_default()
    }

    fn lines(&self) -> Vec<Line> {
        let t = texts(&TEXTS);
        let created = self.created.iter().map(|it| Line::Added(format!("{it} {}", t.created)));
        let removed = self.removed.iter().map(|it| Line::Removed(format!("{it} {}", t.removed)));
        let changed = self.differences.iter().flat_map(|it| {
            let members = it.members.iter().flat_map(member_lines);
            std::iter::once(Line::Of(it.document.clone())).chain(members).collect::<Vec<_>>()
        });
        created.chain(changed).chain(removed).collect()
    }
}
