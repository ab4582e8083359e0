//! What the service goes back to: the newest revision that was verified, never blindly the one before.
//!
//! **Invariant:** verdicts hang on template digest and config digest. The same version under another number has
//! the same verdict, and the worst verdict that it was ever given counts.

use std::borrow::Cow;

use super::facts::{Facts, same};
use super::record::rule;
use super::situation::{Change, ReleaseRevision, ReleaseStatus, Revision, Version};
use crate::canonical::Digest;
use crate::changes::Part;
use crate::decisions::{self, Cause, Reason, RuleName, RuleRecord, TargetKind, TargetWorkload};
use crate::policies;
use crate::revisions::RevisionVerdict;
use crate::texts::Lang;
use crate::verdict::Verdict;
use crate::workloads::Owner;

pub(super) struct Found<'a> {
    pub(super) kind: TargetKind,
    pub(super) revision: Option<&'a Revision>,
    release: Option<(&'a str, i64)>,
    pub(super) verdict: Verdict,
    pub(super) key: Reason,
    /// The traffic can be moved instead where nothing can be restored.
    pub(super) traffic: bool,
}

impl Found<'_> {
    /// A person may be asked to go there.
    pub(super) fn can_be_proposed(&self) -> bool {
        self.verdict != Verdict::Fail && (self.revision.is_some() || self.release.is_some())
    }

    pub(super) fn record(&self) -> RuleRecord {
        let record = rule(RuleName::Target, self.verdict, self.key).of(self.kind.as_str());
        match (self.revision, self.release) {
            (Some(revision), _) => record.found(revision.revision as f64),
            (None, Some((_, revision))) => record.found(revision as f64),
            (None, None) if self.traffic => record.found_text("traffic"),
            (None, None) => record,
        }
    }

    pub(super) fn target(&self, f: &Facts) -> Option<decisions::Target> {
        let workload = &f.s.workload;
        let named = TargetWorkload {
            cluster: workload.cluster.clone(),
            namespace: workload.namespace.clone(),
            kind: workload.kind,
            name: workload.name.clone(),
        };
        let reason = Cow::Borrowed(self.key.text(Lang::En));
        if let Some((name, revision)) = self.release {
            return Some(decisions::Target {
                kind: self.kind,
                workload: None,
                revision,
                images: vec![],
                digest: None,
                config_digest: None,
                release: Some(name.to_owned()),
                key: self.key,
                reason,
            });
        }
        let revision = self.revision?;
        Some(decisions::Target {
            kind: self.kind,
            workload: Some(named),
            revision: revision.revision,
            images: revision.images.clone(),
            digest: Some(revision.digest.clone()),
            config_digest: revision.config_digest.clone(),
            release: None,
            key: self.key,
            reason,
        })
    }
}

pub(super) fn target<'a>(f: &Facts<'a>, cause: Cause) -> Found<'a> {
    match () {
        // Who names a revision wants that revision.
        () if f.s.request.as_ref().is_some_and(|it| it.revision.is_some()) => version(f),
        () if named_of_release(f).is_some() => release(f),
        () if cause == Cause::ConfigurationError => config(f),
        () if goes_by_release(f) => release(f),
        () => version(f),
    }
}

/// One bad member is put back alone unless the policy says otherwise; two or more changed together.
fn goes_by_release(f: &Facts) -> bool {
    let workload = &f.s.workload;
    let members = workload.release.as_ref().and_then(|it| it.members_changed).unwrap_or_default();
    let by_helm = matches!(workload.owner, Some(Owner::Helm(_)));
    by_helm && (f.s.policy.strategy == policies::Strategy::Release || members >= 2)
}

fn version<'a>(f: &Facts<'a>) -> Found<'a> {
    let none = |key, verdict| nothing(TargetKind::Workload, key, verdict);
    let Some(revisions) = &f.s.revisions else {
        return none(Reason::RevisionsUnknown, Verdict::Unknown);
    };
    let live = &f.s.workload.live;
    let named = f.s.request.as_ref().and_then(|it| it.revision);
    let others =
        || revisions.iter().filter(|it| it.digest != live.digest).filter(|it| can_be_had(it));
    let (candidate, key) = match named {
        Some(named) => {
            let allowed = |it: &&Revision| verdict(f, it) != RevisionVerdict::Forbidden;
            let called = |it: &&Revision| it.revision == named;
            (newest(others().filter(allowed).filter(called)), Reason::NamedByPerson)
        }
        None => {
            let verified = |it: &&Revision| verdict(f, it) == RevisionVerdict::Verified;
            (newest(others().filter(verified)), Reason::NewestVerified)
        }
    };
    match candidate {
        Some(it) => between(f, it)
            .or_else(|| contradicted(f, it))
            .unwrap_or_else(|| revision(it, key, Verdict::Pass)),
        None if named.is_none() && !any_verified(f) => unverified(f, others()),
        None => none(Reason::NoAllowedTarget, Verdict::Fail),
    }
}

