//! Rails: what holds automation back now, and who may lift it.

pub mod actions;
mod each;
mod windows;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Action;
use domain::policies::Mode;
use domain::rails::{KillSwitch, Scope};
use domain::texts::rails;
use leptos::prelude::*;

use self::actions::{AcknowledgeBlock, LiftKillSwitch, ThrowKillSwitch};
use super::error::Error;
use super::ssr::read;
use super::ui::{
    Button, Head, Input, Panel, Table, Tone, badge, column, dialog, empty, live, mark, page,
    submit, when_short,
};
use super::visit::texts;
use crate::doors::Context;

/// A service as far as the rails know it.
struct Guarded {
    name: String,
    team: String,
    mode: Mode,
    switch: Option<KillSwitch>,
    failures: i64,
    block_at: i64,
    this_hour: i64,
    cap: i64,
    holds: Vec<store::rails::Hold>,
    /// When the cool-down after its last rollback is over.
    cools_until: Option<DateTime<Utc>>,
    cooldown: TimeDelta,
    /// Other services that are being rolled back now, and how many may be at once.
    rolling_back: i64,
    blast_radius: i64,
}

struct Shown {
    global: Option<KillSwitch>,
    clusters: Vec<(String, Option<KillSwitch>)>,
    services: Vec<Guarded>,
    /// Name and protected namespaces of each cluster that has some.
    protected: Vec<(String, Vec<String>)>,
    may_throw: bool,
    may_lift: bool,
    me: String,
    windows: windows::Shown,
}

#[component]
pub fn RailsPage() -> impl IntoView {
    let t = texts(&rails::TEXTS);
    page(t.title, async move {
        let shown = read(Action::Read, async |cx| load(cx).await).await?;
        let on = usize::from(shown.global.is_some())
            + shown.clusters.iter().filter(|(_, it)| it.is_some()).count()
            + shown.services.iter().filter(|it| it.switch.is_some()).count();
        let head =
            if on == 0 { badge(Tone::Ok, t.all_off) } else { badge(Tone::Bad, (t.some_on)(on)) };
        Ok(view! {
            {live("kill-switches windows services rollbacks")}
            <Head title=t.title badge=head>{t.lede}</Head>
            {switches(&shown)}
            {each::panel(&shown)}
            {windows::panel(&shown.windows)}
            {services(shown)}
        })
    })
}

async fn load(cx: &Context) -> Result<Shown, Error> {
    let switches: BTreeMap<Scope, KillSwitch> = store::rails::kill_switches(&cx.db)
        .await?
        .into_iter()
        .map(|it| (it.scope.clone(), it))
        .collect();
    let clusters = store::clusters::list(&cx.db).await?;
    let protected = clusters.iter().filter(|it| !it.protected_namespaces.is_empty());
    let protected =
        protected.map(|it| (it.name.clone(), it.protected_namespaces.clone())).collect();
    let by_rule = store::rails::automatic_by_rule(&cx.db, cx.now).await?;
    let mut services = Vec::new();
    for service in store::services::list(&cx.db).await? {
        let policy = store::policies::for_service(&cx.db, service.id).await?.entry;
        let history = store::rails::history(&cx.db, service.id, "", cx.now).await?;
        let holds = store::rails::holds(&cx.db, service.id).await?;
        services.push(Guarded {
            switch: switches.get(&Scope::Service(service.entry.name.clone())).cloned(),
            name: service.entry.name,
            team: service.entry.team,
            mode: policy.mode,
            failures: history.failures,
            block_at: i64::from(policy.rails.failures_to_block),
            // The cap is one rule's; the one that has used most of it says how near it is.
            this_hour: by_rule
                .iter()
                .filter(|it| it.0 == service.id)
                .map(|it| it.2)
                .max()
                .unwrap_or(0),
            cap: i64::from(policy.rails.per_rule_hour),
            holds,
            cools_until: history
                .last_ended_at
                .map(|it| it + TimeDelta::seconds(policy.rails.cooldown_s.into()))
                .filter(|it| *it > cx.now),
            cooldown: TimeDelta::seconds(policy.rails.cooldown_s.into()),
            rolling_back: history.services_rolling_back,
            blast_radius: i64::from(policy.rails.blast_radius),
        });
    }
    Ok(Shown {
        global: switches.get(&Scope::Global).cloned(),
        clusters: clusters
            .into_iter()
            .map(|it| {
                let switch = switches.get(&Scope::Cluster(it.entry.name.clone())).cloned();
                (it.entry.name, switch)
            })
            .collect(),
        services,
        protected,
        may_throw: cx.caller.may_somewhere(Action::KillSwitchOn, cx.now),
        may_lift: cx.caller.may_somewhere(Action::KillSwitchOff, cx.now),
        me: cx.caller.actor().to_string(),
        windows: windows::load(cx).await?,
    })
}

