use chrono::TimeDelta;
use domain::access::Action;
use domain::drills::{DrillType, USUAL_RTO_S};
use domain::texts::drills::TEXTS;
use leptos::either::Either;
use leptos::prelude::*;

use super::actions::PlanDrill;
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{Button, Head, Input, Panel, Sent, empty, form, page, submit};
use crate::pages::visit::{texts, visit};

/// What the form lets choose from.
struct Choices {
    /// `service/kind/name/container`, and how people read it.
    containers: Vec<(String, String)>,
    people: Vec<String>,
    me: String,
}

/// Plans a drill of a bad release: a service, and the image that breaks it.
#[component]
pub fn NewDrillPage() -> impl IntoView {
    let t = texts(&TEXTS);
    page(t.new, async move {
        let choices = read(Action::PlanDrill, async |cx| choices(cx).await).await?;
        let content = match choices.containers.is_empty() {
            true => Either::Left(empty(t.no_workloads)),
            false => {
                let form = form::<PlanDrill, _>("", |sent| Some(fields(sent, choices)));
                Either::Right(view! { <div class="body">{form}</div> })
            }
        };
        Ok(view! {
            <Head title=t.new>{t.new_lede}</Head>
            <Panel id="plan" title=t.plan>
                {content}
            </Panel>
        })
    })
}

async fn choices(cx: &Context) -> Result<Choices, Error> {
    let mut containers = Vec::new();
    for service in store::services::list(&cx.db).await? {
        let name = &service.entry.name;
        let workloads = store::workloads::by_service(&cx.db, service.id).await?;
        for workload in workloads.iter().filter(|it| it.gone_at.is_none()) {
            for image in &workload.live.images {
                let kind = workload.kind.as_str();
                let container = &image.container;
                let value = format!("{name}/{kind}/{}/{container}", workload.name);
                let label =
                    format!("{name} · {kind} {} · {container} ({})", workload.name, image.image);
                containers.push((value, label));
            }
        }
    }
    let people = store::users::list(&cx.db).await?;
    let people = people.into_iter().filter(|it| it.disabled_at.is_none());
    let me = cx.caller.user().map(|it| it.name.clone()).unwrap_or_default();
    Ok(Choices { containers, people: people.map(|it| it.user.name).collect(), me })
}

fn fields(sent: &Sent, choices: Choices) -> AnyView {
    let t = texts(&TEXTS);
    let visit = visit();
    let soon = (visit.now + TimeDelta::hours(1)).with_timezone(&visit.zone);
    let soon = soon.format("%Y-%m-%dT%H:00").to_string();
    let types = DrillType::ALL.iter().map(|it| (it.as_str(), (t.type_of)(*it)));
    let people = choices.people.iter().map(|it| (it.clone(), it.clone()));
    let none = (String::new(), t.choose.to_owned());
    let containers = std::iter::once(none).chain(choices.containers);
    view! {
        {sent.field(Input::text("scenario", t.scenario).required())}
        {sent.field(Input::select("workload", t.workload, containers).required())}
        {sent.field(Input::text("image", t.image).hint(t.image_note).required())}
        {sent.field(Input::select("kind", t.drill_type, types).value("simulation"))}
        {sent.field(Input::select("lead", t.lead, people).value(choices.me))}
        {sent.field(Input::text("participants", t.participants).hint(t.participants_note))}
        {sent.field(
            Input::moment("planned_at", t.planned_at)
                .value(soon)
                .hint(domain::texts::offset(visit.now, &visit.zone))
                .required(),
        )}
        {sent.field(Input::number("rto_s", t.rto_target).value(USUAL_RTO_S))}
        {submit(Button::Primary, t.create)}
    }
    .into_any()
}
