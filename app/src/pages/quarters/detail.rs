use domain::access::{Action, Place};
use domain::quarters::report::{Report, State, path};
use domain::quarters::{Addendum, Quarter, What};
use domain::texts::quarters::TEXTS;
use domain::texts::trends::{Line, lines};
use domain::texts::{bytes, reports, time, trends};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde_json::Value;
use store::quarters::ClosedRow;

use super::actions::CloseQuarter;
use crate::pages::ssr::context;
use crate::pages::ui::{
    Button, Head, Panel, Query, Table, Tone, badge, column, digest, empty, facts, form, live, page,
    pager, submit, when,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::quarters::{self as wishes, Closed};

/// Rows of one page.
const PAGE: i64 = 50;

/// Of a value in an addendum, in characters.
const LONGEST: usize = 200;

#[component]
pub fn QuarterPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    let name = use_params_map().get_untracked().get("quarter").unwrap_or_default();
    page(t.title, async move {
        let cx = context()?;
        let closed = wishes::look(&cx, &name).await?;
        let period = wishes::quarter(&name)?;
        let Some(closed) = closed else {
            let over = period.has_ended(&cx.zone, cx.now);
            return Ok(open(&name, over));
        };
        let after = query.get("cursor");
        let mut rows = store::quarters::rows(&cx.db, period, after.as_deref(), PAGE + 1).await?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let next = rows.last().filter(|_| more).map(|it| it.fact.subject.clone());
        let quarter = &closed.quarter;
        let closed_at = time(quarter.closed_at, &visit().zone);
        let lede = (t.closed_lede)(&name, &quarter.closed_by, &closed_at);
        let state = match closed.addenda.len() {
            0 => badge(Tone::Ok, t.closed),
            n => badge(Tone::Warn, format!("{} · {} {n}", t.closed, t.addendum)),
        };
        Ok(view! {
            {live("quarters drills rollbacks")}
            <Head title=name.clone() badge=state>{lede}</Head>
            {report(&closed)}
            {facts_of(&closed)}
            {figures(quarter)}
            {addendum(&closed)}
            {frozen(rows)}
            {pager(&query, next.as_deref())}
        }
        .into_any())
    })
}

/// One that is not closed: what it takes to close it.
fn open(name: &str, over: bool) -> AnyView {
    let t = texts(&TEXTS);
    let (lede, state) = match over {
        true => ((t.open_lede)(name), badge(Tone::Warn, t.open)),
        false => ((t.goes_on_lede)(name), badge(Tone::Idle, t.goes_on)),
    };
    let may = visit().may(Action::CloseQuarter, &Place::default());
    let close = over.then(|| {
        let form = form::<CloseQuarter, _>(name, |_| {
            may.then(|| view! { <p>{t.close_note}</p> {submit(Button::Primary, t.close)} })
        });
        let who = (!may).then(|| view! { <p>{t.only_pmo}</p> });
        view! {
            <Panel id="close" title=t.close tone=Tone::Live>
                <div class="body">{form} {who}</div>
            </Panel>
        }
    });
    let href = format!("/trends?to={name}");
    let trends = texts(&trends::TEXTS).title;
    view! {
        {live("quarters")}
        <Head
            title=name.to_owned()
            badge=state
            actions=view! { <a class="button quiet" href=href>{trends}</a> }.into_any()
        >
            {lede}
        </Head>
        {close}
    }
    .into_any()
}

/// The printed report, or what keeps it from being there.
fn report(closed: &Closed) -> Option<AnyView> {
    let t = texts(&reports::TEXTS);
    let report = closed.report.as_ref()?;
    let (state, content) = match (&report.state, &closed.erased) {
        (State::Stored { .. }, Some(reason)) => {
            (badge(Tone::Idle, t.stored), view! { <p>{(t.erased)(reason)}</p> }.into_any())
        }
        (State::Stored { file, at }, None) => {
            let href = format!("/quarters/{}/report.pdf", report.period);
            let list = facts([
                (t.stored_at, when(*at)),
                (t.place, path(report.period).into_any()),
                (t.file, digest(file.sha256.as_str())),
            ]);
            let size = bytes(file.size);
            let content = view! {
                <p><a class="button primary" href=href download="">{t.download} " · " {size}</a></p>
                {list}
            };
            (badge(Tone::Ok, t.stored), content.into_any())
        }
        (State::Due { .. }, _) => waiting(report),
    };
    Some(
        view! {
            <Panel id="report" title=t.report badge=state>
                <div class="body">{content}</div>
            </Panel>
        }
        .into_any(),
    )
}

/// A badge, and what the reader can expect.
fn waiting(report: &Report) -> (AnyView, AnyView) {
    let t = texts(&reports::TEXTS);
    match (&report.state, report.again_at()) {
        (State::Due { failed: Some(failed), .. }, Some(again)) => {
            let again = time(again, &visit().zone);
            let note = (t.not_stored_note)((t.fault_of)(failed.fault), failed.tries, &again);
            (badge(Tone::Bad, t.not_stored), view! { <p role="status">{note}</p> }.into_any())
        }
        _ => {
            let note = view! { <p role="status">{t.being_made_note}</p> };
            (badge(Tone::Live, t.being_made), note.into_any())
        }
    }
}

