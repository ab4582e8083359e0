use chrono::TimeDelta;
use domain::access::Action;
use domain::calendar::{AskedStep, ExpectedDrill};
use domain::drills::{DrillType, USUAL_RTO_S};
use domain::plans::Protection;
use domain::texts::drills::TEXTS;
use leptos::prelude::*;

use super::actions::PlanDrill;
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{Button, Head, Input, Panel, Query, Sent, form, hidden, page, submit};
use crate::pages::visit::{texts, visit};

/// What the form lets choose from.
struct Choices {
    /// `service/kind/name/container`, and how people read it.
    containers: Vec<(String, String)>,
    people: Vec<String>,
    me: String,
    /// What of the calendar it is planned for.
    expected: Option<ExpectedDrill>,
}

/// Plans a drill: the image that breaks a service, what people do, or both. `?expected=` names what of the calendar it
/// is for, `?at=` when.
#[component]
pub fn NewDrillPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.new, async move {
        let expected = query.get("expected");
        let choices =
            read(Action::PlanDrill, async |cx| choices(cx, expected.as_deref()).await).await?;
        let form = form::<PlanDrill, _>("", |sent| Some(fields(sent, choices, query.get("at"))));
        Ok(view! {
            <Head title=t.new>{t.new_lede}</Head>
            <Panel id="plan" title=t.plan>
                <div class="body">{form}</div>
            </Panel>
        })
    })
}

async fn choices(cx: &Context, expected: Option<&str>) -> Result<Choices, Error> {
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
    let expected = match expected {
        Some(name) => Some(store::calendar::by_name(&cx.db, name).await?.drill.entry),
        None => None,
    };
    Ok(Choices { containers, people: people.map(|it| it.user.name).collect(), me, expected })
}

fn fields(sent: &Sent, choices: Choices, at: Option<String>) -> AnyView {
    let t = texts(&TEXTS);
    let visit = visit();
    let soon = (visit.now + TimeDelta::hours(1)).with_timezone(&visit.zone);
    let soon = soon.format("%Y-%m-%dT%H:00").to_string();
    let types = DrillType::ALL.iter().map(|it| (it.as_str(), (t.type_of)(*it)));
    let people = choices.people.iter().map(|it| (it.clone(), it.clone()));
    let none = (String::new(), t.no_fault.to_owned());
    let expected = choices.expected;
    let (scenario, kind) = match &expected {
        Some(it) => (it.scenario.clone(), it.r#type),
        None => (String::new(), DrillType::Simulation),
    };
    let rto = expected.as_ref().map_or(USUAL_RTO_S.to_string(), |_| String::new());
    let lines = |it: &ExpectedDrill| {
        let lines: Vec<_> = it.targets.iter().map(ToString::to_string).collect();
        lines.join("\n")
    };
    let targets = expected.as_ref().map(lines).unwrap_or_default();
    let report_to = expected.as_ref().and_then(|it| it.report_to.clone()).unwrap_or_default();
    let manual = expected.as_ref().map(manual).unwrap_or_default();
    let name = expected.map(|it| it.name);
    let containers = std::iter::once(none).chain(choices.containers);
    view! {
        {name.map(|it| hidden("expected", it))}
        {sent.field(Input::text("scenario", t.scenario).value(scenario).required())}
        {sent.field(Input::select("kind", t.drill_type, types).value(kind.as_str()))}
        {sent.field(Input::select("workload", t.workload, containers))}
        {sent.field(Input::text("image", t.image).hint(t.image_note))}
        {sent.field(Input::area("steps", t.manual_steps).value(manual).hint(t.manual_steps_note))}
        {sent.field(Input::select("lead", t.lead, people).value(choices.me))}
        {sent.field(Input::text("participants", t.participants).hint(t.participants_note))}
        {sent.field(
            Input::moment("planned_at", t.planned_at)
                .value(at.unwrap_or(soon))
                .hint(domain::texts::offset(visit.now, &visit.zone))
                .required(),
        )}
        {sent.field(Input::number("rto_s", t.rto_target).value(rto))}
        {sent.field(Input::area("targets", t.more_targets).value(targets).hint(t.more_targets_note))}
        {sent.field(Input::text("report_to", t.report_to).value(report_to))}
        {submit(Button::Primary, t.create)}
    }
    .into_any()
}

/// As the field takes them.
fn manual(it: &ExpectedDrill) -> String {
    let line = |it: &AskedStep| match &it.protection {
        None => it.instruction.clone(),
        Some(Protection::Pauses(name)) => format!("[pauses {name}] {}", it.instruction),
        Some(Protection::Resumes(name)) => format!("[resumes {name}] {}", it.instruction),
    };
    it.steps.iter().map(line).collect::<Vec<_>>().join("\n")
}