/// Until a first revision was verified, a person may choose to go back to what was at least rolled out once.
fn unverified<'a>(f: &Facts<'a>, others: impl Iterator<Item = &'a Revision>) -> Found<'a> {
    let rolled_out =
        |it: &&Revision| verdict(f, it) == RevisionVerdict::Unknown && it.rolled_out == Some(true);
    match newest(others.filter(rolled_out)) {
        Some(it) => between(f, it)
            .unwrap_or_else(|| revision(it, Reason::NoneVerifiedYet, Verdict::Unknown)),
        None => nothing(TargetKind::Workload, Reason::NoAllowedTarget, Verdict::Fail),
    }
}

fn any_verified(f: &Facts) -> bool {
    let revisions = f.s.revisions.iter().flatten();
    revisions.into_iter().any(|it| it.verdict == RevisionVerdict::Verified)
}

/// In the cluster or kept here, as far as is known.
fn can_be_had(revision: &Revision) -> bool {
    revision.rolled_out != Some(false)
        && !(revision.present == Some(false) && revision.stored != Some(true))
}

fn newest<'a>(revisions: impl Iterator<Item = &'a Revision>) -> Option<&'a Revision> {
    // The rest of the key only makes sure that the order of the list does not matter.
    revisions.max_by_key(|it| {
        let version = (&it.digest, &it.config_digest, &it.migration);
        let flags = (it.present, it.stored, it.config_stored, it.config_current);
        (it.revision, it.seen_at, version, flags, it.immutable_difference)
    })
}

/// In a cluster every number belongs to one template and every version has one number. Where it is told otherwise
/// nobody knows what would be put in place.
fn contradicted<'a>(f: &Facts, target: &'a Revision) -> Option<Found<'a>> {
    let there = |it: &&Revision| it.present != Some(false);
    let told = f.s.revisions.iter().flatten().filter(there);
    let is_it = |it: &Revision| it.digest == target.digest;
    let same_config = |it: &Revision| it.config_digest == target.config_digest;
    let alike = told.filter(|it| {
        (it.revision == target.revision && !is_it(it)) || (is_it(it) && same_config(it))
    });
    (target.present != Some(false) && alike.count() > 1)
        .then(|| revision(target, Reason::RevisionsContradict, Verdict::Unknown))
}

/// The worst that was ever found about this version, under whatever number.
fn verdict(f: &Facts, revision: &Revision) -> RevisionVerdict {
    let is_it = |digest: &Digest, config: Option<&Digest>| {
        same(digest, config, &revision.digest, revision.config_digest.as_ref())
    };
    let held = |it: &Version| is_it(&it.digest, it.config_digest.as_ref());
    if f.s.rails.held.iter().flatten().any(held) {
        return RevisionVerdict::Bad;
    }
    let same_version = |it: &&Revision| is_it(&it.digest, it.config_digest.as_ref());
    let given = f.s.revisions.iter().flatten().filter(same_version).map(|it| it.verdict);
    given.fold(RevisionVerdict::Unknown, |worst, it| match (worst, it) {
        (RevisionVerdict::Forbidden, _) | (_, RevisionVerdict::Forbidden) => {
            RevisionVerdict::Forbidden
        }
        (RevisionVerdict::Bad, _) | (_, RevisionVerdict::Bad) => RevisionVerdict::Bad,
        (RevisionVerdict::Verified, _) | (_, RevisionVerdict::Verified) => {
            RevisionVerdict::Verified
        }
        (RevisionVerdict::Unknown, RevisionVerdict::Unknown) => RevisionVerdict::Unknown,
    })
}

/// What must not be crossed by going back.
fn between<'a>(f: &Facts, target: &'a Revision) -> Option<Found<'a>> {
    let key = match () {
        () if migrated_since(f, target) => Reason::MigrationBetween,
        () if target.immutable_difference == Some(true) => Reason::ImmutableDifference,
        () => return None,
    };
    Some(revision(target, key, Verdict::Fail))
}

fn migrated_since(f: &Facts, target: &Revision) -> bool {
    let migrated = |it: &Change| {
        it.what.contains(&Part::Migration) && target.seen_at.is_none_or(|seen| seen < it.at)
    };
    target.migration != f.s.workload.live.migration || f.s.changes.iter().flatten().any(migrated)
}

