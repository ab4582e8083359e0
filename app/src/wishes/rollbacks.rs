//! Wishes about rollbacks.

use domain::access::{Action, Actor, Place, Subject};
use domain::approvals::{Approver, Decision as Consent};
use domain::decide::decide;
use domain::decide::situation::{ReasonKind, Request};
use domain::decisions::{Decision, RuleName, Strategy};
use domain::fields::Fault;
use domain::plans::{Foreseen, Would};
use domain::releases;
use domain::rollbacks::proposal::{Around, Proposal, plan_of, propose};
use domain::rollbacks::{Member, Refusal, Rollback, Side, State, Trigger};
use domain::runs::{self, Run};
use domain::scene::Scene;
use domain::services::WorkloadKind;
use domain::texts::{self, Lang};
use domain::workloads::{Owner, Workload};
use store::rollbacks::Opening;

use crate::doors::{Change, Context};
use crate::pages::error::Error;
use crate::wishes::one_time;

/// What somebody asks to be brought back.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name of the service.
    pub service: String,
    pub reason_kind: ReasonKind,
    pub reason: String,
    /// The service's only workload where none is named.
    pub workload: Option<(WorkloadKind, String)>,
    /// The newest verified revision where none is named.
    pub revision: Option<i64>,
    /// It is to be done although changes are frozen.
    pub confirmed: bool,
    /// Several of its workloads at once, in the order of the catalog whatever the order here; then none is named above.
    pub members: Vec<AskedMember>,
    /// A Helm release of the service, and its revision; then no workload is named above.
    pub release: Option<(String, i64)>,
}

#[derive(Clone, Debug)]
pub struct AskedMember {
    pub workload: (WorkloadKind, String),
    pub revision: Option<i64>,
}

/// Asks for a rollback. Another person approves it.
///
/// # Errors
/// Faults by field; [`Refusal::AlreadyOpen`], [`Refusal::Frozen`].
pub async fn request(cx: &Context, asked: Asked) -> Result<Rollback, Error> {
    cx.enter(Action::RequestRollback)?;
    let reason = asked.reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Error::field("reason", Fault::Required));
    }
    cx.write(Action::RequestRollback, Subject::new("services", &asked.service), async |cx, tx| {
        let service = store::services::by_name(&mut **tx, &asked.service).await;
        let service = service.map_err(|error| unknown(error, "service"))?;
        let place = Place::service(&service.entry.name, &service.entry.team);
        cx.require(Action::RequestRollback, &place)?;
        let workloads = store::workloads::by_service(&mut **tx, service.id).await?;
        let members = chosen(&workloads, &asked)?;
        let mut decided = Vec::new();
        for (workload, revision) in members {
            decided.push(decided_for(cx, tx, service.id, workload, &asked, revision).await?);
        }
        let proposal = proposed(&decided)?;
        let members = match decided.len() {
            1 => vec![],
            _ => decided.iter().filter_map(member).collect(),
        };
        let (scene, decision, _) = decided.swap_remove(0);
        let actor = cx.caller.actor();
        let opening = Opening {
            proposal,
            members,
            trigger: Trigger::Person {
                by: cx.caller.user().map(|it| it.id),
                name: name(&actor),
                reason_kind: asked.reason_kind,
                reason,
            },
            follows: None,
            asked: 1,
            onset_at: None,
            detected_at: cx.now,
            actor,
            day: cx.today(),
        };
        let (rollback, _) =
            store::rollbacks::open(tx, service.id, &scene, &decision, opening, cx.now).await?;
        tx.about(Subject::new("rollbacks", &rollback.number));
        tx.detail("service", &rollback.service_name);
        tx.detail("state", rollback.state.as_str());
        tx.detail("plan_digest", &rollback.plan_digest);
        Ok(rollback)
    })
    .await
}

/// What the rules say of one of the workloads, written down.
async fn decided_for(
    cx: &Context,
    tx: &mut Change,
    service: domain::ids::ServiceId,
    workload: &Workload,
    asked: &Asked,
    revision: Option<i64>,
) -> Result<(Scene, Decision, Around), Error> {
    if store::rollbacks::open_of(&mut **tx, workload.id).await?.is_some() {
        return Err(Refusal::AlreadyOpen.into());
    }
    let mut scene = store::scenes::of(tx, service, workload, "", cx.now).await?;
    if let Some((name, revision)) = &asked.release {
        can_go_back(&scene, name, *revision)?;
    }
    scene.request = Some(Request {
        reason_kind: asked.reason_kind,
        revision,
        release_revision: asked.release.as_ref().map(|it| it.1),
    });
    let situation = scene.situation(None, None, cx.now);
    let mut decision = decide(&situation);
    let frozen = decision.rule(RuleName::Freeze).is_none_or(|it| !it.verdict.passed());
    if frozen && !asked.confirmed {
        return Err(Refusal::Frozen.into());
    }
    let stored = store::decisions::New {
        service,
        workload: Some(workload.id),
        alert: None,
        follows: None,
        input: domain::canonical::digest(&situation),
        situation: &situation,
        decision: &decision,
    };
    decision.id = Some(store::decisions::insert(tx, stored, cx.now).await?);
    let named = revision.is_some() || asked.release.is_some();
    if decision.strategy == Strategy::None && named {
        return Err(Error::field("target", Fault::Unknown));
    }
    let around = store::scenes::around(tx, &scene, &decision, cx.now).await?;
    Ok((scene, decision, around))
}

