//! From a decision to what is proposed: the plan that people approve, or none.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::State;
use crate::access::Role;
use crate::approvals::Required;
use crate::canonical::Digest;
use crate::decisions::{Decision, Disposition, RuleName, Strategy, TargetKind};
use crate::gates::{self, Hook};
use crate::plans::{
    Action, LiveObject, LiveState, ObjectAction, ObjectRef, Plan, Protection, Step, StepKind,
};
use crate::pods::Pod;
use crate::policies::{Approvals, Policy};
use crate::releases::Release;
use crate::revisions::Contents;
use crate::rollouts::Progress;
use crate::signals::Severity;
use crate::verdict::Verdict;
use crate::workloads::{Owner, Update, Workload};

/// A ConfigMap of a workload that holds something else than when the target was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedConfig {
    pub name: String,
    /// What it holds now; `None` where it is gone or its contents were not kept.
    pub now: Option<Contents>,
    pub target: Digest,
}

/// What is known around a workload, for plans that touch more than it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Around {
    /// Those of its ConfigMaps that changed since the target.
    pub configs: Vec<ChangedConfig>,
    /// Nodes that its bad pods are on, and whether it has good ones elsewhere.
    pub bad_nodes: Vec<String>,
    pub good_elsewhere: bool,
    /// What keeps it in step by GitOps, as it was seen lately, where it is not suspended.
    pub gitops: Option<LiveObject>,
    /// The Helm release that it belongs to, where its records are read.
    pub release: Option<Release>,
}

impl Around {
    /// What its pods say.
    pub fn of(pods: &[Pod]) -> Self {
        let bad = pods.iter().filter(|it| it.bad.is_some() && !it.node.is_empty());
        let bad_nodes: BTreeSet<_> = bad.map(|it| it.node.clone()).collect();
        let elsewhere = |it: &Pod| it.ready && it.bad.is_none() && !bad_nodes.contains(&it.node);
        let good_elsewhere = pods.iter().any(elsewhere);
        Self { bad_nodes: bad_nodes.into_iter().collect(), good_elsewhere, ..Self::default() }
    }
}

/// What would be done about a workload, or the release that it belongs to. None where the strategy is one that a person has to carry out.
pub fn plan(decision: &Decision, workload: &Workload, around: &Around) -> Option<Plan> {
    match decision.strategy {
        Strategy::HelmRollback => {
            let target = decision.target.as_ref().filter(|it| it.kind == TargetKind::Release)?;
            return around.release.as_ref()?.plan(target.revision);
        }
        Strategy::ConfigRestore => return restore(workload, &around.configs),
        Strategy::DrainAndShrink => return drain(workload, around),
        _ => {}
    }
    let steps = steps_of(decision, workload)?;
    let gated = decision.strategy == Strategy::TrafficSwitch;
    Some(match around.gitops.as_ref().filter(|_| !gated) {
        Some(keeper) => past_gitops(steps, workload, keeper),
        None => Plan::new(steps, vec![live(workload)]),
    })
}

/// One plan for several workloads, in this order: one that fails stops those after it. None unless each of them can be
/// brought back by itself: what GitOps keeps is suspended one by one.
pub fn plan_of(members: &[(&Decision, &Workload, &Around)]) -> Option<Plan> {
    let mut all = Vec::new();
    for (decision, workload, around) in members {
        if around.gitops.is_some() {
            return None;
        }
        all.extend(steps_of(decision, workload)?);
    }
    Some(Plan::new(all, members.iter().map(|(_, workload, _)| live(workload)).collect()))
}

fn steps_of(decision: &Decision, workload: &Workload) -> Option<Vec<Step>> {
    let act = match decision.strategy {
        Strategy::VersionRollback => {
            let target = decision.target.as_ref().filter(|it| it.kind == TargetKind::Workload)?;
            Action::RolloutUndo {
                to_revision: target.revision,
                template_digest: target.digest.clone(),
            }
        }
        Strategy::Restart => Action::Restart,
        Strategy::TrafficSwitch => return Some(vec![gate(decision, workload)?]),
        _ => return None,
    };
    Some(steps(workload, act))
}

/// The act, what it takes until every pod follows, and the wait for it.
fn steps(workload: &Workload, act: Action) -> Vec<Step> {
    let of = workload.reference();
    let goes_back = matches!(act, Action::RolloutUndo { .. });
    let mut steps = vec![Step::act(of.clone(), act)];
    // Where nobody has written down how it is updated, looking for such pods does no harm.
    if goes_back && workload.kind.is_set() && workload.update.is_none_or(Update::leaves_pods) {
        steps.push(Step::act(of.clone(), Action::ReplacePods).for_pods(workload.replicas));
    }
    steps.push(Step::act(of.clone(), Action::WaitRollout).for_pods(workload.replicas));
    if let Some(canary) = &workload.canary {
        // The abort has the traffic back before a pod is made. A version that was verified needs no canary of its own.
        match canary.is_under_way() {
            true => steps.insert(0, Step::act(of, Action::Abort)),
            false if canary.steps > 0 => steps.insert(1, Step::act(of, Action::PromoteFull)),
            false => {}
        }
    }
    steps
}

/// Long enough for an application above to put back what it keeps, in seconds.
const RECHECK_S: u32 = 30;

/// What GitOps would undo within seconds it has to leave alone before. Resuming is a run of its own, once Git has what
/// runs.
fn past_gitops(steps: Vec<Step>, workload: &Workload, keeper: &LiveObject) -> Plan {
    let on = |action| Step::on(keeper.object.clone(), action);
    let mut all = vec![on(ObjectAction::SuspendSync)];
    all[0].protection = Some(Protection::Pauses(keeper.object.to_string()));
    all.extend(steps);
    let name = format!("wait {RECHECK_S} s");
    all.push(Step::new(name, StepKind::Wait { seconds: RECHECK_S }));
    all.push(on(ObjectAction::StillSuspended));
    Plan::on(all, vec![live(workload)], vec![keeper.clone()])
}