fn config<'a>(f: &Facts<'a>) -> Found<'a> {
    let live = &f.s.workload.live;
    let other_config = |it: &&Revision| {
        matches!((&it.config_digest, &live.config_digest), (Some(a), Some(b)) if a != b)
            && verdict(f, it) == RevisionVerdict::Verified
    };
    let Some(revisions) = &f.s.revisions else {
        return nothing(TargetKind::Config, Reason::RevisionsUnknown, Verdict::Unknown);
    };
    let stored = |it: &&Revision| it.config_stored != Some(false);
    let usable = || revisions.iter().filter(other_config).filter(stored);
    // What was verified is a configuration under a template, so that of another template is only a guess.
    let tried = newest(usable().filter(|it| it.digest == live.digest));
    match tried.or_else(|| newest(usable())) {
        Some(it) => {
            let (key, verdict) = match it.config_stored {
                _ if migrated_since(f, it) => (Reason::MigrationBetween, Verdict::Fail),
                _ if tried.is_none() => (Reason::ConfigOfOtherTemplate, Verdict::Unknown),
                Some(true) => (Reason::NewestVerifiedConfig, Verdict::Pass),
                _ => (Reason::ConfigMaybeLost, Verdict::Unknown),
            };
            Found { kind: TargetKind::Config, ..revision(it, key, verdict) }
        }
        None if f.s.workload.share.is_some() => Found {
            traffic: true,
            ..nothing(TargetKind::Config, Reason::TrafficInstead, Verdict::Unknown)
        },
        None => nothing(TargetKind::Config, Reason::NoAllowedTarget, Verdict::Fail),
    }
}

fn named_of_release(f: &Facts) -> Option<i64> {
    f.s.request.as_ref().and_then(|it| it.release_revision)
}

fn release<'a>(f: &Facts<'a>) -> Found<'a> {
    let none = |key, verdict| nothing(TargetKind::Release, key, verdict);
    let Some(release) = &f.s.workload.release else {
        return none(Reason::RevisionsUnknown, Verdict::Unknown);
    };
    let named = named_of_release(f);
    let worst = |revision: i64, of: &[RevisionVerdict]| {
        let told = release.revisions.iter().filter(|it| it.revision == revision);
        told.into_iter().any(|it| of.contains(&it.verdict))
    };
    use RevisionVerdict::{Bad, Forbidden};
    // Helm itself would take the one before, even where that one had failed.
    let usable = |it: &&ReleaseRevision| {
        let allowed = match named {
            Some(named) => it.revision == named && !worst(named, &[Forbidden]),
            None => {
                it.verdict == RevisionVerdict::Verified && !worst(it.revision, &[Bad, Forbidden])
            }
        };
        it.revision != release.revision
            && matches!(it.status, ReleaseStatus::Deployed | ReleaseStatus::Superseded)
            && allowed
    };
    let newest = release.revisions.iter().filter(usable).max_by_key(|it| it.revision);
    let Some(newest) = newest else {
        return none(Reason::NoAllowedTarget, Verdict::Fail);
    };
    let pending = release
        .revisions
        .iter()
        .any(|it| it.revision == release.revision && it.status == ReleaseStatus::Pending);
    let (key, verdict) = match release.hooks_with_jobs {
        _ if newest.migrates == Some(true) => (Reason::MigrationBetween, Verdict::Fail),
        // A helm is at work, or died at it: a second one beside it is for a person to risk.
        _ if pending => (Reason::ReleasePending, Verdict::Unknown),
        Some(false) if named.is_some() => (Reason::NamedByPerson, Verdict::Pass),
        Some(false) => (Reason::NewestVerifiedRelease, Verdict::Pass),
        Some(true) => (Reason::HooksWithJobs, Verdict::Unknown),
        None => (Reason::HooksUnknown, Verdict::Unknown),
    };
    let found = Some((release.name.as_str(), newest.revision));
    Found { release: found, ..none(key, verdict) }
}

fn revision(it: &Revision, key: Reason, verdict: Verdict) -> Found<'_> {
    Found { revision: Some(it), ..nothing(TargetKind::Workload, key, verdict) }
}

fn nothing<'a>(kind: TargetKind, key: Reason, verdict: Verdict) -> Found<'a> {
    Found { kind, revision: None, release: None, verdict, key, traffic: false }
}

/// Whether the target can be put in place by machine: what was pruned, or needs configuration that has moved
/// on, only a person may choose.
pub(super) fn present(f: &Facts, found: &Found) -> RuleRecord {
    use RuleName::TargetPresent as NAME;
    let Some(it) = found.revision.filter(|_| found.kind == TargetKind::Workload) else {
        return rule(NAME, Verdict::Pass, Reason::NothingToFetch);
    };
    let live = f.s.workload.live.config_digest.as_ref();
    // The same contents as now are the contents that are there.
    let current = it.config_current.or_else(|| match (&it.config_digest, live) {
        (Some(its), Some(live)) if its != live => None,
        _ => Some(true),
    });
    let (verdict, key) = match (current, it.present) {
        (Some(false), _) => (Verdict::Fail, Reason::ConfigMoved),
        (_, Some(false)) => (Verdict::Fail, Reason::TargetPruned),
        (None, _) => (Verdict::Unknown, Reason::TargetConfigUnknown),
        (_, None) => (Verdict::Unknown, Reason::TargetMaybePruned),
        (Some(true), Some(true)) => (Verdict::Pass, Reason::TargetInCluster),
    };
    rule(NAME, verdict, key)
}
