//! The audit log: who did what, and whether the chain over it is whole.

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::access::Action;
use domain::audit::Checkpoint;
use domain::texts::{audit, common};
use leptos::either::Either;
use leptos::prelude::*;
use serde_json::Value;
use store::audit::list::{Filter, Sealed};

use super::admin;
use super::ssr::read;
use super::ui::{
    Head, Input, Panel, Query, Table, Tone, column, command, digest, empty, facts, filters, live,
    mark, page, pager, when, when_short,
};
use super::visit::{texts, visit};

/// Rows of one page.
const PAGE: i64 = 50;

#[component]
pub fn AuditPage() -> impl IntoView {
    let t = texts(&audit::TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let filter = filter(&query);
        let (mut rows, unsealed, checkpoint) = read(Action::Read, async |cx| {
            Ok((
                store::audit::list::list(&cx.db, &filter).await?,
                store::audit::list::unsealed(&cx.db).await?,
                store::audit::chain::latest_checkpoint(&cx.db).await?,
            ))
        })
        .await?;
        let more = rows.len() as i64 > PAGE;
        rows.truncate(PAGE as usize);
        let next = rows.last().filter(|_| more).map(|it| it.entry.seq.to_string());
        let content = match rows.is_empty() {
            true => Either::Left(empty(t.nothing)),
            false => Either::Right(table(rows)),
        };
        Ok(view! {
            <Head title=t.title>{t.lede}</Head>
            {chain(unsealed, checkpoint)}
            {fields(&query)}
            <section class="panel" aria-label=t.title>{content}</section>
            {pager(&query, next.as_deref())}
            {query.get("cursor").is_none().then(|| live("audit"))}
        })
    })
}

fn filter(query: &Query) -> Filter {
    Filter {
        actor: query.get("actor"),
        action: query.get("action"),
        subject: query.get("subject"),
        from: moment(query, "from"),
        to: moment(query, "to"),
        text: query.get("text"),
        before: query.get("cursor").and_then(|it| it.parse().ok()),
        limit: PAGE + 1,
    }
}

/// A day and a time in the reader's zone, as the field gives it. Where the clock is put forward there is no
/// such moment, and nothing is asked for.
fn moment(query: &Query, name: &str) -> Option<DateTime<Utc>> {
    let text = query.get(name)?;
    let parse = |format| NaiveDateTime::parse_from_str(&text, format).ok();
    let local = parse("%Y-%m-%dT%H:%M").or_else(|| parse("%Y-%m-%dT%H:%M:%S"))?;
    Some(local.and_local_timezone(visit().zone).earliest()?.to_utc())
}

fn fields(query: &Query) -> impl IntoView + use<> {
    let t = texts(&audit::TEXTS);
    let actions = Action::ALL.iter().map(|it| (it.as_str(), it.as_str()));
    filters(
        query,
        view! {
            {query.field(Input::search("actor", t.actor))}
            {query.choice("action", t.action, actions)}
            {query.field(Input::search("subject", t.subject))}
            {query.field(Input::moment("from", t.from))}
            {query.field(Input::moment("to", t.to))}
            {query.field(Input::search("text", t.text))}
        },
    )
}

fn chain(unsealed: i64, checkpoint: Option<Checkpoint>) -> impl IntoView {
    let t = texts(&audit::TEXTS);
    let sealed = match unsealed {
        0 => mark(Tone::Ok, t.all_sealed),
        count => mark(Tone::Warn, (t.unsealed)(count)),
    };
    let signed = match &checkpoint {
        Some(it) => view! { {when(it.at)} " " <small>{(t.up_to)(it.seq)}</small> }.into_any(),
        None => mark(Tone::Idle, t.no_checkpoint),
    };
    let head = checkpoint.map(|it| digest(&format!("sha256:{}", it.head_hex())));
    let mut pairs = vec![(t.sealed, sealed), (t.last_checkpoint, signed)];
    pairs.extend(head.map(|it| (t.head, it)));
    pairs.push((t.how_to_verify, command("lifeboat audit verify --public-key audit-key.pub.pem")));
    view! {
        <Panel id="chain" title=t.chain>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
}

fn table(rows: Vec<Sealed>) -> impl IntoView {
    let t = texts(&audit::TEXTS);
    let heads = vec![
        column(t.seq).number(),
        column(texts(&common::TEXTS).at),
        column(t.actor),
        column(t.action),
        column(t.subject),
        column(t.changed).optional(),
        column(t.hash).optional(),
    ];
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    view! { <Table label=t.title heads>{rows}</Table> }
}

fn row(Sealed { entry, seal }: Sealed) -> impl IntoView {
    // The whole hash is in the API and in an export; here it tells entries apart.
    let hash = seal.map(|it| view! { <code>{it.hash_hex()[..12].to_owned()}</code> });
    view! {
        <tr>
            <th scope="row" class="number">{entry.seq}</th>
            <td>{when_short(entry.at)}</td>
            <td>{entry.actor}</td>
            <td class="word"><code>{entry.action}</code></td>
            <td>{subject(entry.subject)}</td>
            <td class="optional">{changed(&entry.details)}</td>
            <td class="optional word">{hash}</td>
        </tr>
    }
}

/// So many characters of details stand in the row; more are folded away.
const SHORT: usize = 120;

fn changed(details: &Value) -> Option<AnyView> {
    let members = details.as_object().filter(|it| !it.is_empty())?;
    let whole = details.to_string();
    if whole.len() <= SHORT {
        return Some(view! { <code>{whole}</code> }.into_any());
    }
    let names = members.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let whole = serde_json::to_string_pretty(details).unwrap_or(whole);
    let folded = view! {
        <details>
            <summary>{names}</summary>
            <pre>{whole}</pre>
        </details>
    };
    Some(folded.into_any())
}

/// A link where the subject has a page.
fn subject(subject: String) -> AnyView {
    let href = match subject.split_once('/') {
        Some(("rollbacks" | "drills" | "services" | "runs", _)) => Some(format!("/{subject}")),
        Some(("users", name)) => Some(admin::users::address(name)),
        _ => None,
    };
    match href {
        Some(href) => view! { <a href=href>{subject}</a> }.into_any(),
        None => subject.into_any(),
    }
}
