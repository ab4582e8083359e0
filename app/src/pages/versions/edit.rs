//! The form in which a version is written. It is sent twice: first to see what it changes, then to hand it over.

use std::collections::BTreeMap;

use domain::catalog::{Document, Kind};
use domain::texts::versions::TEXTS;
use domain::{policies, signals};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::fields::{policy_fields, signal_fields};
use super::{PROPOSE, action, difference, document, edit_form, members, word};
use crate::pages::error::Error;
use crate::pages::ssr::{Context, read};
use crate::pages::ui::{Button, Head, Input, Panel, Sent, empty, hidden, page};
use crate::pages::visit::{Answer, texts, visit};

#[component]
pub fn EditPolicyPage() -> impl IntoView {
    edit(Kind::Policy, true)
}

#[component]
pub fn NewPolicyPage() -> impl IntoView {
    edit(Kind::Policy, false)
}

#[component]
pub fn EditSignalPage() -> impl IntoView {
    edit(Kind::Signal, true)
}

#[component]
pub fn NewSignalPage() -> impl IntoView {
    edit(Kind::Signal, false)
}

/// What is edited: the version in force, where there is one.
struct Edited {
    kind: Kind,
    name: Option<String>,
    version: i32,
    document: Option<Document>,
}

fn edit(kind: Kind, existing: bool) -> AnyView {
    let t = texts(&TEXTS);
    let name = use_params_map().with_untracked(|it| it.get("name").unwrap_or_default());
    let name = existing.then_some(name);
    let title = match (kind, existing) {
        (_, true) => t.edit,
        (Kind::Policy, false) => t.new_policy,
        (_, false) => t.new_signal,
    };
    page(title, async move {
        let edited = read(action(kind), async |cx| load(cx, kind, name).await).await?;
        Ok(show(title, &edited))
    })
}

async fn load(cx: &Context, kind: Kind, name: Option<String>) -> Result<Edited, Error> {
    let Some(name) = name else {
        return Ok(Edited { kind, name: None, version: 0, document: None });
    };
    let version = store::versions::current(&cx.db, kind, &name).await?;
    let history = store::versions::history(&cx.db, kind, &name).await?;
    let newest = history.into_iter().find(|it| it.version == version).ok_or(Error::NotFound)?;
    let document = document(kind, &newest.definition);
    Ok(Edited { kind, name: Some(name), version, document })
}

fn show(title: &'static str, it: &Edited) -> AnyView {
    let t = texts(&TEXTS);
    let heading = match &it.name {
        Some(name) => format!("{title} · {name}"),
        None => title.to_owned(),
    };
    let lede = if it.name.is_some() { (t.edit_lede)(it.version) } else { t.new_lede.to_owned() };
    let answer = visit().answer.filter(|answer| answer.form == edit_form(it.kind));
    // Where only the reason is wanting, the rest can still be looked at.
    let sound = |it: &&Answer| {
        let error = it.error.as_ref();
        error.is_none_or(|it| it.of_field("reason", visit().lang).is_some())
    };
    let looked = answer.as_ref().filter(sound);
    let preview = looked.and_then(|answer| preview(it, answer));
    view! {
        <Head title=heading>{lede}</Head>
        {form(it, answer.as_ref(), preview)}
    }
    .into_any()
}

/// What would change, word for word; it stands above the button that hands it over.
fn preview(it: &Edited, answer: &Answer) -> Option<AnyView> {
    let t = texts(&TEXTS);
    if answer.error.is_none() {
        answer.said.now();
    }
    let fields = typed(it, answer);
    let new = match it.kind {
        Kind::Policy => Document::Policy(policies::typed(&fields).ok()?),
        _ => Document::Signal(signals::typed(&fields).ok()?),
    };
    let content = match &it.document {
        None => view! { <p>{t.preview_new}</p> }.into_any(),
        Some(old) => match members(old, &new) {
            it if it.is_empty() => empty(t.nothing_changes),
            it => difference(t.preview, &it),
        },
    };
    let view = view! {
        <Panel id="preview" title=t.preview>
            <div class="body">{content} <p>{t.preview_note}</p></div>
        </Panel>
    };
    Some(view.into_any())
}

/// What was typed, under the name that the address gives.
fn typed(it: &Edited, answer: &Answer) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = answer.fields.iter().cloned().collect();
    if let Some(name) = &it.name {
        fields.insert("name".to_owned(), name.clone());
    }
    fields
}

/// What stands in the fields: what was typed last, else what is in force, else what a new one begins with.
fn values(it: &Edited, answer: Option<&Answer>) -> BTreeMap<String, String> {
    if let Some(answer) = answer.filter(|it| !it.fields.is_empty()) {
        return typed(it, answer);
    }
    match (&it.document, it.kind) {
        (Some(Document::Policy(it)), _) => policies::fields(it),
        (Some(Document::Signal(it)), _) => signals::fields(it),
        (_, Kind::Policy) => policies::fields(&policies::Policy::named("")),
        _ => BTreeMap::from(
            [("unit", "ratio"), ("by", "service"), ("for_s", "300"), ("source", "ratio")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
    }
}

fn form(it: &Edited, answer: Option<&Answer>, preview: Option<AnyView>) -> AnyView {
    let t = texts(&TEXTS);
    let sent = Sent::named(edit_form(it.kind));
    let notice = sent.notice_of_refusal();
    let values = values(it, answer);
    // Held against the version that was read, also where another one is in force by now.
    let base = values.get("base").cloned().unwrap_or_else(|| it.version.to_string());
    let name = it.name.is_none().then(|| {
        let field = Input::text("name", texts(&domain::texts::common::TEXTS).name);
        let value = values.get("name").cloned().unwrap_or_default();
        view! { <div class="body">{sent.field(field.value(value).hint(t.name_hint).required())}</div> }
    });
    let fields = match it.kind {
        Kind::Policy => policy_fields(&sent, &values),
        _ => signal_fields(&sent, &values),
    };
    let why = values.get("reason").cloned().unwrap_or_default();
    let why = sent.field(Input::area("reason", t.reason).value(why).hint(t.reason_hint));
    let ready = preview.is_some();
    let look = if ready { Button::Plain } else { Button::Primary };
    let propose = ready.then(|| {
        view! {
            <button class=Button::Primary.class() type="submit" name="step" value=PROPOSE>
                {t.propose}
            </button>
        }
    });
    let href = match &it.name {
        Some(name) => format!("/{}/{name}", word(it.kind)),
        None => format!("/{}", word(it.kind)),
    };
    view! {
        {notice}
        <form class="stack" method="post" action="">
            {hidden("base", base)}
            {preview}
            {name}
            {fields}
            <section class="panel">
                <div class="body form">
                    {why}
                    <div class="actions">
                        {propose}
                        <button class=look.class() type="submit" name="step" value="look">{t.look}</button>
                        <a class="button quiet" href=href>{texts(&domain::texts::common::TEXTS).back}</a>
                    </div>
                </div>
            </section>
        </form>
    }
    .into_any()
}
