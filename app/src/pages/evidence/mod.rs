//! Files wherever they are listed: which there are, and their legal erasure.

pub mod actions;

use std::collections::HashSet;

use domain::access::{Action, Place};
use domain::evidence::{Evidence, Sha256};
use domain::texts::bytes;
use domain::texts::drills::TEXTS;
use leptos::prelude::*;

use self::actions::EraseEvidence;
use super::ui::{
    Button, Input, Table, Tone, column, dialog, digest, empty, mark, submit, when_short,
};
use super::visit::{texts, visit};

/// What was uploaded, with links for whoever may see it, and the way to erase it for whom the law asks that of.
pub(crate) fn files(files: &[Evidence], see_restricted: bool) -> AnyView {
    let t = texts(&TEXTS);
    if files.is_empty() {
        return empty(t.no_files);
    }
    let erase = visit().may(Action::EraseEvidence, &Place::default());
    let mut heads = vec![
        column(t.file),
        column(t.kind),
        column("SHA-256"),
        column(t.size).number().optional(),
        column(t.by).optional(),
    ];
    heads.extend(erase.then(|| column(t.erase)));
    // A file that proves several things is erased once.
    let mut asked: HashSet<&Sha256> = HashSet::new();
    let row = |it| {
        let it: &Evidence = it;
        let first = erase && it.erased.is_none() && asked.insert(&it.sha256);
        let cell = erase.then(|| view! { <td>{first.then(|| dialog_of(it))}</td> });
        row(it, see_restricted, cell.map(IntoAny::into_any))
    };
    let rows: Vec<_> = files.iter().map(row).collect();
    view! { <Table label=t.evidence heads=heads>{rows}</Table> }.into_any()
}

fn row(it: &Evidence, see_restricted: bool, erase: Option<AnyView>) -> impl IntoView + use<> {
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
            {erase}
        </tr>
    }
}

/// Asked before it is done, because nothing brings the bytes back: a reason, and that it is meant.
fn dialog_of(it: &Evidence) -> AnyView {
    let t = texts(&TEXTS);
    dialog::<EraseEvidence, _>(
        &it.sha256,
        (t.erase_file)(&it.name),
        (Button::Quiet, t.erase),
        |sent| {
            view! {
                <p>{t.erase_note}</p>
                {sent.field(Input::area("reason", t.erase_why).required())}
                {sent.field(Input::check("confirmed", "true", t.erase_confirm))}
            }
        },
        submit(Button::Danger, t.erase),
    )
}
