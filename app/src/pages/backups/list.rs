use domain::access::Action;
use domain::backups::{Finding, Freshness, Offsite};
use domain::texts::ago;
use domain::texts::backups::TEXTS;
use leptos::either::Either;
use leptos::prelude::*;

use super::{age_bar, finding_mark, state_badge, tone_of};
use crate::pages::ssr::entered;
use crate::pages::ui::{
    Head, Input, Panel, Query, Stat, Table, Tone, column, empty, filters, live, number_of, page,
    stats, when_short,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::backups::{Standing, matrix};

/// Columns of the matrix.
const COLUMNS: usize = 8;

#[component]
pub fn BackupsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let all = matrix(&entered(Action::Read)?).await?;
        let count =
            |of: fn(Freshness) -> bool| all.iter().filter(|it| of(it.assessed.freshness)).count();
        let lede =
            (t.lede)(all.len(), count(Freshness::is_red), count(|it| it == Freshness::Unknown));
        let figures = stats(Freshness::ALL.iter().map(|it| figure(*it, &all)));
        let fields = fields(&query, &all);
        let none = if all.is_empty() { t.empty } else { t.none_found };
        let rows: Vec<Standing> = all.into_iter().filter(|it| fits(it, &query)).collect();
        let findings = findings_panel(&rows);
        let content = match rows.is_empty() {
            true => Either::Left(empty(none)),
            false => Either::Right(table(&rows)),
        };
        let note = view! { <small>{t.matrix_note}</small> }.into_any();
        Ok(view! {
            {live("backups")}
            <Head title=t.title>{lede}</Head>
            {figures}
            {findings}
            {filters(&query, fields)}
            <Panel id="matrix" title=t.matrix badge=number_of(rows.len(), None) note=note>
                {content}
            </Panel>
        })
    })
}

fn figure(freshness: Freshness, all: &[Standing]) -> Stat {
    let t = texts(&TEXTS);
    let count = all.iter().filter(|it| it.assessed.freshness == freshness).count();
    let tone = if count == 0 { Tone::Idle } else { tone_of(freshness) };
    Stat {
        label: (t.state_of)(freshness).to_owned(),
        value: count.to_string(),
        verdict: Some((tone, (t.state_means)(freshness).to_owned())),
        target: String::new(),
    }
}

fn fields(query: &Query, all: &[Standing]) -> AnyView {
    let t = texts(&TEXTS);
    let mut domains: Vec<&str> = all.iter().map(|it| it.row.domain.as_str()).collect();
    let mut owners: Vec<&str> = all.iter().map(|it| it.row.owner.as_str()).collect();
    for names in [&mut domains, &mut owners] {
        names.sort_unstable();
        names.dedup();
    }
    let same = |names: Vec<&str>| -> Vec<(String, String)> {
        names.into_iter().map(|it| (it.to_owned(), it.to_owned())).collect()
    };
    let states = Freshness::ALL.iter().map(|it| (it.as_str(), (t.state_of)(*it)));
    view! {
        {query.choice("domain", t.domain, same(domains))}
        {query.choice("owner", t.owner, same(owners))}
        {query.choice("state", t.freshness, states)}
        {query.field(Input::check("findings", "true", t.only_findings))}
    }
    .into_any()
}

fn fits(it: &Standing, query: &Query) -> bool {
    let is = |name: &str, value: &str| query.get(name).is_none_or(|asked| asked == value);
    is("domain", &it.row.domain)
        && is("owner", &it.row.owner)
        && is("state", it.assessed.freshness.as_str())
        && (query.get("findings").is_none() || !it.findings.is_empty())
}

/// What is wrong, row by row: first the rows in which something is grave. Each with who answers for it.
fn findings_panel(rows: &[Standing]) -> AnyView {
    let t = texts(&TEXTS);
    let grave = |it: &Standing| it.findings.iter().any(Finding::is_grave);
    let mut found: Vec<&Standing> = rows.iter().filter(|it| !it.findings.is_empty()).collect();
    found.sort_by_key(|it| !grave(it));
    let count = found.iter().map(|it| it.findings.len()).sum();
    let tone = found.first().map(|it| if grave(it) { Tone::Bad } else { Tone::Warn });
    let badge = number_of(count, tone);
    let content = match found.is_empty() {
        true => Either::Left(empty(t.no_findings)),
        false => {
            let heads = vec![column(t.artefact), column(t.findings), column(t.owner)];
            let row = |it: &Standing| {
                let each = |it: &Finding| view! { <div>{finding_mark(it)}</div> };
                let each: Vec<_> = it.findings.iter().map(each).collect();
                view! {
                    <tr>
                        <th scope="row">{link(it)}</th>
                        <td>{each}</td>
                        <td>{it.row.owner.clone()}</td>
                    </tr>
                }
            };
            let rows: Vec<_> = found.into_iter().map(row).collect();
            Either::Right(view! { <Table label=t.findings heads>{rows}</Table> })
        }
    };
    view! { <Panel id="findings" title=t.findings badge=badge>{content}</Panel> }.into_any()
}

fn link(it: &Standing) -> AnyView {
    let href = format!("/backups/{}", it.row.name);
    view! { <a href=href>{it.row.artefact.clone()}</a> <small>{it.row.name.clone()}</small> }
        .into_any()
}

fn table(rows: &[Standing]) -> AnyView {
    let t = texts(&TEXTS);
    let heads = vec![
        column(t.artefact),
        column(t.freshness),
        column(t.newest),
        column(t.interval).number(),
        column(t.retention),
        column(t.place).optional(),
        column(t.offsite).optional(),
        column(t.owner).optional(),
    ];
    // They come in the order of their domains.
    let groups = rows.chunk_by(|a, b| a.row.domain == b.row.domain).map(|rows| {
        let domain = rows.first().map(|it| it.row.domain.clone());
        let rows: Vec<_> = rows.iter().map(row).collect();
        view! {
            <tr>
                <th scope="rowgroup" colspan=COLUMNS>{domain}</th>
            </tr>
            {rows}
        }
    });
    let groups: Vec<_> = groups.collect();
    view! { <Table label=t.matrix heads>{groups}</Table> }.into_any()
}

fn row(it: &Standing) -> AnyView {
    let t = texts(&TEXTS);
    let Standing { row, assessed, findings, .. } = it;
    let state = assessed.freshness;
    let newest = assessed.newest.as_ref().zip(assessed.age);
    let newest = newest.map(|((_, at), age)| {
        view! { {ago(visit().lang, age)} <small>{when_short(*at)}</small> }
    });
    let kept = (t.kept)(&row.retention);
    let kept = if kept.is_empty() { t.not_stated.to_owned() } else { kept };
    let count = (!findings.is_empty()).then(|| number_of(findings.len(), Some(Tone::Warn)));
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/backups/{}", row.name)>{row.artefact.clone()}</a>
                <small>{row.method.clone()}</small>
            </th>
            <td data-state=tone_of(state).as_str()>
                {state_badge(state)} " " {count} " " {age_bar(row, assessed)}
            </td>
            <td>{newest}</td>
            <td class="number">{(t.pace)(row.pace())}</td>
            <td>{kept}</td>
            <td class="optional"><code>{row.place.clone()}</code></td>
            <td class="optional">{row.offsite.as_ref().map(offsite)}</td>
            <td class="optional">{row.owner.clone()}</td>
        </tr>
    }
    .into_any()
}

fn offsite(it: &Offsite) -> AnyView {
    let within = (texts(&TEXTS).within)(it.within_s);
    view! { <code>{it.place.clone()}</code> <small>{within}</small> }.into_any()
}
