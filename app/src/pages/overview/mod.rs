//! `/`: what needs me now? What must be decided comes first; what runs by itself after it.

mod sections;

use domain::access::Action;
use domain::texts::overview;
use leptos::prelude::*;
use sections::{alerts, approvals, drills, running};

use super::ssr::read;
use super::ui::{Halves, Head, live, page};
use super::visit::texts;

#[component]
pub fn OverviewPage() -> impl IntoView {
    let t = texts(&overview::TEXTS);
    page(t.title, async move {
        let now = read(Action::Read, async |_| Ok(Overview::default())).await?;
        let lede =
            (t.lede)(now.approvals.len(), now.running.len(), now.drills.len(), now.alerts.len());
        Ok(view! {
            {live("rollbacks runs drills alerts")}
            <Head title=t.title>
                <strong>{lede.urgent}</strong>
                {lede.rest}
            </Head>
            {approvals(now.approvals)}
            <Halves>
                <div class="stack">{running(now.running)} {drills(now.drills)}</div>
                {alerts(now.alerts)}
            </Halves>
        })
    })
}

/// Everything that is shown here.
#[derive(Default)]
struct Overview {
    approvals: Vec<sections::Approval>,
    running: Vec<sections::Running>,
    drills: Vec<sections::Drill>,
    alerts: Vec<sections::Alert>,
}
