//! What waits for people, where it comes up: beside the alerts, and on the rollback that it comes of.

use domain::openings::Opening;
use domain::texts::openings::TEXTS;
use leptos::prelude::*;

use self::actions::TakeUp;
use super::ui::{
    Button, Input, Panel, Table, Tone, badge, column, dialog, empty, submit, when_short,
};
use super::visit::texts;

pub mod actions {
    use leptos::prelude::*;

    use crate::pages::error::Error;
    use crate::pages::ssr::{answer, context};
    use crate::wishes::openings;

    /// `id` is that of the opening.
    #[server]
    pub async fn take_up(id: String, #[server(default)] reason: String) -> Result<(), Error> {
        let wish = async {
            openings::take_up(&context()?, &id, &reason).await?;
            Ok(())
        };
        answer(wish.await)
    }
}

/// Nothing where there is none and `always` does not ask for it.
pub(super) fn panel(openings: Vec<Opening>, may: bool, always: bool) -> Option<AnyView> {
    let t = texts(&TEXTS);
    if openings.is_empty() && !always {
        return None;
    }
    let heads = vec![
        column(t.what),
        column(t.why),
        column(t.said).optional(),
        column(t.since),
        column(t.act),
    ];
    let content = match openings.is_empty() {
        true => empty(t.none),
        false => {
            let rows: Vec<_> = openings.into_iter().map(|it| row(it, may)).collect();
            view! { <Table label=t.title heads>{rows}</Table> }.into_any()
        }
    };
    Some(view! { <Panel id="openings" title=t.title>{content}</Panel> }.into_any())
}

fn row(it: Opening, may: bool) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let severity = it.severity.map(|it| it.as_str().to_uppercase());
    let open = it.ended_at.is_none();
    let tone = if open { Tone::Bad } else { Tone::Idle };
    let runbook = it.runbook.clone().map(|link| {
        view! { " " <a href=link rel="noreferrer">{t.runbook}</a> }
    });
    let trace = it.trace_id.clone().map(|trace| {
        view! { " " <small>{t.trace} " " <code>{trace}</code></small> }
    });
    let act = match (open, may) {
        (true, true) => dialog::<TakeUp, _>(
            it.id,
            t.take_up_question,
            (Button::Plain, t.take_up),
            |sent| {
                view! {
                    <p>{t.take_up_note}</p>
                    {sent.field(Input::text("reason", t.reason).required())}
                }
            },
            submit(Button::Primary, t.take_up),
        ),
        (true, false) => ().into_any(),
        (false, _) => {
            let by = it.ended_by.clone();
            view! { <small>{by} " " {it.ended_why.clone()}</small> }.into_any()
        }
    };
    view! {
        <tr>
            <th scope="row">
                {badge(tone, (t.kind_of)(it.kind))} " " {severity} " "
                <a href=format!("/services/{}", it.service_name)>{it.service_name.clone()}</a>
            </th>
            <td>{(t.cause_of)(it.cause)}</td>
            <td class="optional">{it.said.clone()} {runbook} {trace}</td>
            <td>{when_short(it.opened_at)}</td>
            <td>{act}</td>
        </tr>
    }
}
