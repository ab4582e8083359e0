//! Taking over an older ledger: a file, its preview, and the button that writes all of it.

use domain::access::Action;
use domain::drills::ledger::Column;
use domain::drills::ledger::import::{Entry, Problem};
use domain::texts::drills::TEXTS;
use domain::texts::{Lang, ledger};
use leptos::prelude::*;

use super::actions::ImportDrills;
use super::{IMPORT, bound, measured, standing, tone_of};
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Button, Head, Panel, Query, Table, Tone, badge, column, digest, empty, form, hidden, mark,
    page, submit, when_short,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::drills::import::{Preview, uploaded};

/// So many rows and so many problems are shown.
const MOST_SHOWN: usize = 200;

/// What was uploaded, if it is still there.
enum Shown {
    Nothing,
    Gone,
    Uploaded { id: String, name: String, preview: Preview },
}

#[component]
pub fn ImportPage() -> impl IntoView {
    let l = texts(&ledger::TEXTS);
    let query = Query::here();
    page(l.import, async move {
        let file = query.get("file");
        let shown = read(Action::PlanDrill, async |cx| load(cx, file).await).await?;
        let content = match shown {
            Shown::Nothing => view! { {chooser(l.file)} {columns()} }.into_any(),
            Shown::Gone => view! {
                <p class="notice" role="alert" data-state="warn">{l.gone}</p>
                {chooser(l.file)}
            }
            .into_any(),
            Shown::Uploaded { id, name, preview } => {
                view! { {previewed(id, &name, &preview)} {chooser(l.other_file)} }.into_any()
            }
        };
        Ok(view! {
            <Head title=l.import>{l.import_lede}</Head>
            {content}
        })
    })
}

async fn load(cx: &Context, file: Option<String>) -> Result<Shown, Error> {
    let Some(id) = file else { return Ok(Shown::Nothing) };
    let Ok(upload) = id.parse() else { return Ok(Shown::Gone) };
    match uploaded(cx, upload).await {
        Ok((name, preview)) => Ok(Shown::Uploaded { id, name, preview }),
        Err(Error::NotFound) => Ok(Shown::Gone),
        Err(other) => Err(other),
    }
}

/// The form with the file; a file is no field of a server function.
fn chooser(title: &'static str) -> AnyView {
    let l = texts(&ledger::TEXTS);
    let lang = visit().lang;
    let answer = visit().answer.filter(|it| it.form == IMPORT);
    let said = answer.and_then(|it| {
        it.said.now();
        let error = it.error.as_ref()?;
        let text = match error {
            Error::Invalid(faults) => {
                faults.0.iter().map(|it| it.1.text(lang)).collect::<Vec<_>>().join(" ")
            }
            other => other.text(lang),
        };
        Some(view! { <p class="notice" role="alert" data-state="bad">{text}</p> })
    });
    view! {
        <Panel id="file" title=title>
            <div class="body">
                {said}
                <form
                    class="form"
                    method="post"
                    action="/drills/import"
                    enctype="multipart/form-data"
                >
                    <div class="field">
                        <label for="import-file">{l.file}</label>
                        <input
                            id="import-file"
                            type="file"
                            name="file"
                            accept=".csv,text/csv"
                            required=true
                            aria-describedby="import-hint"
                        />
                        <small id="import-hint">{l.file_note}</small>
                    </div>
                    {submit(Button::Primary, l.preview)}
                </form>
                <p><small>{l.import_note}</small></p>
            </div>
        </Panel>
    }
    .into_any()
}

/// Every head that is known, as the reader's language calls it.
fn columns() -> AnyView {
    let l = texts(&ledger::TEXTS);
    let lang = visit().lang;
    let heads = Column::all().into_iter().map(|it| it.head(lang)).collect::<Vec<_>>();
    view! {
        <details>
            <summary>{l.columns_note}</summary>
            <p>{(texts(&domain::texts::common::TEXTS).list)(&heads)}</p>
        </details>
    }
    .into_any()
}