fn switches(shown: &Shown) -> impl IntoView + use<> {
    let t = texts(&rails::TEXTS);
    let all = std::iter::once((Scope::Global, t.global.to_owned(), shown.global.clone())).chain(
        shown
            .clusters
            .iter()
            .map(|(name, it)| (Scope::Cluster(name.clone()), name.clone(), it.clone())),
    );
    let rows: Vec<_> =
        all.map(|(scope, name, switch)| switch_row(shown, scope, name, switch)).collect();
    let heads = vec![column(t.scope), column(t.state), column(t.by).optional(), column(t.act)];
    view! {
        <Panel id="kill-switches" title=t.kill_switches note=view! { <small>{t.who_lifts}</small> }.into_any()>
            <Table label=t.kill_switches heads=heads>{rows}</Table>
        </Panel>
    }
}

fn switch_row(
    shown: &Shown,
    scope: Scope,
    name: String,
    switch: Option<KillSwitch>,
) -> impl IntoView + use<> {
    let t = texts(&rails::TEXTS);
    let state = match &switch {
        Some(_) => badge(Tone::Bad, t.on),
        None => badge(Tone::Ok, t.off),
    };
    let by = switch.as_ref().map(|it| {
        view! { {it.set_by_name.clone()} " " {when_short(it.set_at)} <small>{it.reason.clone()}</small> }
    });
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td>{state}</td>
            <td class="optional">{by}</td>
            <td>{act(shown, &scope, switch.as_ref())}</td>
        </tr>
    }
}

/// Throw it, or lift it: whichever the reader may.
fn act(shown: &Shown, scope: &Scope, switch: Option<&KillSwitch>) -> AnyView {
    let t = texts(&rails::TEXTS);
    match switch {
        None if shown.may_throw => dialog::<ThrowKillSwitch, _>(
            scope,
            t.throw_question,
            (Button::Danger, t.throw),
            |sent| {
                view! {
                    <p>{t.throw_note}</p>
                    {sent.field(Input::text("reason", t.reason).required())}
                }
            },
            submit(Button::Danger, t.throw_now),
        )
        .into_any(),
        Some(it) if it.set_by_name == shown.me => {
            view! { <small>{t.not_your_own}</small> }.into_any()
        }
        Some(_) if shown.may_lift => dialog::<LiftKillSwitch, _>(
            scope,
            t.lift_question,
            (Button::Plain, t.lift),
            |sent| view! { {sent.field(Input::text("reason", t.reason).required())} },
            submit(Button::Primary, t.lift),
        )
        .into_any(),
        _ => ().into_any(),
    }
}

fn services(shown: Shown) -> AnyView {
    let t = texts(&rails::TEXTS);
    if shown.services.is_empty() {
        return view! { <Panel id="services" title=t.services>{empty(t.no_services)}</Panel> }
            .into_any();
    }
    let rows: Vec<_> = shown.services.iter().map(|it| service_row(&shown, it)).collect();
    let heads = vec![
        column(t.service),
        column(t.mode),
        column(t.kill_switch),
        column(t.failures).number(),
        column(t.this_hour).number().optional(),
        column(t.holds).optional(),
        column(t.act),
    ];
    view! {
        <Panel id="services" title=t.services>
            <Table label=t.services heads=heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn service_row(shown: &Shown, it: &Guarded) -> impl IntoView + use<> {
    let t = texts(&rails::TEXTS);
    let blocked = it.failures >= it.block_at;
    let failures = format!("{} / {}", it.failures, it.block_at);
    let failures = mark(if blocked { Tone::Bad } else { Tone::Ok }, failures);
    let full = it.this_hour >= it.cap;
    let this_hour =
        mark(if full { Tone::Warn } else { Tone::Ok }, format!("{} / {}", it.this_hour, it.cap));
    let switch = match &it.switch {
        Some(_) => badge(Tone::Bad, t.on),
        None => badge(Tone::Ok, t.off),
    };
    let mode = match it.mode {
        Mode::Auto => Tone::Ok,
        Mode::Suggest | Mode::Shadow => Tone::Live,
        Mode::Off => Tone::Idle,
    };
    let acknowledge = (blocked && shown.may_lift).then(|| {
        dialog::<AcknowledgeBlock, _>(
            &it.name,
            t.acknowledge,
            (Button::Plain, t.acknowledge),
            |sent| view! { {sent.field(Input::text("reason", t.reason).required())} },
            submit(Button::Primary, t.acknowledge),
        )
    });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/services/{}", it.name)>{it.name.clone()}</a>
                <small>{it.team.clone()}</small>
            </th>
            <td>{badge(mode, (t.mode_of)(it.mode))}</td>
            <td>{switch}</td>
            <td class="number">{failures}</td>
            <td class="number optional">{this_hour}</td>
            <td class="optional">{each::holds(it)}</td>
            <td>
                {act(shown, &Scope::Service(it.name.clone()), it.switch.as_ref())}
                {acknowledge}
            </td>
        </tr>
    }
}
