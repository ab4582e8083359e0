use std::collections::BTreeMap;

use domain::access::{Action, Place};
use domain::catalog::Stored;
use domain::checks::chain::Request;
use domain::checks::{Check, CheckKind, Expect};
use domain::ids::{PolicyId, ServiceId, SignalId, WorkloadId};
use domain::policies::Policy;
use domain::readiness::Shape;
use domain::revisions::Revision;
use domain::services::{Service, Standing, WorkloadRef};
use domain::signals::{Comparison, Signal};
use domain::texts::{common, number, services};
use domain::workloads::Workload;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::policy::policy_panel;
use super::readiness::{self, Known};
use super::signals::signals_panel;
use super::{members, mode_badge, rollback_link, standing_mark};
use crate::pages::rollbacks;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Halves, Head, Panel, Table, Tone, column, empty, facts, live, mark, number_of, page, took,
};
use crate::pages::visit::texts;

/// Everything that the page shows.
struct Shown {
    service: Stored<ServiceId, Service>,
    policy: Stored<PolicyId, Policy>,
    signals: Vec<Stored<SignalId, Signal>>,
    seen: Vec<Workload>,
    /// The number of its open rollback.
    open: Option<String>,
    may_request: bool,
    shapes: BTreeMap<WorkloadId, Shape>,
    revisions: BTreeMap<WorkloadId, Vec<Revision>>,
    decisions: Vec<store::decisions::Stored>,
}

/// The newest decisions; the rest has a page of its own.
const DECISIONS: i64 = 10;

#[component]
pub fn ServicePage() -> impl IntoView {
    let t = texts(&services::TEXTS);
    let name = use_params_map().with_untracked(|it| it.get("name").unwrap_or_default());
    page(t.title, async move {
        let shown = read(Action::Read, async |cx| {
            let service = store::services::by_name(&cx.db, &name).await?;
            let filter = store::decisions::Filter {
                service: Some(name.clone()),
                limit: DECISIONS,
                ..Default::default()
            };
            let seen = store::workloads::by_service(&cx.db, service.id).await?;
            let ids: Vec<WorkloadId> = seen.iter().map(|it| it.id).collect();
            let open = store::rollbacks::Filter {
                service: Some(name),
                open: true,
                limit: 1,
                ..Default::default()
            };
            let open = store::rollbacks::list(&cx.db, &open).await?.pop();
            let place = Place::service(&service.name, &service.team);
            Ok(Shown {
                may_request: cx.may(Action::RequestRollback, &place),
                policy: store::policies::for_service(&cx.db, service.id).await?,
                signals: store::signals::list(&cx.db).await?,
                seen,
                shapes: store::readiness::shapes(&cx.db, &ids).await?,
                revisions: store::revisions::of_all(&cx.db, &ids).await?,
                decisions: store::decisions::list(&cx.db, &filter).await?,
                open: open.map(|it| it.number),
                service,
            })
        })
        .await?;
        let Shown { service, policy, signals, seen, open, may_request, .. } = shown;
        let Shown { shapes, revisions, decisions, .. } = shown;
        let known =
            Known { seen: &seen, shapes: &shapes, revisions: &revisions, checks: &service.checks };
        let (ready, revisions) = (readiness::panel(&known), readiness::revisions(&known));
        let decisions = readiness::decisions(&service.name, &decisions);
        let mode = policy.mode;
        let request = (may_request && !seen.is_empty())
            .then(|| rollbacks::request(&service.name, rollbacks::Asked::Service(&seen)));
        let facts = facts_panel(&service, &policy, open);
        let checks = checks_panel(&service.checks);
        let rules = policy_panel(&policy);
        Ok(view! {
            {live(format!("services/{} policies signals workloads rollbacks", service.name))}
            <Head title=service.name.clone() badge=mode_badge(mode) actions=request.into_any()>{(t.mode_means)(mode)}</Head>
            {workloads_panel(&service, &seen)}
            {ready}
            {revisions}
            {decisions}
            <Halves>
                {facts}
                {rules}
            </Halves>
            {checks}
            {signals_panel(&signals, Some(&policy))}
        })
    })
}

fn workloads_panel(service: &Service, seen: &[Workload]) -> AnyView {
    let t = texts(&services::TEXTS);
    let common = texts(&common::TEXTS);
    let row = |(named, seen): (&WorkloadRef, Option<&Workload>)| {
        let name = named.name.clone();
        let link = match seen {
            Some(it) => view! { <a href=format!("/workloads/{}", it.id)>{name}</a> }.into_any(),
            None => name.into_any(),
        };
        let place = format!("{} / {}", named.cluster, named.namespace);
        view! {
            <tr>
                <th scope="row">{link} <small>{named.kind.as_str()}</small></th>
                <td>{place}</td>
                <td>{standing_mark(Standing::of(seen))}</td>
                <td class="number">{seen.map(|it| format!("{}/{}", it.ready, it.replicas))}</td>
                <td class="number optional">{seen.map(|it| it.live.revision)}</td>
                <td class="optional">{seen.map(images)}</td>
            </tr>
        }
    };
    let heads = vec![
        column(common.workload),
        column(t.place),
        column(common.state),
        column(t.pods_ready).number(),
        column(common.revision).number().optional(),
        column(t.images).optional(),
    ];
    let rows: Vec<_> = members(service, seen).into_iter().map(row).collect();
    view! {
        <Panel id="workloads" title=t.workloads badge=number_of(rows.len(), None)>
            <Table label=t.workloads heads>
                {rows}
            </Table>
        </Panel>
    }
    .into_any()
}

