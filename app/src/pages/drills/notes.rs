//! What went wrong, and what is to be done about it.

use domain::drills::{ActionItem, CLOSURE, CauseClass, Criterion, Issue, State, Ticket};
use domain::texts::drills::TEXTS;
use leptos::prelude::*;

use super::actions::{AddAction, AddIssue, AddTicket, JudgeCriterion, VerifyAction};
use super::detail::Shown;
use crate::pages::ui::{
    Button, Input, Panel, Table, Tone, column, empty, form, mark, number_of, submit, when_short,
};
use crate::pages::visit::{texts, visit};

pub(super) fn issues(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let content = match drill.issues.is_empty() {
        true => empty(t.no_issues),
        false => {
            let heads = vec![
                column(t.issue),
                column(t.about),
                column(t.class),
                column(t.cause),
                column(t.remedy),
                column(t.by).optional(),
            ];
            let rows: Vec<_> = drill.issues.iter().map(issue).collect();
            view! { <Table label=t.issues heads=heads>{rows}</Table> }.into_any()
        }
    };
    let add = (shown.may.lead && drill.is_open()).then(|| add_issue(shown));
    let count = number_of(drill.issues.len(), None);
    view! {
        <Panel id="issues" title=t.issues badge=count>
            {content}
            {add}
        </Panel>
    }
    .into_any()
}

fn issue(it: &Issue) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let by = it.by.split_once(':').map_or(it.by.as_str(), |(_, name)| name).to_owned();
    view! {
        <tr>
            <th scope="row">{it.text.clone()}</th>
            <td>{it.about.as_deref().map(|it| (t.metric_of)(it))}</td>
            <td>{it.class.map(|it| (t.class_of)(it))}</td>
            <td>{it.cause.clone()}</td>
            <td>{it.remedy.clone()}</td>
            <td class="optional">{by} <small>{when_short(it.at)}</small></td>
        </tr>
    }
}

fn add_issue(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let none = (String::new(), t.about_nothing.to_owned());
    let names = drill.targets.iter().map(|it| it.name.as_str()).chain([CLOSURE]);
    let names: Vec<_> = names.map(|it| (it.to_owned(), (t.metric_of)(it))).collect();
    let form = form::<AddIssue, _>(drill.number.clone(), move |sent| {
        let about = std::iter::once(none).chain(names);
        let known = CauseClass::ALL.iter().filter(|it| **it != CauseClass::Unknown);
        let known = known.map(|it| (it.as_str(), (t.class_of)(*it)));
        let classes = std::iter::once(("", t.no_class)).chain(known);
        Some(view! {
            {sent.field(Input::text("text", t.issue).required())}
            {sent.field(Input::select("about", t.about, about).hint(t.issue_note))}
            {sent.field(Input::select("class", t.class, classes))}
            {sent.field(Input::area("cause", t.cause))}
            {sent.field(Input::area("remedy", t.remedy))}
            {submit(Button::Plain, t.add_issue)}
        })
    });
    view! {
        <div class="body">
            <details>
                <summary>{t.add_issue}</summary>
                {form}
            </details>
        </div>
    }
    .into_any()
}

pub(super) fn actions(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let content = match drill.actions.is_empty() {
        true => empty(t.no_actions),
        false => {
            let heads = vec![column(t.action), column(t.owner), column(t.due), column(t.state)];
            let rows: Vec<_> = drill.actions.iter().map(|it| action(shown, it)).collect();
            view! { <Table label=t.actions heads=heads>{rows}</Table> }.into_any()
        }
    };
    let add = (shown.may.lead && drill.is_open()).then(|| add_action(shown));
    let count = number_of(drill.actions.len(), None);
    view! {
        <Panel id="actions" title=t.actions badge=count>
            {content}
            {add}
        </Panel>
    }
    .into_any()
}

fn action(shown: &Shown, it: &ActionItem) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let me = visit().user.map(|it| it.name);
    let critical = it.critical.then(|| view! { <small>{t.critical}</small> });
    let late = it.verified.is_none() && it.due < visit().now;
    let state = match &it.verified {
        Some(by) => mark(Tone::Ok, (t.verified_by)(&by.by)),
        None => mark(if late { Tone::Bad } else { Tone::Live }, t.open),
    };
    let may = shown.may.verify && it.verified.is_none() && me.as_ref() != Some(&it.owner);
    let verify = may.then(|| verify(shown, it.position));
    let proof = it.verified.as_ref().map(|it| {
        let href = format!("/evidence/{}", it.evidence);
        let short: String = it.evidence.as_str().chars().take(12).collect();
        view! { " " <a href=href rel="external"><code>{short}</code></a> }
    });
    view! {
        <tr>
            <th scope="row">{it.text.clone()} {critical}</th>
            <td>{it.owner.clone()}</td>
            <td>{when_short(it.due)}</td>
            <td>{state} {proof} {verify}</td>
        </tr>
    }
}

