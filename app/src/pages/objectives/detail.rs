//! One domain: what its documents ask for, what was measured, and how the target came about.

use domain::access::Action;
use domain::objectives::{Bound, Dated, Objective, Source};
use domain::texts::objectives::{self, TEXTS};
use domain::texts::{common, measurements};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use store::measurements::{Filter, Kept};

use super::actions::EditObjective;
use super::{attained, finding, targets};
use crate::pages::ssr::read;
use crate::pages::ui::{
    Button, Head, Input, Panel, Sent, Stat, Table, Tone, badge, column, dialog, empty, facts,
    hidden, live, mark, page, stats, submit, when,
};
use crate::pages::visit::{texts, visit};

/// Of the newest measurements; the API has all of them.
const SHOWN: i64 = 20;

struct Shown {
    dated: Dated,
    history: Vec<Dated>,
    measured: Vec<Kept>,
    may_edit: bool,
}

#[component]
pub fn ObjectivePage() -> impl IntoView {
    let t = texts(&TEXTS);
    let name = use_params_map().with_untracked(|it| it.get("name").unwrap_or_default());
    page(t.title, async move {
        let shown = read(Action::Read, async |cx| {
            let dated = store::objectives::by_name(&cx.db, &name).await?;
            let filter =
                Filter { objective: Some(name.clone()), limit: SHOWN, ..Filter::default() };
            Ok(Shown {
                history: store::objectives::history(&cx.db, &name).await?,
                measured: store::measurements::list(&cx.db, &filter).await?,
                may_edit: cx.may(Action::EditObjective, &dated.objective.place()),
                dated,
            })
        })
        .await?;
        Ok(show(&shown))
    })
}

fn show(shown: &Shown) -> AnyView {
    let it = &shown.dated.objective;
    let kind = it.database.then(|| badge(Tone::Idle, texts(&TEXTS).database));
    let path = it.path.clone();
    view! {
        {live(format!("objectives/{} drills rollbacks", it.name))}
        <Head title=it.title().to_owned() badge=kind.into_any()>{path}</Head>
        {figures(shown)}
        {sources(shown)}
        {about(it)}
        {measured(&shown.measured)}
        {history(&shown.history)}
    }
    .into_any()
}

/// What holds, and the newest value of each.
fn figures(shown: &Shown) -> AnyView {
    let (lang, it) = (visit().lang, &shown.dated.objective);
    let names = texts(&measurements::TEXTS);
    let figure = |name: &str, bound: Option<Bound>| {
        let newest = shown.measured.iter().map(|it| &it.measurement).find(|it| it.name == name);
        Stat {
            label: (names.name_of)(name),
            value: newest.map_or_else(|| "–".to_owned(), |it| measurements::measured(lang, it)),
            verdict: newest
                .and_then(|it| it.verdict)
                .map(|it| (super::tone_of(Some(it)), (names.verdict_of)(it).to_owned())),
            target: objectives::bound(lang, bound),
        }
    };
    stats([
        figure(domain::measurements::RTO, it.rto()),
        figure(domain::measurements::RPO, it.rpo()),
    ])
}

