//! Where the trouble comes from (KPHub's strategy matrix).
//!
//! **Invariant:** owners and revisions decide, never names: an alert's text may point at the wrong place. What
//! speaks for the surroundings can only take automation away.

use std::borrow::Cow;

use super::facts::{Attribution, Facts, words};
use super::gates::any_well;
use super::images;
use super::record::rule;
use super::situation::{Hits, Pod, ReasonKind, Trouble, TroubleKind};
use crate::changes::Part;
use crate::decisions::{Cause, Reason, RuleName, RuleRecord};
use crate::pods::BadReason;
use crate::verdict::Verdict;

pub(super) struct Found {
    pub(super) cause: Cause,
    pub(super) key: Reason,
    pub(super) verdict: Verdict,
    input: Cow<'static, str>,
}

impl Found {
    pub(super) fn record(&self) -> RuleRecord {
        let record = rule(RuleName::Cause, self.verdict, self.key).of(self.input.clone());
        record.found_text(self.cause.as_str())
    }
}

fn found(cause: Cause, key: Reason) -> Found {
    // Going back to another version is a remedy against these two alone.
    let verdict = match cause {
        Cause::CodeDefect | Cause::ConfigurationError => Verdict::Pass,
        Cause::Unknown => Verdict::Unknown,
        _ => Verdict::Fail,
    };
    Found { cause, key, verdict, input: Cow::Borrowed("") }
}

pub(super) fn cause(f: &Facts) -> Found {
    data(f)
        .or_else(|| trouble(f, |kind| !is_of_nodes(kind)))
        .or_else(|| nodes(f))
        .or_else(|| trouble(f, is_of_nodes))
        .or_else(|| alike(f))
        .or_else(|| unexplained(f))
        .unwrap_or_else(|| change(f))
}

fn data(f: &Facts) -> Option<Found> {
    let asked =
        f.s.request.as_ref().is_some_and(|it| it.reason_kind == ReasonKind::DataInconsistent);
    let signal = f.s.signal.as_ref().is_some_and(|it| it.is_about_data());
    if signal || f.s.data.inconsistent == Some(true) {
        return Some(found(Cause::DataProblem, Reason::DataInconsistent));
    }
    asked.then(|| found(Cause::DataProblem, Reason::PersonSaysData))
}

fn is_of_nodes(kind: TroubleKind) -> bool {
    matches!(kind, TroubleKind::NodePressure | TroubleKind::NodeReboot | TroubleKind::Eviction)
}

/// Something around the workload is wrong, and the change does not explain it.
fn trouble(f: &Facts, of_kind: impl Fn(TroubleKind) -> bool) -> Option<Found> {
    let troubles = f.s.environment.iter().flatten();
    let decisive = troubles.filter(|it| of_kind(it.kind) && !is_explained(f, it));
    let first = decisive.min_by_key(|it| (it.kind, &it.message))?;
    let key = match first.kind {
        TroubleKind::Quota => Reason::QuotaExceeded,
        TroubleKind::Scheduling => Reason::CannotSchedule,
        TroubleKind::HpaAtMaximum => Reason::HpaAtMaximum,
        TroubleKind::NodePressure => Reason::NodesUnderPressure,
        TroubleKind::NodeReboot => Reason::NodesRebooted,
        TroubleKind::Eviction => Reason::PodsEvicted,
        TroubleKind::Volume => Reason::VolumeFails,
        TroubleKind::Certificate => Reason::CertificateFails,
        TroubleKind::NetworkPolicy => Reason::NetworkPolicyBlocks,
        TroubleKind::Registry => Reason::RegistryGone,
        TroubleKind::PullSecret => Reason::PullSecretGone,
        TroubleKind::Dependency => Reason::DependencyDown,
    };
    let input = first.message.clone().map_or(Cow::Borrowed(""), Cow::Owned);
    Some(Found { input, ..found(Cause::ResourceOrEnvironment, key) })
}