fn facts_of(closed: &Closed) -> AnyView {
    let t = texts(&TEXTS);
    let it = &closed.quarter;
    let head = match &it.audit {
        Some(head) => view! { {head.entry} " " {digest(&head.hash)} }.into_any(),
        None => t.no_audit_head.into_any(),
    };
    let list = facts([
        (t.from, when(it.starts)),
        (t.until, when(it.ends)),
        (t.closed_by, it.closed_by.clone().into_any()),
        (t.closed_at, when(it.closed_at)),
        (t.rows, it.rows.into_any()),
        (t.digest, digest(it.digest.as_str())),
        (t.audit_head, head),
    ]);
    view! {
        <Panel id="facts" title=t.facts>
            <div class="body">{list}</div>
        </Panel>
    }
    .into_any()
}

fn figures(quarter: &Quarter) -> AnyView {
    let t = texts(&TEXTS);
    let words = texts(&trends::TEXTS);
    let lang = visit().lang;
    let mut heads = vec![column(words.figure), column(quarter.period.to_string()).number()];
    heads.push(column(words.measured).number());
    heads.extend(quarter.months.iter().map(|it| column(it.period.to_string()).number().optional()));
    let months: Vec<_> = quarter.months.iter().map(|it| lines(lang, &it.figures)).collect();
    let row = |(n, line): (usize, Line)| {
        let cells = months.iter().map(|it| {
            let value = it.get(n).map(|it| it.value.clone());
            view! { <td class="number optional">{value}</td> }
        });
        let cells = cells.collect_view();
        view! {
            <tr>
                <th scope="row">{line.name}</th>
                <td class="number">{line.value}</td>
                <td class="number"><small>{line.rows}</small></td>
                {cells}
            </tr>
        }
    };
    let rows = lines(lang, &quarter.figures).into_iter().enumerate().map(row).collect_view();
    view! {
        <Panel id="figures" title=t.figures>
            <Table label=t.figures heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn addendum(closed: &Closed) -> AnyView {
    let t = texts(&TEXTS);
    let row = |it: &Addendum| {
        let change = closed.changes.get(&it.subject);
        let what: Vec<AnyView> = match &it.what {
            What::Added => vec![t.added.into_any()],
            What::Gone => vec![t.gone.into_any()],
            What::Changed { fields } => fields
                .iter()
                .map(|it| {
                    let said = (t.changed)(&it.name, &short(&it.closed), &short(&it.now));
                    view! { <div>{said}</div> }.into_any()
                })
                .collect(),
        };
        view! {
            <tr>
                <th scope="row">{opened(&it.subject)}</th>
                <td>{what}</td>
                <td class="optional">{change.map(|it| when(it.0))}</td>
                <td class="optional">{change.map(|it| it.1.clone())}</td>
            </tr>
        }
    };
    let content = match closed.addenda.is_empty() {
        true => empty(t.no_addendum),
        false => {
            let heads = vec![
                column(t.row),
                column(t.what),
                column(t.changed_at).optional(),
                column(t.changed_by).optional(),
            ];
            let rows = closed.addenda.iter().map(row).collect_view();
            view! { <Table label=t.addendum heads>{rows}</Table> }.into_any()
        }
    };
    view! {
        <Panel id="addendum" title=t.addendum note=t.addendum_note.into_any()>{content}</Panel>
    }
    .into_any()
}

/// The way to a row; what is measured again and again has none of its own.
fn opened(subject: &str) -> AnyView {
    let name = subject.to_owned();
    match subject.starts_with("measurements/") {
        true => name.into_any(),
        false => view! { <a href=format!("/{subject}")>{name}</a> }.into_any(),
    }
}

/// What stood in a member of a row; a long one is cut.
fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn frozen(rows: Vec<ClosedRow>) -> AnyView {
    let t = texts(&TEXTS);
    let row = |it: ClosedRow| {
        let subject = it.fact.subject;
        let of = |name: &str| it.fact.facts[name].as_str().unwrap_or_default().to_owned();
        view! {
            <tr>
                <th scope="row">{opened(&subject)}</th>
                <td>{of("service")}</td>
                <td class="optional">{digest(&it.digest)}</td>
            </tr>
        }
    };
    let content = match rows.is_empty() {
        true => empty(t.no_rows),
        false => {
            let heads = vec![column(t.row), column(t.service), column(t.row_digest).optional()];
            let rows = rows.into_iter().map(row).collect_view();
            view! { <Table label=t.rows heads>{rows}</Table> }.into_any()
        }
    };
    view! { <Panel id="rows" title=t.rows>{content}</Panel> }.into_any()
}