/// That it is done is shown by a file of this drill.
fn verify(shown: &Shown, position: u32) -> AnyView {
    let t = texts(&TEXTS);
    if shown.files.is_empty() {
        return view! { <small>{t.no_proof}</small> }.into_any();
    }
    let files = shown.files.iter().rev();
    let files: Vec<_> = files.map(|it| (it.sha256.to_string(), it.name.clone())).collect();
    form::<VerifyAction, _>(format!("{}/{position}", shown.drill.number), move |sent| {
        Some(view! {
            {sent.field(Input::select("evidence", t.proof, files))}
            {submit(Button::Plain, t.verify)}
        })
    })
}

/// What people judge; nothing where nothing is.
pub(super) fn criteria(shown: &Shown) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    if drill.criteria.is_empty() {
        return None;
    }
    let rows: Vec<_> = (1..).zip(&drill.criteria).map(|(n, it)| criterion(shown, n, it)).collect();
    let heads = vec![column(t.criteria), column(t.verdict)];
    let count = number_of(drill.criteria.len(), None);
    Some(
        view! {
            <Panel id="criteria" title=t.criteria badge=count>
                <Table label=t.criteria heads=heads>{rows}</Table>
            </Panel>
        }
        .into_any(),
    )
}

fn criterion(shown: &Shown, position: usize, it: &Criterion) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let open = it.verdict == domain::verdict::Verdict::Unknown;
    let word = if open { t.not_judged } else { (t.verdict_of)(it.verdict) };
    let by = it.by.as_deref().map(|by| view! { <small>{(t.judged_by)(by)}</small> });
    let judge = (open && shown.may.judge && shown.drill.is_open()).then(|| {
        form::<JudgeCriterion, _>(format!("{}/{position}", shown.drill.number), |_| {
            Some(view! {
                <div class="actions">
                    <button class=Button::Plain.class() type="submit" name="met" value="true">
                        {t.criterion_met}
                    </button>
                    <button class=Button::Danger.class() type="submit" name="met" value="false">
                        {t.criterion_failed}
                    </button>
                </div>
            })
        })
    });
    view! {
        <tr>
            <th scope="row">{it.text.clone()}</th>
            <td>{mark(super::tone_of(it.verdict), word)} {by} {judge}</td>
        </tr>
    }
}

/// Changed parameters of the procedure, each with its change ticket.
pub(super) fn tickets(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let drill = &shown.drill;
    let content = match drill.tickets.is_empty() {
        true => empty(t.no_tickets),
        false => {
            let heads = vec![column(t.ticket), column(t.parameter), column(t.by).optional()];
            let rows: Vec<_> = drill.tickets.iter().map(ticket).collect();
            view! { <Table label=t.tickets heads=heads>{rows}</Table> }.into_any()
        }
    };
    let open = drill.is_open() || drill.state == State::Planned;
    let add = (shown.may.lead && open).then(|| {
        let form = form::<AddTicket, _>(drill.number.clone(), move |sent| {
            Some(view! {
                {sent.field(Input::text("reference", t.ticket).required())}
                {sent.field(Input::text("parameter", t.parameter).hint(t.tickets_note).required())}
                {submit(Button::Plain, t.add_ticket)}
            })
        });
        view! {
            <div class="body">
                <details>
                    <summary>{t.add_ticket}</summary>
                    {form}
                </details>
            </div>
        }
    });
    let count = number_of(drill.tickets.len(), None);
    view! {
        <Panel id="tickets" title=t.tickets badge=count>
            {content}
            {add}
        </Panel>
    }
    .into_any()
}

fn ticket(it: &Ticket) -> impl IntoView + use<> {
    let by = it.by.split_once(':').map_or(it.by.as_str(), |(_, name)| name).to_owned();
    view! {
        <tr>
            <th scope="row">{it.reference.clone()}</th>
            <td>{it.parameter.clone()}</td>
            <td class="optional">{by} <small>{when_short(it.at)}</small></td>
        </tr>
    }
}

fn add_action(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let visit = visit();
    let offset = domain::texts::offset(visit.now, &visit.zone);
    let form = form::<AddAction, _>(shown.drill.number.clone(), move |sent| {
        Some(view! {
            {sent.field(Input::text("text", t.action).required())}
            {sent.field(Input::text("owner", t.owner).required())}
            {sent.field(Input::moment("due", t.due).hint(offset).required())}
            {sent.field(Input::check("critical", "true", t.critical))}
            {submit(Button::Plain, t.add_action)}
        })
    });
    view! {
        <div class="body">
            <details>
                <summary>{t.add_action}</summary>
                {form}
            </details>
        </div>
    }
    .into_any()
}