/// Each ConfigMap goes back, then new pods read it: those that are there have it in their environment.
fn restore(workload: &Workload, configs: &[ChangedConfig]) -> Option<Plan> {
    let mut steps = Vec::new();
    let mut objects = Vec::new();
    for ChangedConfig { name, now, target } in configs {
        let object = config(workload, name);
        objects.push(holding(&object, now.as_ref()?));
        steps.push(Step::on(object, ObjectAction::ConfigRestore { contents: target.clone() }));
    }
    if steps.is_empty() {
        return None;
    }
    let of = workload.reference();
    steps.extend([Step::act(of.clone(), Action::Restart), Step::act(of, Action::WaitRollout)]);
    Some(Plan::on(steps, vec![live(workload)], objects))
}

/// The nodes that the bad pods follow take no new ones and are emptied; the pods come up elsewhere.
fn drain(workload: &Workload, around: &Around) -> Option<Plan> {
    if around.bad_nodes.is_empty() || !around.good_elsewhere {
        return None;
    }
    let nodes = around.bad_nodes.iter().map(|name| ObjectRef {
        cluster: workload.cluster.clone(),
        namespace: String::new(),
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: name.clone(),
    });
    let nodes: Vec<_> = nodes.collect();
    let each = |action: ObjectAction| {
        nodes.iter().map(move |it| Step::on(it.clone(), action.clone())).collect::<Vec<_>>()
    };
    // All of them first, so that what leaves one does not come up on the next.
    let mut steps = [each(ObjectAction::Cordon), each(ObjectAction::Drain)].concat();
    steps.push(Step::act(workload.reference(), Action::WaitRollout));
    // Pods are still let onto them: who cordoned one since has taken it in hand.
    let open = nodes.iter().map(|it| it.live(Some(&serde_json::Value::Null)));
    Some(Plan::on(steps, vec![live(workload)], open.collect()))
}

fn config(workload: &Workload, name: &str) -> ObjectRef {
    ObjectRef {
        cluster: workload.cluster.clone(),
        namespace: workload.namespace.clone(),
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: name.to_owned(),
    }
}

/// The state of a ConfigMap of which only the contents are known.
fn holding(object: &ObjectRef, contents: &Contents) -> LiveObject {
    object.live(serde_json::to_value(contents).ok().as_ref())
}

/// Flagger moves the traffic back itself, once its gate says so. None where it does not ask us.
fn gate(decision: &Decision, workload: &Workload) -> Option<Step> {
    let Owner::Flagger(canary) = &workload.owner else { return None };
    let asks = decision.rule(RuleName::Able).is_some_and(|it| it.verdict.passed());
    let step = gates::step(Hook::Rollback, canary, workload);
    asks.then_some(step)
}

/// The state that a plan for this workload is made for.
pub fn live(workload: &Workload) -> LiveState {
    LiveState {
        workload: workload.reference(),
        uid: workload.uid.clone(),
        digest: workload.live.digest.clone(),
        revision: workload.live.revision,
        paused: workload.paused,
        replicas: Some(workload.replicas),
        steering: workload.canary.as_ref().map(Progress::steering),
    }
}

/// What it takes to approve, as the policy says it. `asked` is 1 for the first time.
pub fn required(policy: &Policy, now: DateTime<Utc>) -> Required {
    let approvals = &policy.approvals;
    let Approvals { count, roles, expires_s, escalate_s } = approvals;
    Required::new(*count, roles, *expires_s, escalate_s, now)
}

/// The roles that may decide where the policy names none.
pub const DEFAULT_ROLES: &[Role] = &[Role::Sre];

/// What a person looks at that no machine can see, after the effect.
pub const CHECKLIST: &[&str] = &["key_function", "clients", "alerts_cleared"];

/// What becomes of a decision: the rollback's first state, and the plan where there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub state: State,
    pub plan: Option<Plan>,
    /// Nobody is asked: the policy approves.
    pub by_policy: bool,
}

/// None where the decision opens no rollback: it is only recorded, it says that there is nothing to do, the signal opens
/// something else, or it is for information, which is never a reason to ask anybody anything.
pub fn propose(
    decision: &Decision,
    workload: &Workload,
    around: &Around,
    severity: Option<Severity>,
) -> Option<Proposal> {
    let opens = decision.rule(RuleName::Opens).map(|it| it.verdict);
    if severity == Some(Severity::Info) || opens == Some(Verdict::Fail) {
        return None;
    }
    match decision.disposition {
        Disposition::RecordOnly | Disposition::None => None,
        Disposition::Execute | Disposition::Ask => {
            let plan = plan(decision, workload, around);
            // A node is everybody's: emptying one is for people to decide.
            let alone = decision.strategy != Strategy::DrainAndShrink;
            let by_policy = decision.disposition == Disposition::Execute && plan.is_some() && alone;
            let state = match (&plan, by_policy) {
                (None, _) => State::NeedsPerson,
                (Some(_), true) => State::Approved,
                (Some(_), false) => State::AwaitingApproval,
            };
            Some(Proposal { state, plan, by_policy })
        }
    }
}

impl Proposal {
    /// The same, asked of a person in any case.
    #[must_use]
    pub fn asked(self) -> Self {
        match self.by_policy {
            true => Self { state: State::AwaitingApproval, by_policy: false, ..self },
            false => self,
        }
    }
}