fn images(workload: &Workload) -> AnyView {
    let image =
        |it: &domain::workloads::Image| view! { <div><code>{it.image.clone()}</code></div> };
    workload.live.images.iter().map(image).collect_view().into_any()
}

fn facts_panel(
    service: &Service,
    policy: &Stored<PolicyId, Policy>,
    open: Option<String>,
) -> AnyView {
    let t = texts(&services::TEXTS);
    let labels = if service.match_labels.is_empty() {
        t.matches_nothing.into_any()
    } else {
        let label = |(name, value): (&String, &String)| {
            view! { <div><code>{format!("{name}={value:?}")}</code></div> }
        };
        service.match_labels.iter().map(label).collect_view().into_any()
    };
    let pairs = [
        (t.team, service.team.clone().into_any()),
        (t.environment, service.environment.clone().into_any()),
        (t.policy, view! {
            <a href=format!("/policies/{}", policy.name)>{(t.version)(&policy.name, policy.version)}</a>
        }.into_any()),
        (t.matches, labels),
        (
            t.open_rollback,
            open.map_or_else(|| texts(&common::TEXTS).none.into_any(), rollback_link),
        ),
    ];
    view! {
        <Panel id="facts" title=t.facts>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}

fn checks_panel(checks: &[Check]) -> AnyView {
    let t = texts(&services::TEXTS);
    let common = texts(&common::TEXTS);
    let row = |check: &Check| {
        let effect = if check.blocking {
            mark(Tone::Warn, t.blocking)
        } else {
            mark(Tone::Idle, t.advisory)
        };
        view! {
            <tr>
                <th scope="row">{check.name.clone()}</th>
                <td>{what(&check.kind)}</td>
                <td>{effect}</td>
                <td class="optional">
                    {took(chrono::TimeDelta::seconds(i64::from(check.timeout_s)))}
                </td>
            </tr>
        }
    };
    let heads = vec![
        column(common.name),
        column(t.expects),
        column(t.effect),
        column(t.timeout).optional(),
    ];
    let content = if checks.is_empty() {
        empty(t.no_checks)
    } else {
        let rows = checks.iter().map(row).collect_view();
        view! {
            <Table label=t.checks heads>
                {rows}
            </Table>
        }
        .into_any()
    };
    view! {
        <Panel id="checks" title=t.checks badge=number_of(checks.len(), None)>
            {content}
        </Panel>
    }
    .into_any()
}

/// What is asked, and what the answer has to be.
fn what(kind: &CheckKind) -> AnyView {
    let t = texts(&services::TEXTS);
    let (asked, expected) = match kind {
        CheckKind::Http { url, method, expect } => {
            (format!("{} {url}", method.as_str()), expected(expect))
        }
        CheckKind::Promql { query, comparison, limit } => {
            (query.clone(), format!("{} {}", sign(*comparison), number(*limit)))
        }
        CheckKind::Kubernetes { condition, workload } => {
            let workload = workload.as_ref().map(|it| format!("{}/{}", it.kind.as_str(), it.name));
            (workload.unwrap_or_default(), (t.condition_of)(*condition).to_owned())
        }
        CheckKind::Chain(chain) => {
            let line = |it: &Request| {
                let asked = format!("{} {}", it.method.as_str(), it.url);
                view! { <li><code>{asked}</code> " " {expected(&it.expect)}</li> }
            };
            let lines = chain.steps.iter().chain(&chain.cleanup).map(line).collect_view();
            return view! { <ol>{lines}</ol> }.into_any();
        }
    };
    let asked = (!asked.is_empty()).then(|| view! { <code>{asked}</code> });
    view! { {asked} " " {expected} }.into_any()
}

fn expected(expect: &Expect) -> String {
    let t = texts(&services::TEXTS);
    let mut parts = vec![expect.status.to_string()];
    parts.extend(expect.json.iter().map(|(name, value)| format!("{name}: {value}")));
    parts.extend(expect.contains.as_deref().map(t.contains));
    parts.extend(expect.within_ms.map(|it| format!("≤ {it} ms")));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    (texts(&common::TEXTS).list)(&parts)
}

pub(super) fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Greater => ">",
        Comparison::Less => "<",
    }
}