/// What the new revision brought upon itself hits its own pods alone, and going back gives it up.
fn is_explained(f: &Facts, trouble: &Trouble) -> bool {
    let changed = |parts: &[Part]| f.explained_by().iter().any(|it| parts.contains(it));
    // Who serves well beside it needs the same things and has them.
    let old_serves = || !f.old.is_empty() && f.old.iter().all(|it| it.is_good());
    let own_image =
        || images::elsewhere(f) || images::is_none(trouble.message.as_deref().unwrap_or_default());
    trouble.hits == Hits::New
        && match trouble.kind {
            TroubleKind::Quota | TroubleKind::Eviction => changed(&[Part::Resources]),
            TroubleKind::Scheduling => changed(&[Part::Resources, Part::Spec]),
            TroubleKind::Volume => changed(&[Part::Volumes]),
            // Pods that run already pull no image, so they are no witnesses for the registry.
            TroubleKind::Registry => changed(&[Part::Image]) && own_image(),
            TroubleKind::PullSecret => {
                changed(&[Part::Spec]) || (changed(&[Part::Image]) && own_image())
            }
            TroubleKind::Dependency => {
                old_serves() && changed(&[Part::Env, Part::Config, Part::Command])
            }
            TroubleKind::Certificate => {
                old_serves() && changed(&[Part::Env, Part::Config, Part::Volumes])
            }
            TroubleKind::HpaAtMaximum
            | TroubleKind::NodePressure
            | TroubleKind::NodeReboot
            | TroubleKind::NetworkPolicy => false,
        }
}

/// Bad pods that follow nodes, whatever revision they are of.
fn nodes(f: &Facts) -> Option<Found> {
    let all = || f.new.iter().chain(&f.old).chain(&f.strangers).copied();
    let bad: Vec<&Pod> = all().filter(|it| f.suffers(it) && it.node().is_some()).collect();
    let hit = |pod: &Pod| bad.iter().any(|it| it.node() == pod.node());
    let good_elsewhere = || all().any(|it| it.is_good() && it.node().is_some() && !hit(it));
    let weak = |pods: &[&Pod]| !pods.is_empty() && any_well(f, pods) == Verdict::Fail;

    let first = bad.first().and_then(|it| it.node()).unwrap_or_default();
    let partial = |key| Found {
        input: Cow::Owned(first.to_owned()),
        ..found(Cause::PartialNodeFailure, key)
    };
    let everywhere = || found(Cause::ResourceOrEnvironment, Reason::NodesUnderPressure);
    if bad.is_empty() {
        let serving: Vec<&Pod> = all().collect();
        return (f.is_measured() && weak(&serving)).then(everywhere);
    }
    if weak(&bad) {
        let part = good_elsewhere();
        return Some(if part { partial(Reason::WeakNodesHit) } else { everywhere() });
    }
    let good_beside = all().any(|it| it.is_good() && hit(it));
    if bad.len() < 2 || good_beside {
        return None;
    }
    let among = |pods: &[&Pod]| pods.iter().any(|it| f.suffers(it) && it.node().is_some());
    let both = among(&f.new) && among(&f.old);
    let one_node = bad.iter().all(|it| it.node() == bad[0].node());
    // Pods of the same revision that are well on other nodes are what clears the revision.
    let sibling = |pods: &[&Pod]| {
        among(pods) && pods.iter().any(|it| it.is_good() && it.node().is_some() && !hit(it))
    };
    let cleared = sibling(&f.new) || (both && sibling(&f.old));
    let follows = (both || one_node) && (cleared || (!among(&f.new) && good_elsewhere()));
    follows.then(|| partial(Reason::FollowsNodes))
}

/// What hits the old revision as it hits the new one does not come from the new one.
fn alike(f: &Facts) -> Option<Found> {
    let share = |pods: &[&Pod]| {
        let bad = pods.iter().filter(|it| it.bad.is_some()).count();
        bad as f64 / pods.len().max(1) as f64
    };
    let (new, old) = (share(&f.new), share(&f.old));
    if new > 0.0 && old > 0.0 && (old * 2.0 >= new || cannot_start_alike(f)) {
        return Some(found(Cause::ResourceOrEnvironment, Reason::OldAndNewAlike));
    }
    if old > 0.0 && new == 0.0 {
        return Some(found(Cause::Unknown, Reason::OnlyOldIsBad));
    }
    let fires = |it: Option<f64>| it.filter(|it| f.can_be(*it)).map(|it| f.fires(it));
    match (fires(f.s.measurement.new_value), fires(f.s.measurement.old_value)) {
        (Some(true), Some(true)) => {
            Some(found(Cause::ResourceOrEnvironment, Reason::OldAndNewAlike))
        }
        (Some(false), Some(true)) => Some(found(Cause::Unknown, Reason::OnlyOldIsBad)),
        _ => None,
    }
}