fn previewed(id: String, name: &str, preview: &Preview) -> AnyView {
    let l = texts(&ledger::TEXTS);
    let title = (l.preview_of)(name, preview.entries.len());
    let problems = (!preview.problems.is_empty()).then(|| problems(&preview.problems));
    let rows = match preview.entries.is_empty() {
        true => empty(l.none),
        false => rows(&preview.entries),
    };
    let cut = cut(preview.entries.len());
    let confirm = preview.problems.is_empty().then(|| confirm(id, preview));
    view! {
        {problems}
        <Panel id="preview" title=title>
            {confirm}
            {rows}
            {cut}
        </Panel>
    }
    .into_any()
}

fn cut(all: usize) -> Option<AnyView> {
    let l = texts(&ledger::TEXTS);
    (all > MOST_SHOWN)
        .then(|| view! { <p class="empty">{(l.shown_of)(MOST_SHOWN, all)}</p> }.into_any())
}

fn problems(problems: &[Problem]) -> AnyView {
    let l = texts(&ledger::TEXTS);
    let lang = visit().lang;
    let heads = vec![column(l.line), column(l.column), column(l.problem)];
    let rows = problems.iter().take(MOST_SHOWN).map(|it| problem(it, lang)).collect_view();
    let badge = badge(Tone::Bad, (l.problems_of)(problems.len()));
    let cut = cut(problems.len());
    view! {
        <Panel id="problems" title=l.problems badge=badge tone=Tone::Bad>
            <div class="body" role="alert">
                <p>{l.nothing_imported}</p>
            </div>
            <Table label=l.problems heads=heads>{rows}</Table>
            {cut}
        </Panel>
    }
    .into_any()
}

fn problem(it: &Problem, lang: Lang) -> impl IntoView + use<> {
    let l = texts(&ledger::TEXTS);
    let column = it.column.as_ref().map(|it| it.text(lang).to_owned());
    view! {
        <tr>
            <th scope="row">{it.line.map_or("–".to_owned(), |it| it.to_string())}</th>
            <td>{column}</td>
            <td>{(l.why)(&it.why)}</td>
        </tr>
    }
}

fn confirm(id: String, preview: &Preview) -> AnyView {
    let l = texts(&ledger::TEXTS);
    let (hash, count) = (preview.digest.to_string(), preview.entries.len());
    let form = form::<ImportDrills, _>(id, |_| {
        Some(view! {
            {hidden("digest", hash)}
            {submit(Button::Primary, (l.confirm)(count))}
        })
    });
    view! {
        <div class="body">
            <p>{l.confirm_note} " " {digest(preview.digest.as_str())}</p>
            {form}
        </div>
    }
    .into_any()
}

fn rows(entries: &[Entry]) -> AnyView {
    let (t, l) = (texts(&TEXTS), texts(&ledger::TEXTS));
    let heads = vec![
        column(t.number),
        column(l.line).number(),
        column(l.becomes),
        column(t.scenario),
        column(t.lead),
        column(t.t0_t1),
        column(l.results),
        column(l.notes),
    ];
    let rows = entries.iter().take(MOST_SHOWN).map(row).collect_view();
    view! { <Table label=l.preview heads=heads>{rows}</Table> }.into_any()
}

fn row(it: &Entry) -> impl IntoView + use<> {
    let (t, l) = (texts(&TEXTS), texts(&ledger::TEXTS));
    let drill = &it.drill;
    let (tone, word) = standing(drill);
    let results = drill.measurements.iter().map(|it| {
        let target = drill.targets.iter().find(|target| target.name == it.name).map(bound);
        let said =
            format!("{} {} {}", (t.metric_of)(&it.name), measured(it), target.unwrap_or_default());
        view! { <div>{mark(it.verdict.map_or(Tone::Idle, tone_of), said.trim_end())}</div> }
    });
    let notes = it.notes.iter().map(|it| view! { <small>{(l.note)(it)}</small> });
    let ended = drill.times.t1.map(|it| view! { <small>"T1 " {when_short(it)}</small> });
    let script = drill.script.clone().map(|it| view! { <small>{it}</small> });
    view! {
        <tr>
            <th scope="row">{drill.number.clone()}</th>
            <td class="number">{it.line.to_string()}</td>
            <td>{badge(tone, word)}</td>
            <td>{drill.scenario.clone()} {script}</td>
            <td>{drill.lead.clone()} <small>{drill.participants.join(", ")}</small></td>
            <td>{drill.times.t0.map(when_short)} {ended}</td>
            <td>{results.collect_view()}</td>
            <td>{notes.collect_view()}</td>
        </tr>
    }
}
