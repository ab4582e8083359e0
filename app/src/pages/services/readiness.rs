//! Could the service be brought back quickly, if it had to be now? And what it has to go back to.

use std::collections::BTreeMap;

use domain::checks::Check;
use domain::ids::WorkloadId;
use domain::readiness::{Facts, Found, Shape, findings};
use domain::revisions::Revision;
use domain::texts::readiness::TEXTS;
use domain::texts::{common, decision_pages, workloads};
use domain::verdict::Verdict;
use domain::workloads::Workload;
use leptos::prelude::*;
use store::decisions::Stored;

use crate::pages::decisions::tone as tone_of;
use crate::pages::rollbacks::record;
use crate::pages::ui::{Panel, Table, Tone, badge, column, empty, mark, number_of, when_short};
use crate::pages::visit::{texts, visit};
use crate::pages::workloads::verdict as verdict_badge;

/// What is known of the workloads of a service.
pub(super) struct Known<'a> {
    pub(super) seen: &'a [Workload],
    pub(super) shapes: &'a BTreeMap<WorkloadId, Shape>,
    pub(super) revisions: &'a BTreeMap<WorkloadId, Vec<Revision>>,
    pub(super) checks: &'a [Check],
}

impl<'a> Known<'a> {
    fn revisions(&self, it: &Workload) -> &'a [Revision] {
        self.revisions.get(&it.id).map_or(&[], Vec::as_slice)
    }

    /// Of the workloads that are still there.
    fn there(&self) -> impl Iterator<Item = &'a Workload> {
        self.seen.iter().filter(|it| it.gone_at.is_none())
    }
}

pub(super) fn panel(known: &Known<'_>) -> AnyView {
    let t = texts(&TEXTS);
    let note = view! { <small>{t.note}</small> }.into_any();
    let each: Vec<(&Workload, Vec<Found>)> = known
        .there()
        .map(|workload| {
            let (shape, revisions) = (known.shapes.get(&workload.id), known.revisions(workload));
            let facts = Facts { workload, shape, revisions, checks: known.checks };
            (workload, findings(&facts))
        })
        .collect();
    if each.is_empty() {
        return view! { <Panel id="readiness" title=t.title note=note>{empty(t.unseen)}</Panel> }
            .into_any();
    }
    let open = each.iter().flat_map(|it| &it.1).filter(|it| !it.verdict.passed()).count();
    let state = match open {
        0 => badge(Tone::Ok, t.well),
        n => badge(Tone::Warn, (t.open)(n)),
    };
    let several = each.len() > 1;
    let tables = each.iter().map(|(workload, found)| table(workload, found, several));
    let tables = tables.collect_view();
    view! { <Panel id="readiness" title=t.title badge=state note=note>{tables}</Panel> }.into_any()
}

fn table(workload: &Workload, found: &[Found], several: bool) -> AnyView {
    let t = texts(&TEXTS);
    let title = several.then(|| view! { <h3>{workload.name.clone()}</h3> });
    let rows: Vec<_> = found.iter().map(row).collect();
    let heads = vec![
        column(t.finding),
        column(texts(&common::TEXTS).verdict),
        column(t.seen).optional(),
        column(t.what),
    ];
    let label = format!("{} · {}", t.title, workload.name);
    view! { {title} <Table label=label heads=heads>{rows}</Table> }.into_any()
}

fn row(it: &Found) -> AnyView {
    let said = (texts(&TEXTS).said)(it.finding);
    let tone = match it.verdict {
        Verdict::Pass => Tone::Ok,
        Verdict::Fail => Tone::Bad,
        Verdict::Unknown => Tone::Warn,
    };
    let word = (texts(&domain::texts::rollbacks::TEXTS).verdict_of)(it.verdict);
    let remedy = (!it.verdict.passed()).then(|| view! { " " <b>{said.remedy}</b> });
    view! {
        <tr>
            <th scope="row">{said.name}</th>
            <td>{mark(tone, word)}</td>
            <td class="optional"><code>{it.value.clone()}</code></td>
            <td class="prose">{said.why} {remedy}</td>
        </tr>
    }
    .into_any()
}

/// Of each workload the newest revisions, with what became of them.
pub(super) fn revisions(known: &Known<'_>) -> AnyView {
    const SHOWN: usize = 5;
    let w = texts(&workloads::TEXTS);
    let row = |workload: &Workload, it: &Revision| {
        let live =
            it.digest == workload.live.digest && it.config_digest == workload.live.config_digest;
        let live = live.then(|| mark(Tone::Live, w.is_live));
        let href = format!("/workloads/{}/revisions/{}", it.workload_id, it.id);
        let images: Vec<&str> = it.images.iter().map(|it| it.image.as_str()).collect();
        let reason = it.verdict_reason.clone().map(|it| view! { " " <small>{it}</small> });
        view! {
            <tr>
                <th scope="row"><a href=href>{it.revision}</a> " " {live}</th>
                <td>{workload.name.clone()}</td>
                <td>{verdict_badge(it.verdict)} {reason}</td>
                <td class="optional"><code>{images.join(", ")}</code></td>
                <td class="optional">{when_short(it.seen_at)}</td>
            </tr>
        }
    };
    let rows = known.there().flat_map(|workload| {
        let newest = known.revisions(workload).iter().filter(|it| it.revision > 0).take(SHOWN);
        newest.map(|it| row(workload, it)).collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.collect();
    let content = match rows.is_empty() {
        true => empty(w.no_history),
        false => {
            let heads = vec![
                column(w.revision),
                column(texts(&common::TEXTS).workload),
                column(w.verdict),
                column(w.images).optional(),
                column(texts(&common::TEXTS).at).optional(),
            ];
            view! { <Table label=w.history heads=heads>{rows}</Table> }.into_any()
        }
    };
    view! { <Panel id="revisions" title=w.history>{content}</Panel> }.into_any()
}

pub(super) fn decisions(service: &str, newest: &[Stored]) -> AnyView {
    let d = texts(&decision_pages::TEXTS);
    let lang = visit().lang;
    let row = |it: &Stored| {
        let decision = &it.decision;
        let against = decision.against().next().map(|rule| record::reason(rule, lang));
        view! {
            <tr>
                <th scope="row"><a href=format!("/decisions/{}", it.id)>{when_short(it.at)}</a></th>
                <td>{badge(tone_of(decision.outcome), decision.outcome.text(lang).name)}</td>
                <td class="optional">{decision.disposition.text(lang).name}</td>
                <td class="number">{format!("{:.3}", decision.confidence)}</td>
                <td class="optional">{against}</td>
            </tr>
        }
    };
    let content = match newest.is_empty() {
        true => empty(d.nothing_yet),
        false => {
            let heads = vec![
                column(texts(&common::TEXTS).at),
                column(d.outcome),
                column(d.disposition).optional(),
                column(d.confidence).number(),
                column(d.against).optional(),
            ];
            let rows: Vec<_> = newest.iter().map(row).collect();
            view! { <Table label=d.title heads=heads>{rows}</Table> }.into_any()
        }
    };
    let all = format!("/decisions?service={service}");
    let note = view! { <a href=all>{texts(&common::TEXTS).all}</a> }.into_any();
    let badge = number_of(newest.len(), None);
    view! { <Panel id="decisions" title=d.title badge=badge note=note>{content}</Panel> }.into_any()
}
