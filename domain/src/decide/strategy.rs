//! What would help against the cause, and what a person should know before.

use super::cause;
use super::facts::Facts;
use super::target;
use crate::decisions::{Cause, Strategy, TargetKind, Warning};
use crate::policies;
use crate::revisions::RevisionVerdict;
use crate::signals::Opens;
use crate::texts::decisions::Reason;
use crate::verdict::Verdict;
use crate::workloads::{Owner, UpdateBy};

/// Proposes nothing where it could not be carried out or would do harm.
pub(super) fn strategy(f: &Facts, cause: &cause::Found, found: &target::Found) -> Strategy {
    let opens_else = f.s.signal.as_ref().is_some_and(|it| it.opens != Opens::Rollback);
    if opens_else && f.s.request.is_none() {
        return Strategy::None;
    }
    match cause.cause {
        Cause::DataProblem => Strategy::SnapshotRestore,
        // A person may wish for what the rules do not advise, but not for a version that mends no data.
        _ if f.s.request.is_some() && found.kind != TargetKind::Config => going_back(f, found),
        Cause::CodeDefect => going_back(f, found),
        Cause::ConfigurationError if found.traffic => Strategy::TrafficSwitch,
        Cause::ConfigurationError if found.can_be_proposed() => Strategy::ConfigRestore,
        Cause::PartialNodeFailure => Strategy::DrainAndShrink,
        Cause::Unknown if cause.key == Reason::FillsUpWithoutChange => Strategy::Restart,
        _ => Strategy::None,
    }
}

fn going_back(f: &Facts, found: &target::Found) -> Strategy {
    match () {
        () if !found.can_be_proposed() => Strategy::None,
        // Flagger would put back what we undo; its own gate moves the traffic to the primary.
        () if matches!(f.s.workload.owner, Some(Owner::Flagger(_))) => Strategy::TrafficSwitch,
        () if found.kind == TargetKind::Release => Strategy::HelmRollback,
        () => Strategy::VersionRollback,
    }
}

pub(super) fn goes_back(strategy: Strategy) -> bool {
    matches!(strategy, Strategy::VersionRollback | Strategy::HelmRollback | Strategy::ConfigRestore)
}

pub(super) fn warnings(f: &Facts, found: &target::Found, strategy: Strategy) -> Vec<Warning> {
    let workload = &f.s.workload;
    let version = strategy == Strategy::VersionRollback;
    let revision = found.revision.filter(|_| version);
    let owner = workload.owner.as_ref();
    let newer_changes =
        f.s.changes.iter().flatten().filter(|it| it.is_material() && since_target(found, it.at));
    let update = workload.update.filter(|_| version);
    let holds = [
        (Warning::ReleaseDrifts, version && matches!(owner, Some(Owner::Helm(_)))),
        (
            Warning::SyncUndoesIt,
            goes_back(strategy) && matches!(owner, Some(Owner::Argocd(_) | Owner::Flux(_))),
        ),
        (Warning::LastAppliedStale, version && workload.last_applied),
        (Warning::Downtime, (version || strategy == Strategy::Restart) && workload.recreate),
        (Warning::PodsDeleted, update.is_some_and(|it| it.ordered)),
        (Warning::PartitionKept, update.is_some_and(|it| it.partition > 0)),
        (Warning::OnDelete, update.is_some_and(|it| it.by == UpdateBy::OnDelete)),
        (Warning::PodByPod, update.is_some() && workload.kind.is_set()),
        (Warning::ConfigStays, revision.is_some_and(|it| it.config_current == Some(false))),
        (Warning::FromStore, revision.is_some_and(|it| it.present != Some(true))),
        (Warning::NotVerified, revision.is_some_and(|it| it.verdict != RevisionVerdict::Verified)),
        (Warning::SeveralChanges, goes_back(strategy) && newer_changes.count() > 1),
        (
            Warning::MigrationBetween,
            found.key == Reason::MigrationBetween && found.verdict == Verdict::Fail,
        ),
        (
            Warning::SeveralMembers,
            version
                && f.s.policy.strategy == policies::Strategy::Workload
                && workload.release.as_ref().is_some_and(|it| it.members_changed.is_none()),
        ),
    ];
    holds.into_iter().filter(|(_, holds)| *holds).map(|(warning, _)| warning).collect()
}

/// What going back takes away too.
fn since_target(found: &target::Found, at: chrono::DateTime<chrono::Utc>) -> bool {
    found.revision.and_then(|it| it.seen_at).is_some_and(|seen| seen < at)
}