/// Pods that run already do not show what keeps others from starting, so one old pod that cannot start for the
/// same reason speaks for all of them.
fn cannot_start_alike(f: &Facts) -> bool {
    let at_start = |it: &BadReason| {
        matches!(it, BadReason::ImagePull | BadReason::CannotStart | BadReason::Unschedulable)
    };
    let mut of_old = f.old.iter().filter_map(|it| it.bad).filter(at_start);
    of_old.any(|reason| f.new.iter().any(|it| it.bad == Some(reason)))
}

/// All bad pods suffer from something that the change cannot have brought.
fn unexplained(f: &Facts) -> Option<Found> {
    // Where nobody knows what changed, nobody knows what it cannot have brought.
    if f.attribution() == Attribution::Unknown {
        return None;
    }
    let bad = || f.new.iter().filter(|it| it.bad.is_some());
    let key = foreign(f, bad().next()?)?;
    let all = bad().all(|it| foreign(f, it).is_some());
    all.then(|| found(Cause::ResourceOrEnvironment, key))
}

/// What a pod suffers from, where that does not come from the change.
fn foreign(f: &Facts, pod: &Pod) -> Option<Reason> {
    let changed = |of: &[Part]| f.explained_by().iter().any(|it| of.contains(it));
    let message = pod.message.as_deref().unwrap_or_default();
    match pod.bad? {
        BadReason::ImagePull if !changed(&[Part::Image, Part::Container, Part::Spec]) => {
            Some(Reason::SameImageCannotBePulled)
        }
        BadReason::ImagePull if images::elsewhere(f) => None,
        BadReason::ImagePull => images::withheld(message),
        BadReason::Unschedulable if !changed(&[Part::Resources, Part::Spec, Part::Volumes]) => {
            Some(Reason::CannotSchedule)
        }
        // The template named this ConfigMap or Secret before, and then it was there.
        BadReason::CannotStart
            if images::lacks_a_reference(message)
                && !changed(&[
                    Part::Env,
                    Part::Volumes,
                    Part::Container,
                    Part::Config,
                    Part::Spec,
                ]) =>
        {
            Some(Reason::ReferencedGone)
        }
        _ => None,
    }
}

fn change(f: &Facts) -> Found {
    if f.explained_by().is_empty() {
        return found(
            Cause::Unknown,
            match f.attribution() {
                Attribution::Unknown => Reason::CauseUnknown,
                _ if f.is_saturation() => Reason::FillsUpWithoutChange,
                _ => Reason::NoChangeExplains,
            },
        );
    }
    let by_change = match () {
        () if f.changed_only(Part::Migration) => {
            found(Cause::Unknown, Reason::OnlyMigrationChanged)
        }
        () if f.changed_only(Part::Config) => {
            found(Cause::ConfigurationError, Reason::OnlyConfigChanged)
        }
        () => found(Cause::CodeDefect, Reason::TemplateChanged),
    };
    let not_looked = match () {
        () if f.s.environment.is_none() => Some(Reason::EnvironmentUnknown),
        () if f.s.nodes.is_none() => Some(Reason::NodesUnknown),
        () if nodes_are_unclear(f) => Some(Reason::NodesUnknown),
        () => None,
    };
    let by_change = Found { input: Cow::Owned(words(f.parts.clone())), ..by_change };
    match not_looked {
        // The best guess names the strategy, and a person judges it.
        Some(key) => Found { key, verdict: Verdict::Unknown, ..by_change },
        None => by_change,
    }
}

fn nodes_are_unclear(f: &Facts) -> bool {
    let bad: Vec<&Pod> = f.new.iter().copied().filter(|it| f.suffers(it)).collect();
    !bad.is_empty() && any_well(f, &bad) == Verdict::Unknown
}
