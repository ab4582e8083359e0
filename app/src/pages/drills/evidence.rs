//! What proves it: what is asked for, what is there, and the form that brings more.

use chrono::{DateTime, Utc};
use domain::drills::{Drill, Requirement};
use domain::evidence::{EvidenceKind, LARGEST};
use domain::texts::drills::TEXTS;
use domain::texts::{bytes, duration, ledger, ui};
use leptos::prelude::*;

use super::UPLOAD;
use super::detail::Shown;
use crate::pages::evidence::files;
use crate::pages::ui::{
    Button, Check, Panel, Tone, badge, checklist, countdown, mark, submit, when, when_short,
};
use crate::pages::visit::{texts, visit};

pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let (met, all) = drill.evidence_count();
    let tone = if met == all { Tone::Ok } else { Tone::Warn };
    let badge = badge(tone, format!("{met} / {all}"));
    let wanted = checklist(drill.requirements.iter().map(|it| wanted(shown, it)));
    let links = named(&drill.links);
    let files = match shown.files.is_empty() && links.is_some() {
        true => None,
        false => Some(files(&shown.files, shown.may.see_restricted)),
    };
    let upload = shown
        .may
        .upload
        .then(|| upload(EvidenceKind::Screenshot, format!("/drills/{}", drill.number)));
    view! {
        <Panel id="evidence" title=t.evidence badge=badge>
            <div class="body">{wanted} {links} {upload}</div>
            {files}
        </Panel>
    }
    .into_any()
}

/// What an older ledger says that there is.
fn named(links: &[String]) -> Option<AnyView> {
    if links.is_empty() {
        return None;
    }
    let lines = links.iter().map(|it| view! { <li>{it.clone()}</li> }).collect_view();
    let note = texts(&ledger::TEXTS).links_note;
    Some(view! { <ul>{lines}</ul> <p><small>{note}</small></p> }.into_any())
}

fn wanted(shown: &Shown, it: &Requirement) -> Check {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let what = format!("{} · {}", (t.kind_of)(it.kind), (t.due_of)(it.due));
    let deadline = it.deadline(&drill.times, drill.closure_limit());
    let late = it.is_late(deadline, visit().now);
    let due = deadline.map(|it| view! { <small>{t.due_at} " " {when(it)}</small> });
    match &it.satisfied_by {
        Some(by) => {
            let file = shown.files.iter().find(|it| it.sha256 == by.sha256);
            let name = file.map(|it| format!("{} · ", it.name));
            let came = late.then(|| mark(Tone::Bad, t.came_late));
            let due = due.filter(|_| late);
            let why = view! { {name} {when_short(by.at)} " " {came} " " {due} };
            let tone = if late { Tone::Warn } else { Tone::Ok };
            Check { tone, what, why: Some(why.into_any()) }
        }
        None => {
            // What is given up or signed waits for nothing.
            let left = deadline.filter(|_| drill.is_open()).map(|at| left(drill, it, at, late));
            let why = view! { {t.not_uploaded} " " {due} " " {left} };
            let tone = if late { Tone::Bad } else { Tone::Warn };
            Check { tone, what, why: Some(why.into_any()) }
        }
    }
}

/// How long there is, counting down; or for how long it has been overdue.
fn left(drill: &Drill, it: &Requirement, deadline: DateTime<Utc>, late: bool) -> AnyView {
    let t = texts(&TEXTS);
    if late {
        let over = duration(visit().lang, visit().now - deadline);
        return mark(Tone::Bad, format!("{} {over}", t.late));
    }
    countdown(deadline, it.due.within(drill.closure_limit()), t.time_left, "", false)
}

/// A form of its own: a file is no field of a server function. `usual` is the kind that is chosen at first, `page` the
/// address of what the file proves.
pub(crate) fn upload(usual: EvidenceKind, page: String) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let answer = visit().answer.filter(|it| it.form == UPLOAD);
    let said = answer.map(|it| {
        it.said.now();
        let (tone, text) = match &it.error {
            Some(error) => (Tone::Bad, problem(error, lang)),
            None => (Tone::Ok, texts(&ui::TEXTS).done.to_owned()),
        };
        let role = if it.error.is_some() { "alert" } else { "status" };
        view! { <p class="notice" role=role data-state=tone.as_str()>{text}</p> }
    });
    let kinds = EvidenceKind::ALL.iter().map(|it| {
        view! { <option value=it.as_str() selected=*it == usual>{(t.kind_of)(*it)}</option> }
    });
    view! {
        {said}
        <form
            class="form"
            method="post"
            action=format!("{page}/evidence")
            enctype="multipart/form-data"
        >
            <div class="field">
                <label for="upload-kind">{t.kind}</label>
                <select id="upload-kind" name="kind">
                    {kinds.collect_view()}
                </select>
            </div>
            <div class="field">
                <label for="upload-file">{t.file}</label>
                <input
                    id="upload-file"
                    type="file"
                    name="file"
                    required=true
                    aria-describedby="upload-hint"
                />
                <small id="upload-hint">{(t.file_note)(&bytes(LARGEST))}</small>
            </div>
            <div class="field">
                <label class="choice">
                    <input type="checkbox" name="restricted" value="true" />
                    <span>{t.restrict}</span>
                </label>
            </div>
            {submit(Button::Plain, t.upload)}
        </form>
    }
    .into_any()
}

/// With what is wrong with the fields, because this form has none of its own words for them.
fn problem(error: &crate::pages::error::Error, lang: domain::texts::Lang) -> String {
    match error {
        crate::pages::error::Error::Invalid(faults) => {
            faults.0.iter().map(|(_, fault)| fault.text(lang)).collect::<Vec<_>>().join(" ")
        }
        other => other.text(lang),
    }
}
