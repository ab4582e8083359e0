//! What the drill has paused, for how long, and what of it is not back.

use domain::drills::{Drill, Unprotected};
use domain::texts::drills::TEXTS;
use domain::texts::{duration, offset};
use leptos::prelude::*;

use super::actions::ResumeProtection;
use super::detail::Shown;
use crate::pages::ui::{
    Button, Input, Panel, Table, Tone, badge, column, form, hidden, mark, stopwatch, submit,
    when_short,
};
use crate::pages::visit::{texts, visit};

/// Nothing where nothing was paused.
pub(super) fn panel(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    if drill.unprotected.is_empty() {
        return None;
    }
    let owed = drill.owed().count();
    let badge = match owed {
        0 => badge(Tone::Ok, t.met.protections),
        _ => badge(Tone::Bad, t.still_paused),
    };
    let rows: Vec<_> = drill.unprotected.iter().map(|it| row(drill, it)).collect();
    let zone = offset(visit().now, &visit().zone);
    let heads = vec![
        column(t.protection),
        column(format!("{} ({zone})", t.paused_at)),
        column(t.resumed_at),
        column(t.unprotected_for).number(),
    ];
    let note = view! { <small>{t.unprotected_note}</small> }.into_any();
    let resume = shown.may.lead.then(|| drill.owed().map(|it| resume(shown, it)).collect_view());
    Some(
        view! {
            <Panel id="unprotected" title=t.unprotected badge=badge note=note>
                <Table label=t.unprotected heads=heads>{rows}</Table>
                {resume}
            </Panel>
        }
        .into_any(),
    )
}

fn row(drill: &Drill, it: &Unprotected) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let until = match (it.to, &it.resumed_by) {
        (None, _) => mark(Tone::Bad, t.still_paused),
        (Some(at), None) => {
            view! { {when_short(at)} " " <small>{t.resumed_by_step}</small> }.into_any()
        }
        (Some(at), Some(by)) => {
            let by = by.split_once(':').map_or(by.as_str(), |(_, name)| name);
            let note = it.note.clone();
            view! { {when_short(at)} " " <small>{(t.resumed_by)(by)} " " {note}</small> }.into_any()
        }
    };
    let length = match it.to {
        Some(_) => view! { <b>{duration(lang, it.length(visit().now))}</b> }.into_any(),
        // As long as the whole drill may take nobody calls it long.
        None => {
            let warn = drill.at_risk_after();
            stopwatch(it.from, drill.closure_limit(), warn, t.unprotected_for, "", false)
        }
    };
    view! {
        <tr>
            <th scope="row">{it.name.clone()}</th>
            <td>{when_short(it.from)}</td>
            <td>{until}</td>
            <td class="number">{length}</td>
        </tr>
    }
}

fn resume(shown: &Shown, it: &Unprotected) -> AnyView {
    let t = texts(&TEXTS);
    let name = it.name.clone();
    let title = format!("{}: {name}", t.resume);
    let form = form::<ResumeProtection, _>(shown.drill.number.clone(), move |sent| {
        Some(view! {
            {hidden("protection", name)}
            {sent.field(Input::text("note", t.resume_how).hint(t.resume_note).required())}
            {submit(Button::Plain, t.resume)}
        })
    });
    view! {
        <div class="body">
            <details>
                <summary>{title}</summary>
                {form}
            </details>
        </div>
    }
    .into_any()
}
