//! `/`: what needs me now? What waits for the reader comes first; what runs by itself after it.

mod queue;
mod sections;

use domain::access::Action;
use domain::alerts::{self, Alert};
use domain::attention::Urgency;
use domain::drills;
use domain::rollbacks::State;
use domain::runs::{self, Purpose};
use domain::texts::{attention, overview};
use leptos::prelude::*;
use sections::{alerts, breaks, drills, running};

use super::error::Error;
use super::ssr::entered;
use super::ui::{Halves, Head, live, page};
use super::visit::{texts, visit};
use crate::doors::Context;
use crate::wishes::attention::{Now, now};

/// Alerts of one part; the list behind it has them all.
const MOST: i64 = 20;

/// Every ledger that the page is made from.
const SUBJECTS: &str = "rollbacks runs drills expected-drills alerts spot-checks backups objectives measurements \
    quarters catalog-imports users grants kill-switches holidays workloads";

#[component]
pub fn OverviewPage() -> impl IntoView {
    let t = texts(&attention::TEXTS);
    page(t.title, async move {
        let cx = entered(Action::Read)?;
        let mut now = now(&cx).await?;
        let firing = firing(&cx).await?;
        let of = |urgency| now.items.iter().filter(|it| it.urgency == urgency).count();
        let said = if now.looks_on { t.known } else { t.lede };
        let lede = said(of(Urgency::Overdue), of(Urgency::AtRisk), now.items.len());
        let queue = queue::panel(&now);
        keep_what_runs(&mut now);
        let active = now.rollbacks.len() + now.runs.len();
        let rest = (texts(&overview::TEXTS).rest)(active, now.drills.len(), firing.len());
        Ok(view! {
            {live(SUBJECTS)}
            <Head title=t.title>
                <strong>{lede}</strong>
                {rest}
            </Head>
            {queue}
            {visit().demo.then(breaks)}
            <Halves>
                <div class="stack">{running(now.rollbacks, now.runs)} {drills(now.drills)}</div>
                {alerts(firing)}
            </Halves>
        })
    })
}

async fn firing(cx: &Context) -> Result<Vec<Alert>, Error> {
    let firing = store::alerts::Filter {
        state: Some(alerts::State::Firing),
        limit: MOST,
        ..Default::default()
    };
    cx.read(Action::Read, async |cx| Ok(store::alerts::list(&cx.db, &firing).await?)).await
}

/// What something is done about, by a worker or by whoever paused it. A run of a rollback is shown as the rollback.
fn keep_what_runs(now: &mut Now) {
    now.rollbacks.retain(|it| !matches!(it.state, State::AwaitingApproval | State::NeedsPerson));
    now.runs.retain(|it| {
        let on_its_way =
            matches!(it.state, runs::State::Running { .. } | runs::State::Paused { .. });
        on_its_way && !matches!(it.purpose, Purpose::Rollback(_))
    });
    now.drills.retain(|it| it.state == drills::State::Running);
}
