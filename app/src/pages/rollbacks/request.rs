//! Asking for a rollback, on the pages of what would go back.

use std::collections::HashSet;

use domain::decide::situation::ReasonKind;
use domain::releases::Release;
use domain::revisions::{Revision, RevisionVerdict, rolled_out};
use domain::texts::rollbacks::TEXTS;
use domain::workloads::Workload;
use leptos::prelude::*;

use super::actions::RequestRollback;
use crate::pages::ui::{Button, Input, dialog, hidden, submit};
use crate::pages::visit::texts;

/// What may go back, and to what.
#[derive(Clone, Copy)]
pub(in crate::pages) enum Asked<'a> {
    /// One of the workloads of a service, to its newest verified revision.
    Service(&'a [Workload]),
    /// A workload, to one of its revisions; or its release, to one of those.
    Workload(&'a Workload, &'a [Revision], Option<&'a Release>),
    /// A workload, to this one.
    Revision(&'a Workload, &'a Revision),
}

/// The button and its dialog, for somebody who may ask. `service` is its name.
pub(in crate::pages) fn request(service: &str, asked: Asked) -> AnyView {
    let t = texts(&TEXTS);
    let kinds = ReasonKind::ALL.iter().map(|it| (it.as_str(), (t.kind_of)(*it)));
    dialog::<RequestRollback, _>(
        service,
        t.request,
        (Button::Plain, t.request),
        |sent| {
            let which = match asked {
                Asked::Service([only]) => hidden("workload", place(only)),
                Asked::Service(all) => {
                    let all = all.iter().map(|it| (place(it), place(it)));
                    sent.field(Input::select("workload", t.request_workload, all).required())
                }
                Asked::Workload(it, ..) | Asked::Revision(it, _) => hidden("workload", place(it)),
            };
            let target = match asked {
                Asked::Service(_) => ().into_any(),
                Asked::Workload(it, revisions, release) => {
                    let all = targets(it, revisions, release);
                    sent.field(Input::select("revision", t.request_target, all))
                }
                Asked::Revision(_, to) => hidden("revision", to.revision),
            };
            view! {
                <p>{t.request_lede}</p>
                {which}
                {target}
                {sent.field(Input::select("reason_kind", t.request_kind, kinds).required())}
                {sent.field(Input::text("reason", t.request_reason).required())}
                {sent.field(Input::check("confirmed", true, t.request_confirmed))}
            }
        },
        submit(Button::Primary, t.request),
    )
}

/// As the action reads it.
fn place(it: &Workload) -> String {
    format!("{}/{}", it.kind.as_str(), it.name)
}

/// What is live is no target, and neither is what was never rolled out or nobody may go back to.
fn targets(
    workload: &Workload,
    revisions: &[Revision],
    release: Option<&Release>,
) -> Vec<(String, String)> {
    let t = texts(&TEXTS);
    let newest = (String::new(), t.request_default_target.to_owned());
    let mut numbers = HashSet::new();
    let own = revisions.iter().filter(|it| it.revision > 0 && it.digest != workload.live.digest);
    let own = own.filter(|it| {
        rolled_out(it, revisions) != Some(false) && it.verdict != RevisionVerdict::Forbidden
    });
    // A revision under several configurations is one target.
    let own = own.filter(|it| numbers.insert(it.revision));
    let own = own.map(|it| {
        let images: Vec<_> = it.images.iter().map(|it| it.image.as_str()).collect();
        (it.revision.to_string(), format!("{} · {}", it.revision, images.join(", ")))
    });
    let of_release = release.into_iter().flat_map(|release| {
        release.earlier().map(|it| {
            let value = format!("{}@{}", release.name, it.revision);
            (value, (t.request_release)(&release.name, it.revision))
        })
    });
    let mut all = vec![newest];
    all.extend(own);
    all.extend(of_release);
    all
}
