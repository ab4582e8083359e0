//! A rollback of several workloads of one service: one plan in the order of the catalog, where each may depend on those
//! before it, and a result for each.

use serde::{Deserialize, Serialize};

use super::Side;
use crate::decisions::Target;
use crate::ids::WorkloadId;
use crate::runs::{Ended, Note, Run, StepRecord};
use crate::services::WorkloadRef;

/// One of its workloads: what it goes from, and to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub workload_id: WorkloadId,
    pub workload: WorkloadRef,
    pub from: Side,
    pub target: Target,
}

words!(
    /// How far a workload of a run has come.
    Standing {
        Pending = "pending",
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        // Not touched, because one before it failed or somebody ended the run.
        Skipped = "skipped",
    }
);

/// How far the steps about this workload have come, and the newest there is to say about them.
pub fn standing<'a>(run: &'a Run, workload: &WorkloadRef) -> (Standing, Option<&'a Note>) {
    let records: Vec<&StepRecord> = records(run, workload).collect();
    let failed = |it: &&&StepRecord| {
        [Ended::Failed, Ended::Refused, Ended::Aborted].iter().any(|how| it.ended(*how))
    };
    let done = |it: &&StepRecord| it.ended(Ended::Succeeded) || it.ended(Ended::NoChange);
    let note = records.iter().rev().find_map(|it| it.note.as_ref());
    if let Some(it) = records.iter().find(failed) {
        return (Standing::Failed, it.note.as_ref());
    }
    let standing = match () {
        () if records.iter().all(done) => Standing::Succeeded,
        () if records.iter().any(|it| it.ended(Ended::Skipped)) => Standing::Skipped,
        () if records.iter().any(|it| it.started_at().is_some()) => Standing::Running,
        () => Standing::Pending,
    };
    (standing, note)
}

/// The workloads that are back: of each every step has come to a good end, and one of them changed something.
pub fn restored(run: &Run) -> impl Iterator<Item = &WorkloadRef> {
    workloads(run).into_iter().filter(|it| {
        let changed = records(run, it).any(|it| it.ended(Ended::Succeeded));
        standing(run, it).0 == Standing::Succeeded && changed
    })
}

/// Those that the plan is about, in its order.
pub fn workloads(run: &Run) -> Vec<&WorkloadRef> {
    let mut workloads: Vec<&WorkloadRef> = Vec::new();
    for workload in run.plan.steps().iter().filter_map(|it| it.kind.workload()) {
        if !workloads.contains(&workload) {
            workloads.push(workload);
        }
    }
    workloads
}

fn records<'a>(run: &'a Run, workload: &WorkloadRef) -> impl Iterator<Item = &'a StepRecord> {
    let steps = run.plan.steps().iter().zip(&run.steps);
    steps.filter(move |(step, _)| step.kind.workload() == Some(workload)).map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::access::Role;
    use crate::approvals::{Approver, Decision, Required};
    use crate::canonical::Digest;
    use crate::ids::RunId;
    use crate::plans::{Action, Plan, Step};
    use crate::rollbacks::RunEvent;
    use crate::runs::{NewRun, Purpose};
    use crate::services::WorkloadKind;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn workload(name: &str) -> WorkloadRef {
        let kind = WorkloadKind::Deployment;
        WorkloadRef { cluster: "lab".into(), namespace: "shop".into(), kind, name: name.into() }
    }

    fn run(names: &[&str]) -> Run {
        let undo =
            || Action::RolloutUndo { to_revision: 1, template_digest: Some(Digest::of(b"1")) };
        let steps = names.iter().flat_map(|it| {
            [Step::act(workload(it), undo()), Step::act(workload(it), Action::WaitRollout)]
        });
        let new = NewRun {
            service: None,
            purpose: Purpose::Run,
            plan: Plan::new(steps.collect(), vec![]),
            required: Required::usual(AT),
            requested_by: "user:anna".into(),
            reason: "5xx".into(),
            at: AT,
        };
        let run = Run::new(RunId(uuid::Uuid::nil()), new);
        let ben = Approver { name: "ben".into(), roles: vec![Role::Sre] };
        let digest = run.plan.digest().to_string();
        run.decide(&ben, &digest, Decision::Approve, "", AT).expect("an approval")
    }

    fn standings(run: &Run) -> Vec<(&str, Standing)> {
        workloads(run).into_iter().map(|it| (it.name.as_str(), standing(run, it).0)).collect()
    }

    #[test]
    fn the_one_that_fails_stops_those_after_it() {
        use Standing::{Failed, Pending, Running, Skipped, Succeeded};
        let done = |run: Run, step| {
            run.end_step(step, Ended::Succeeded, Note::RolledOut { ready: 1 }, None, AT)
        };
        let run = run(&["db", "api", "web"]);
        assert_eq!(standings(&run), [("db", Pending), ("api", Pending), ("web", Pending)]);
        let run = done(run, 0);
        assert_eq!(standings(&run), [("db", Running), ("api", Pending), ("web", Pending)]);
        let early = run.clone().end_step(1, Ended::Failed, Note::NotPaused, None, AT);
        assert_eq!(standings(&early), [("db", Failed), ("api", Skipped), ("web", Skipped)]);
        assert!(matches!(RunEvent::of(&early), Some(RunEvent::Failed { .. })));

        let run = done(done(run, 1), 2).end_step(3, Ended::Failed, Note::NotPaused, None, AT);
        assert_eq!(standings(&run), [("db", Succeeded), ("api", Failed), ("web", Skipped)]);
        assert_eq!(standing(&run, &workload("api")).1, Some(&Note::NotPaused));
        assert!(matches!(RunEvent::of(&run), Some(RunEvent::Partly { .. })));
        assert_eq!(restored(&run).map(|it| it.name.as_str()).collect::<Vec<_>>(), ["db"]);
    }
}
