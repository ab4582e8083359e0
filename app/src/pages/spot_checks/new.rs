use domain::access::{Action, Place};
use domain::spot_checks::SubjectKind;
use domain::texts::spot_checks::TEXTS;
use leptos::either::Either;
use leptos::prelude::*;

use super::actions::PlanSpotCheck;
use crate::pages::ssr::read;
use crate::pages::ui::{Button, Head, Input, Panel, Sent, empty, form, page, submit};
use crate::pages::visit::texts;

/// Plans a spot check and commits to a seed.
#[component]
pub fn NewSpotCheckPage() -> impl IntoView {
    let t = texts(&TEXTS);
    page(t.new, async move {
        let services = read(Action::RecordSpotCheck, async |cx| {
            let all = store::services::list(&cx.db).await?;
            let own = all.into_iter().map(|it| it.entry);
            let own = own
                .filter(|it| cx.may(Action::RecordSpotCheck, &Place::service(&it.name, &it.team)));
            Ok(own.map(|it| it.name).collect::<Vec<_>>())
        });
        let services = services.await?;
        let content = match services.is_empty() {
            true => Either::Left(empty(t.no_services)),
            false => {
                let form = form::<PlanSpotCheck, _>("", |sent| Some(fields(sent, services)));
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

fn fields(sent: &Sent, services: Vec<String>) -> AnyView {
    let t = texts(&TEXTS);
    let none = (String::new(), t.choose.to_owned());
    let services = std::iter::once(none).chain(services.into_iter().map(|it| (it.clone(), it)));
    let kinds = SubjectKind::ALL.iter().map(|it| (it.as_str(), (t.kind_of)(*it)));
    view! {
        {sent.field(Input::text("item", t.item).hint(t.item_hint).required())}
        {sent.field(Input::select("kind", t.kind, kinds))}
        {sent.field(Input::select("service", t.service, services).required())}
        {sent.field(Input::text("domain", t.domain))}
        {sent.field(Input::text("backup", t.backup))}
        {sent.field(Input::number("sample_size", t.sample_size).value(1).required())}
        {sent.field(Input::number("closure_limit_min", t.closure_limit_min).hint(t.closure_limit_hint))}
        {submit(Button::Primary, t.create)}
    }
    .into_any()
}