/// Each document by itself; the stricter one is marked.
fn sources(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let it = &shown.dated.objective;
    let heads = vec![
        column(t.document),
        column("RTO"),
        column("RPO"),
        column(t.others),
        column(texts(&common::TEXTS).details),
    ];
    let rows: Vec<_> =
        it.sources.iter().enumerate().map(|(n, source)| source_row(shown, n, source)).collect();
    let add = shown.may_edit.then(|| edit(shown, None));
    view! {
        <Panel id="sources" title=t.sources note=add.into_any()>
            <Table label=t.sources heads=heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn source_row(shown: &Shown, position: usize, source: &Source) -> AnyView {
    let t = texts(&TEXTS);
    let it = &shown.dated.objective;
    let bound = |own: Option<Bound>, held: Option<Bound>| {
        let holds = (own.is_some() && own == held && it.sources.len() > 1)
            .then(|| view! { " " {mark(Tone::Ok, t.holds)} });
        view! { {objectives::bound(visit().lang, own)} {holds} }
    };
    let edit = shown.may_edit.then(|| edit(shown, Some((position, source))));
    view! {
        <tr>
            <th scope="row">{source.document.clone()} <small>{source.section.clone()}</small></th>
            <td>{bound(source.rto_s, it.rto())}</td>
            <td>{bound(source.rpo_s, it.rpo())}</td>
            <td>{targets(&source.targets)}</td>
            <td>{edit}</td>
        </tr>
    }
    .into_any()
}

fn edit(shown: &Shown, of: Option<(usize, &Source)>) -> AnyView {
    let t = texts(&TEXTS);
    let name = &shown.dated.objective.name;
    let (id, label) = match of {
        Some((position, _)) => (format!("{name}/{position}"), t.edit),
        None => (format!("{name}/new"), t.add_source),
    };
    let (version, only) = (shown.dated.version, shown.dated.objective.sources.len() == 1);
    let source = of.map(|(_, it)| it.clone());
    dialog::<EditObjective, _>(
        id,
        label,
        (Button::Plain, label),
        move |sent| view! { {hidden("version", version)} {fields(sent, source, only)} },
        submit(Button::Primary, t.change),
    )
}

fn fields(sent: &Sent, source: Option<Source>, only: bool) -> AnyView {
    let t = texts(&TEXTS);
    let removable = source.is_some() && !only;
    let text = |it: fn(&Source) -> String| source.as_ref().map(it).unwrap_or_default();
    let bound = |it: fn(&Source) -> Option<Bound>| {
        source.as_ref().and_then(it).map(|it| it.to_string()).unwrap_or_default()
    };
    let lines = |it: &Source| {
        let lines: Vec<_> = it.targets.iter().map(ToString::to_string).collect();
        lines.join("\n")
    };
    let fields = [
        Input::text("document", t.document).value(text(|it| it.document.clone())).required(),
        Input::text("section", t.section).value(text(|it| it.section.clone())),
        Input::text("rto_s", t.rto_s).value(bound(|it| it.rto_s)).hint(t.rto_hint),
        Input::text("rpo_s", t.rpo_s).value(bound(|it| it.rpo_s)).hint(t.rpo_hint),
        Input::area("targets", t.others).value(text(lines)).hint(t.others_hint),
    ];
    let fields = fields.map(|it| sent.field(it));
    let remove = removable.then(|| sent.field(Input::check("remove", "true", t.remove_source)));
    let reason = Input::text("reason", texts(&common::TEXTS).reason);
    view! { {fields.into_iter().collect_view()} {remove} {sent.field(reason.hint(t.reason_hint).required())} }
        .into_any()
}

fn about(it: &Objective) -> AnyView {
    let t = texts(&TEXTS);
    let signals = it.signals.iter().map(|it| view! { <div>{it.clone()}</div> }).collect_view();
    let service = |it: &String| {
        view! { <a href=format!("/services/{it}")>{it.clone()}</a> " " }
    };
    let services = it.services.iter().map(service).collect_view();
    let recovery = it.recovery.as_ref().map(|it| {
        let held = format!("≥ {} · {} s", it.at_least, it.hold_s);
        view! { <div>{t.recovery} " " <code>{it.query.clone()}</code> " " {held}</div> }
    });
    // The references are for who administers; that there are some is for everybody.
    let replication = it.replication.as_ref().map(|_| view! { <div>{t.replication}</div> });
    let none = (!it.reaches_out()).then_some(t.not_watched);
    let pairs = [
        (t.owner, it.team.clone().into_any()),
        (texts(&common::TEXTS).service, services.into_any()),
        (t.signals, signals.into_any()),
        (t.how, view! { {recovery} {replication} {none} }.into_any()),
    ];
    view! {
        <Panel id="about" title=texts(&common::TEXTS).details>
            <div class="body">{facts(pairs)}</div>
        </Panel>
    }
    .into_any()
}

fn measured(all: &[Kept]) -> AnyView {
    let t = texts(&TEXTS);
    let names = texts(&measurements::TEXTS);
    let row = |kept: &Kept| {
        let it = &kept.measurement;
        let version = it.objective.as_ref().map(|it| format!("{} {}", t.version, it.version));
        view! {
            <tr>
                <th scope="row">{(names.name_of)(&it.name)}</th>
                <td>{attained(it)}</td>
                <td>{belongs_to(&kept.subject)}</td>
                <td>{when(it.at)}</td>
                <td class="optional">{version}</td>
                <td class="optional">{finding(it)}</td>
            </tr>
        }
    };
    let heads = vec![
        column(texts(&common::TEXTS).name),
        column(t.attained),
        column(t.belongs_to),
        column(t.measured_at),
        column(t.judged_by).optional(),
        column(t.result).optional(),
    ];
    let content = match all.is_empty() {
        true => empty(t.never_measured),
        false => {
            let rows: Vec<_> = all.iter().map(row).collect();
            view! { <Table label=t.measurements heads=heads>{rows}</Table> }.into_any()
        }
    };
    view! { <Panel id="measurements" title=t.measurements>{content}</Panel> }.into_any()
}

/// With the way to it; a subject is spelled as its address.
fn belongs_to(subject: &str) -> AnyView {
    let number = subject.split_once('/').map_or(subject, |(_, it)| it).to_owned();
    view! { <a href=format!("/{subject}")>{number}</a> }.into_any()
}

fn history(versions: &[Dated]) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let row = |it: &Dated| {
        view! {
            <tr>
                <th scope="row">{it.version}</th>
                <td>{when(it.since)}</td>
                <td>{objectives::bound(lang, it.objective.rto())}</td>
                <td>{objectives::bound(lang, it.objective.rpo())}</td>
                <td class="optional">{targets(it.objective.targets())}</td>
                <td>{it.reason.clone()}</td>
                <td class="optional">{it.by.clone()}</td>
            </tr>
        }
    };
    let heads = vec![
        column(t.version),
        column(t.since),
        column("RTO"),
        column("RPO"),
        column(t.others).optional(),
        column(texts(&common::TEXTS).reason),
        column(t.changed_by).optional(),
    ];
    let rows: Vec<_> = versions.iter().map(row).collect();
    view! { <Panel id="history" title=t.history><Table label=t.history heads=heads>{rows}</Table></Panel> }.into_any()
}