/// A person's own wish is asked of another person, whatever the mode; it is never carried out unasked.
///
/// # Errors
/// Where several are wished for and one of them cannot be brought back: all or none are proposed.
fn proposed(decided: &[(Scene, Decision, Around)]) -> Result<Proposal, Error> {
    if let [(scene, decision, around)] = decided {
        let proposal = propose(decision, &scene.workload, around, None).unwrap_or(Proposal {
            state: State::NeedsPerson,
            plan: None,
            by_policy: false,
        });
        return Ok(proposal.asked());
    }
    let members: Vec<_> =
        decided.iter().map(|(scene, it, around)| (it, &scene.workload, around)).collect();
    match plan_of(&members) {
        None => Err(Error::field("target.workloads", Fault::Unknown)),
        plan => Ok(Proposal { state: State::AwaitingApproval, plan, by_policy: false }),
    }
}

fn member((scene, decision, _): &(Scene, Decision, Around)) -> Option<Member> {
    let live = &scene.workload.live;
    Some(Member {
        workload_id: scene.workload.id,
        workload: scene.workload.reference(),
        from: Side {
            revision: live.revision,
            images: live.images.clone(),
            digest: live.digest.clone(),
        },
        target: decision.target.clone()?,
    })
}

/// The workloads that are meant, each with the revision that was named, in the order of the catalog.
fn chosen<'a>(
    workloads: &'a [Workload],
    asked: &Asked,
) -> Result<Vec<(&'a Workload, Option<i64>)>, Error> {
    if let Some((release, _)) = &asked.release {
        return Ok(vec![(of_release(workloads, release)?, None)]);
    }
    if asked.members.is_empty() {
        return Ok(vec![(choose(workloads, asked.workload.as_ref())?, asked.revision)]);
    }
    for (n, it) in asked.members.iter().enumerate() {
        let field = format!("target.workloads[{n}]");
        let twice = asked.members[..n].iter().any(|other| other.workload == it.workload);
        if twice || choose(workloads, Some(&it.workload)).is_err() {
            return Err(Error::field(&field, Fault::Unknown));
        }
    }
    let of = |workload: &Workload| {
        let named = asked.members.iter();
        named.clone().find(|it| it.workload.0 == workload.kind && it.workload.1 == workload.name)
    };
    Ok(workloads.iter().filter_map(|it| Some((it, of(it)?.revision))).collect())
}

/// The first workload that belongs to the release, in the order in which they depend on each other.
fn of_release<'a>(workloads: &'a [Workload], release: &str) -> Result<&'a Workload, Error> {
    let belongs = |it: &&Workload| it.owner == Owner::Helm(release.to_owned());
    workloads.iter().find(belongs).ok_or_else(|| Error::field("target.release", Fault::Unknown))
}

/// Whoever names a revision that can be no target is told why at once.
fn can_go_back(scene: &Scene, name: &str, revision: i64) -> Result<(), Error> {
    let malformed = |field, why: String| Err(Error::field(field, Fault::Malformed(why)));
    let Some(release) = &scene.release else {
        let why = format!(
            "nobody reads the Helm records of {name}: name its namespace under helm_namespaces of the cluster, \
             or give the policy `strategy: release`"
        );
        return malformed("target.release", why);
    };
    match releases::would(&release.revisions, revision, None) {
        Foreseen { would: Would::Patch, .. } => Ok(()),
        Foreseen { note, .. } => {
            let why = note.map(|it| texts::runs::note(&it, Lang::En)).unwrap_or_default();
            malformed("target.revision", why)
        }
    }
}

fn choose<'a>(
    workloads: &'a [Workload],
    named: Option<&(WorkloadKind, String)>,
) -> Result<&'a Workload, Error> {
    let found = match named {
        Some((kind, name)) => workloads.iter().find(|it| it.kind == *kind && it.name == *name),
        None if workloads.len() == 1 => workloads.first(),
        None => None,
    };
    found.ok_or_else(|| match named {
        Some(_) => Error::field("target", Fault::Unknown),
        None => Error::field("target", Fault::Required),
    })
}

