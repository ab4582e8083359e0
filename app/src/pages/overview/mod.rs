//! `/`: what needs me now? What must be decided comes first; what runs by itself after it.

mod sections;

use domain::access::Action;
use domain::alerts::{self, Alert};
use domain::drills::{self, Drill};
use domain::rollbacks::{Rollback, State};
use domain::runs::{Purpose, Run, StateName};
use domain::texts::overview;
use leptos::prelude::*;
use sections::{alerts, approvals, breaks, drills, running};

use super::error::Error;
use super::ssr::read;
use super::ui::{Halves, Head, live, page};
use super::visit::{texts, visit};
use super::waiting::{Decision, waiting};
use crate::doors::Context;

/// Rows of one part; the list behind it has them all.
const MOST: i64 = 20;

#[component]
pub fn OverviewPage() -> impl IntoView {
    let t = texts(&overview::TEXTS);
    page(t.title, async move {
        let now = read(Action::Read, async |cx| Overview::read(cx).await).await?;
        let active = now.rollbacks.len() + now.runs.len();
        let lede = (t.lede)(now.decisions.len(), active, now.drills.len(), now.alerts.len());
        Ok(view! {
            {live("rollbacks runs drills alerts")}
            <Head title=t.title>
                <strong>{lede.urgent}</strong>
                {lede.rest}
            </Head>
            {visit().demo.then(breaks)}
            {approvals(now.decisions)}
            <Halves>
                <div class="stack">{running(now.rollbacks, now.runs)} {drills(now.drills)}</div>
                {alerts(now.alerts)}
            </Halves>
        })
    })
}

/// Everything that is shown here.
struct Overview {
    decisions: Vec<Decision>,
    /// Those that something is done about, by a worker or by whoever paused them.
    rollbacks: Vec<Rollback>,
    /// The same of runs that are no rollback's.
    runs: Vec<Run>,
    drills: Vec<Drill>,
    alerts: Vec<Alert>,
}

impl Overview {
    async fn read(cx: &Context) -> Result<Self, Error> {
        let open = store::rollbacks::Filter { open: true, limit: MOST, ..Default::default() };
        let mut rollbacks = store::rollbacks::list(&cx.db, &open).await?;
        rollbacks.retain(|it| !matches!(it.state, State::AwaitingApproval | State::NeedsPerson));
        let mut runs = Vec::new();
        for state in [StateName::Running, StateName::Paused] {
            let filter =
                store::runs::Filter { state: Some(state), limit: MOST, ..Default::default() };
            runs.extend(store::runs::list(&cx.db, &filter).await?);
        }
        runs.retain(|it| !matches!(it.purpose, Purpose::Rollback(_)));
        let state = Some(drills::StateName::Running.as_str().to_owned());
        let under_way = store::drills::Filter { state, limit: MOST, ..Default::default() };
        let firing = store::alerts::Filter {
            state: Some(alerts::State::Firing),
            limit: MOST,
            ..Default::default()
        };
        Ok(Self {
            decisions: waiting(cx).await?,
            rollbacks,
            runs,
            drills: store::drills::list(&mut *cx.connection().await?, &under_way).await?,
            alerts: store::alerts::list(&cx.db, &firing).await?,
        })
    }
}
