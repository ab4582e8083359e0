use std::collections::HashMap;

use domain::access::Action;
use domain::catalog::Stored;
use domain::ids::{PolicyId, ServiceId};
use domain::policies::Policy;
use domain::services::{Service, Standing};
use domain::texts::{common, services};
use domain::workloads::Workload;
use leptos::prelude::*;

use super::{mode_badge, rollback_link, standing, standing_mark};
use crate::pages::ssr::read;
use crate::pages::ui::{Head, Input, Query, Table, column, empty, filters, live, page, pager};
use crate::pages::visit::texts;

const PER_PAGE: usize = 100;

#[component]
pub fn ServicesPage() -> impl IntoView {
    let t = texts(&services::TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let (rows, next) = read(Action::Read, async |cx| rows(&cx.db, &query).await).await?;
        let unwell = rows.iter().filter(|it| it.standing != Standing::Well).count();
        let none = if query.get("team").or(query.get("search")).is_some() {
            t.none_found
        } else {
            t.empty
        };
        let lede = (t.lede)(rows.len(), unwell);
        let fields = view! {
            {query.field(Input::search("search", t.search))}
            {query.field(Input::text("team", t.team))}
        };
        let content =
            if rows.is_empty() { empty(none) } else { view! { <ServiceTable rows /> }.into_any() };
        Ok(view! {
            {live("services policies workloads rollbacks")}
            <Head title=t.title>{lede}</Head>
            {filters(&query, fields)}
            <section class="panel" aria-label=t.title>
                {content}
            </section>
            {pager(&query, next.as_deref())}
        })
    })
}

struct Row {
    service: Service,
    policy: Option<Policy>,
    standing: Standing,
    /// The number of its open rollback.
    open: Option<String>,
}

/// The rows of this page, and where the next begins.
async fn rows(
    db: &sqlx::PgPool,
    query: &Query,
) -> Result<(Vec<Row>, Option<String>), crate::pages::error::Error> {
    let [team, search, cursor] = ["team", "search", "cursor"].map(|it| query.get(it));
    let filter = store::services::Filter {
        name: None,
        team: team.as_deref(),
        search: search.as_deref(),
        after: cursor.as_deref(),
    };
    let mut found = store::services::page(db, &filter, PER_PAGE as i64 + 1).await?;
    let next = (found.len() > PER_PAGE).then(|| {
        found.truncate(PER_PAGE);
        found.last().map(|it| it.name.clone())
    });
    let ids: Vec<ServiceId> = found.iter().map(|it| it.id).collect();
    let mut seen: HashMap<Option<ServiceId>, Vec<Workload>> = HashMap::new();
    for workload in store::workloads::by_services(db, &ids).await? {
        seen.entry(workload.service).or_default().push(workload);
    }
    let policies = store::policies::list(db).await?;
    let open = store::rollbacks::Filter { open: true, limit: 500, ..Default::default() };
    let open = store::rollbacks::list(db, &open).await?;
    let row = |service: Stored<ServiceId, Service>| {
        let seen = seen.get(&Some(service.id)).map_or(&[][..], Vec::as_slice);
        let of = |it: &&Stored<PolicyId, Policy>| it.name == service.policy;
        Row {
            policy: policies.iter().find(of).map(|it| it.entry.clone()),
            standing: standing(&service, seen),
            open: open.iter().find(|it| it.service == service.id).map(|it| it.number.clone()),
            service: service.entry,
        }
    };
    Ok((found.into_iter().map(row).collect(), next.flatten()))
}

#[component]
fn ServiceTable(rows: Vec<Row>) -> impl IntoView {
    let t = texts(&services::TEXTS);
    let common = texts(&common::TEXTS);
    let row = |Row { service, policy, standing, open }: Row| {
        let href = format!("/services/{}", service.name);
        view! {
            <tr>
                <th scope="row">
                    <a href=href>{service.name}</a>
                </th>
                <td>{service.team}</td>
                <td class="optional">{service.environment}</td>
                <td>{policy.map(|it| mode_badge(it.mode))}</td>
                <td>{standing_mark(standing)}</td>
                <td class="number optional">{service.workloads.len()}</td>
                <td>{open.map(rollback_link)}</td>
            </tr>
        }
    };
    let heads = vec![
        column(common.service),
        column(t.team),
        column(t.environment).optional(),
        column(t.mode),
        column(common.state),
        column(t.workloads).number().optional(),
        column(t.open_rollback),
    ];
    view! { <Table label=t.title heads>{rows.into_iter().map(row).collect_view()}</Table> }
}