/// A person decides about the plan of a rollback.
///
/// # Errors
/// The refusals of [`Run::decide`]; [`Refusal::NothingToApprove`]; those of [`one_time::require`].
pub async fn decide_about(
    cx: &Context,
    name: &str,
    plan_digest: &str,
    consent: Consent,
    reason: &str,
    otp: Option<&str>,
) -> Result<Rollback, Error> {
    cx.enter(Action::ApproveRollback)?;
    if consent == Consent::Approve {
        let service = store::rollbacks::find(&cx.db, name).await?.service;
        one_time::require_where_asked(cx, Action::ApproveRollback, Some(service), otp).await?;
    }
    cx.write(Action::ApproveRollback, Subject::new("rollbacks", name), async |cx, tx| {
        let rollback = find(cx, tx, Action::ApproveRollback, name).await?;
        let run = rollback.run.ok_or(Refusal::NothingToApprove)?;
        let run = store::runs::lock(tx, run).await?;
        let user = cx.user()?;
        let approver = Approver { name: user.name.clone(), roles: user.approving_roles(cx.now) };
        let run = run.decide(&approver, plan_digest, consent, reason, cx.now)?;
        save(tx, &run, cx).await?;
        tx.detail("decision", consent);
        tx.detail("plan_digest", plan_digest);
        tx.detail("reason", reason);
        Ok(store::rollbacks::get(&mut **tx, rollback.id).await?)
    })
    .await
}

/// Ends it before anything was done.
///
/// # Errors
/// [`Refusal::Over`], [`Refusal::Acting`].
pub async fn cancel(cx: &Context, name: &str, reason: &str) -> Result<Rollback, Error> {
    cx.enter(Action::CancelRollback)?;
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(Error::field("reason", Fault::Required));
    }
    cx.write(Action::CancelRollback, Subject::new("rollbacks", name), async |cx, tx| {
        let rollback = find(cx, tx, Action::CancelRollback, name).await?;
        let run = rollback.run;
        let cancelled = rollback.cancel(reason.clone(), cx.now)?;
        store::rollbacks::save(tx, &cancelled).await?;
        if let Some(run) = run {
            let run = store::runs::lock(tx, run).await?;
            let run = run.abort(&cx.caller.actor().to_string(), &reason, cx.now)?;
            store::runs::save(tx, &run, cx.now).await?;
        }
        tx.detail("reason", &reason);
        tx.detail("state", cancelled.state.as_str());
        Ok(cancelled)
    })
    .await
}

/// Tries its run again from the step that failed.
///
/// # Errors
/// The refusals of [`Run::retry`]; [`Refusal::NothingToApprove`].
pub async fn retry(cx: &Context, name: &str, reason: &str) -> Result<Rollback, Error> {
    cx.write(Action::ResumeRun, Subject::new("rollbacks", name), async |cx, tx| {
        let rollback = find(cx, tx, Action::ResumeRun, name).await?;
        let run = rollback.run.ok_or(Refusal::NothingToApprove)?;
        let run = store::runs::lock(tx, run).await?;
        let run = run.retry(&cx.caller.actor().to_string(), reason, cx.now)?;
        store::rollbacks::reopen(tx, rollback.id).await?;
        save(tx, &run, cx).await?;
        tx.detail("reason", reason);
        Ok(store::rollbacks::get(&mut **tx, rollback.id).await?)
    })
    .await
}

/// Ticks what people have looked at.
///
/// # Errors
/// [`Refusal::NotVerifying`], [`Refusal::UnknownItem`].
pub async fn tick(
    cx: &Context,
    name: &str,
    items: &[(String, bool, Option<String>)],
) -> Result<Rollback, Error> {
    cx.write(Action::ConfirmChecklist, Subject::new("rollbacks", name), async |cx, tx| {
        let rollback = find(cx, tx, Action::ConfirmChecklist, name).await?;
        let rollback = rollback.tick(items, cx.user()?.id, cx.now)?;
        store::rollbacks::save(tx, &rollback).await?;
        tx.detail("items", items);
        tx.detail("state", rollback.state.as_str());
        Ok(rollback)
    })
    .await
}

/// Locked, once it is known that the caller may do this to this service.
async fn find(
    cx: &Context,
    tx: &mut Change,
    action: Action,
    name: &str,
) -> Result<Rollback, Error> {
    let id = store::rollbacks::find(&mut **tx, name).await?.id;
    let rollback = store::rollbacks::lock_with_run(tx, id).await?;
    let service = store::services::get(&mut **tx, rollback.service).await?.entry;
    cx.require(action, &Place::service(&service.name, &service.team))?;
    tx.about(Subject::new("rollbacks", &rollback.number));
    Ok(rollback)
}

async fn save(tx: &mut Change, run: &Run, cx: &Context) -> Result<(), Error> {
    store::runs::save(tx, run, cx.now).await?;
    if matches!(run.state, runs::State::Approved { .. } | runs::State::Running { .. }) {
        store::jobs::execute_run(tx, run.id).await?;
    }
    Ok(())
}

fn name(actor: &Actor) -> String {
    let text = actor.to_string();
    text.split_once(':').map_or(text.clone(), |(_, name)| name.to_owned())
}

fn unknown(error: store::Error, field: &str) -> Error {
    match error {
        store::Error::NotFound => Error::field(field, Fault::Unknown),
        other => other.into(),
    }
}
