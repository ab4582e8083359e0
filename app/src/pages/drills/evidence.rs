//! What proves it: what is asked for, what is there, and the form that brings more.

use chrono::{DateTime, TimeDelta, Utc};
use domain::drills::{Drill, Due, Requirement};
use domain::evidence::{Evidence, EvidenceKind, LARGEST};
use domain::texts::drills::TEXTS;
use domain::texts::{bytes, duration, ui};
use leptos::prelude::*;

use super::UPLOAD;
use super::detail::Shown;
use crate::pages::ui::{
    Button, Check, Panel, Table, Tone, badge, checklist, column, countdown, digest, empty, mark,
    submit, when, when_short,
};
use crate::pages::visit::{texts, visit};

pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let (met, all) = drill.evidence_count();
    let tone = if met == all { Tone::Ok } else { Tone::Warn };
    let badge = badge(tone, format!("{met} / {all}"));
    let wanted = checklist(drill.requirements.iter().map(|it| wanted(shown, it)));
    let files = files(&shown.files, shown.may.see_restricted);
    let upload = shown
        .may
        .upload
        .then(|| upload(EvidenceKind::Screenshot, format!("/drills/{}", drill.number)));
    view! {
        <Panel id="evidence" title=t.evidence badge=badge>
            <div class="body">{wanted} {upload}</div>
            {files}
        </Panel>
    }
    .into_any()
}

/// What was uploaded, with links for whoever may see it.
pub(crate) fn files(files: &[Evidence], see_restricted: bool) -> AnyView {
    let t = texts(&TEXTS);
    if files.is_empty() {
        return empty(t.no_files);
    }
    let heads = vec![
        column(t.file),
        column(t.kind),
        column("SHA-256"),
        column(t.size).number().optional(),
        column(t.by).optional(),
    ];
    let rows: Vec<_> = files.iter().map(|it| row(it, see_restricted)).collect();
    view! { <Table label=t.evidence heads=heads>{rows}</Table> }.into_any()
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
    let of = match it.due {
        Due::T1 => drill.closure_limit(),
        Due::Day => TimeDelta::hours(24),
    };
    countdown(deadline, of, t.time_left, "", false)
}

fn row(it: &Evidence, see_restricted: bool) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let readable = it.erased.is_none() && (!it.restricted || see_restricted);
    let name = match readable {
        true => {
            let href = format!("/evidence/{}", it.sha256);
            view! { <a href=href rel="external">{it.name.clone()}</a> }.into_any()
        }
        false => it.name.clone().into_any(),
    };
    let restricted = it.restricted.then(|| view! { <small>{t.restricted}</small> });
    let erased = it.erased.as_ref().map(|erased| {
        let said = (t.erased)(&erased.reason);
        view! { <small>{mark(Tone::Idle, said)} " " {when_short(erased.at)}</small> }
    });
    let pretends = it.pretends().map(|claimed| {
        view! { <small>{mark(Tone::Warn, (t.pretends)(claimed, &it.media_type))}</small> }
    });
    let by = it.uploaded_by.split_once(':').map_or(it.uploaded_by.as_str(), |(_, name)| name);
    view! {
        <tr>
            <th scope="row">{name} {restricted} {pretends} {erased}</th>
            <td>{(t.kind_of)(it.kind)}</td>
            <td>{digest(it.sha256.as_str())}</td>
            <td class="number optional">{bytes(it.size)}</td>
            <td class="optional">{by.to_owned()} <small>{when_short(it.uploaded_at)}</small></td>
        </tr>
    }
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
