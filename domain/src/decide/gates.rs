//! Gates: is a rollback a remedy at all?

use std::borrow::Cow;

use chrono::TimeDelta;

use super::facts::{Attribution, CLOCK_SLACK, Facts, words};
use super::record::{fail, pass, unknown};
use super::situation::{Confirmation, Noticed, Pod};
use crate::decisions::{Reason, RuleName, RuleRecord};
use crate::pods::BadReason;
use crate::signals::Source;
use crate::verdict::Verdict;

/// Of the new revision's pods, the share that must be bad unless none of them was ever ready.
const MOST: f64 = 0.5;

/// It is decided anew every half minute; a confirmation this old says nothing about now.
const STALE: TimeDelta = TimeDelta::minutes(5);

pub(super) fn material_change(f: &Facts) -> RuleRecord {
    use RuleName::MaterialChange as NAME;
    let rule = match f.attribution() {
        Attribution::Unknown if f.s.changes.is_none() => unknown(NAME, Reason::ChangesUnknown),
        Attribution::Unknown if f.unclear_change => unknown(NAME, Reason::ChangeUnclear),
        Attribution::Unknown => unknown(NAME, Reason::OnsetUnknown),
        Attribution::Nothing => fail(NAME, Reason::NothingChanged),
        Attribution::Immaterial => fail(NAME, Reason::ChangeImmaterial),
        Attribution::AfterOnset => fail(NAME, Reason::ChangedAfterOnset),
        Attribution::TooLongAgo => fail(NAME, Reason::ChangedTooLongAgo),
        Attribution::Within => pass(NAME, Reason::ChangedBeforeOnset),
    };
    let changes = || f.s.changes.iter().flatten();
    let Some(change) = f.change.or(changes().max_by_key(|it| it.at)) else { return rule };
    let parts = match f.change {
        Some(_) => f.parts.clone(),
        None => {
            let newest = changes().filter(|it| it.at == change.at);
            newest.flat_map(|it| it.what.iter().copied()).collect()
        }
    };
    let rule = rule.of(words(parts)).limited(f64::from(f.s.policy.gates.attribution_s));
    match f.s.alert.onset {
        Some(onset) => rule.found((onset - change.at).as_seconds_f64()),
        None => rule,
    }
}

pub(super) fn clean_before(f: &Facts) -> RuleRecord {
    use RuleName::CleanBefore as NAME;
    let least = f.s.policy.gates.clean_before_s;
    let rule = match (f.change, f.s.measurement.before) {
        (None, _) => unknown(NAME, Reason::NoChangeToLookBefore),
        (Some(_), _) if least == 0 => pass(NAME, Reason::NotAsked),
        (Some(_), None) => unknown(NAME, Reason::BeforeUnknown),
        (Some(_), Some(before)) => {
            let broken_off = before.watched_s.is_some_and(|it| it <= before.clean_s);
            let contradicts = before.watched_s.is_some_and(|it| it < before.clean_s);
            let rule = match before.clean_s {
                _ if contradicts => unknown(NAME, Reason::BeforeContradicts),
                clean if clean >= least => pass(NAME, Reason::CleanBefore),
                _ if broken_off => unknown(NAME, Reason::WatchedTooShort),
                _ => fail(NAME, Reason::BadBefore),
            };
            rule.found(f64::from(before.clean_s))
        }
    };
    rule.limited(f64::from(least))
}

pub(super) fn new_is_bad(f: &Facts) -> RuleRecord {
    use RuleName::NewIsBad as NAME;
    if f.s.pods.is_none() {
        return unknown(NAME, Reason::PodsUnknown);
    }
    if f.new.is_empty() {
        return unknown(NAME, Reason::NoNewPods);
    }
    let bad: Vec<&Pod> = f.new.iter().copied().filter(|it| it.bad.is_some()).collect();
    let share = bad.len() as f64 / f.new.len() as f64;
    let contradicts =
        |it: &&Pod| it.ready == Some(true) && (it.bad.is_some() || it.ever_ready == Some(false));
    if f.new.iter().any(contradicts) {
        return unknown(NAME, Reason::PodsContradict).found(share);
    }
    let never_ready = f.new.iter().all(|it| it.ever_ready == Some(false) && it.ready != Some(true));
    let rule = match () {
        () if never_ready && (!bad.is_empty() || f.rollout_is_stuck()) => {
            return pass(NAME, Reason::NewNeverReady).found(share);
        }
        () if never_ready => unknown(NAME, Reason::NewStillStarting),
        () if bad.is_empty() && f.is_measured() => return new_measures_bad(f),
        () if bad.is_empty() => fail(NAME, Reason::NewIsGood),
        () if share < MOST && !f.is_named() => fail(NAME, Reason::TooFewNewBad),
        () => spread(f, &bad),
    };
    rule.found(share).limited(if f.is_named() { 0.0 } else { MOST })
}

/// Bad pods speak against the revision only where their nodes do not explain them.
fn spread(f: &Facts, bad: &[&Pod]) -> RuleRecord {
    use RuleName::NewIsBad as NAME;
    let first = bad[0].node();
    let one_node = first.is_some() && bad.iter().all(|it| it.node() == first);
    // A policy that names the signal takes a single bad pod for enough, and one pod is always on one node.
    let single_is_enough = f.is_named() && bad.len() == 1;
    if one_node && !single_is_enough {
        return fail(NAME, Reason::BadOnOneNode).of(first.unwrap_or_default().to_owned());
    }
    let somewhere = |it: &&&Pod| it.node().is_none() && it.bad != Some(BadReason::Unschedulable);
    let lost = bad.iter().filter(somewhere).count();
    let mut placed = bad.iter().filter_map(|it| it.node());
    let another = placed.next().is_some_and(|first| placed.any(|it| it != first));
    if lost > 0 && !another {
        return unknown(NAME, Reason::NodesUnknown);
    }
    match any_well(f, bad) {
        Verdict::Pass if f.is_named() => pass(NAME, Reason::NamedAnyNewBad),
        Verdict::Pass => pass(NAME, Reason::MostNewBad),
        Verdict::Fail => fail(NAME, Reason::BadOnWeakNodes),
        Verdict::Unknown => unknown(NAME, Reason::NodesUnknown),
    }
}

/// Whether one of the pods at least is on a node that is well, or waits for one.
pub(super) fn any_well(f: &Facts, pods: &[&Pod]) -> Verdict {
    let mut seen = Verdict::Fail;
    for pod in pods {
        let well = match pod.node() {
            Some(node) => f.is_healthy(node),
            // Whatever else a pod does, it does on a node, and here nobody knows on which.
            None => (pod.bad == Some(BadReason::Unschedulable)).then_some(true),
        };
        match well {
            Some(true) => return Verdict::Pass,
            None => seen = Verdict::Unknown,
            Some(false) => {}
        }
    }
    seen
}

/// Every new pod is up, and a signal of the whole service is bad: it speaks of the new revision where it
/// is measured apart, or where nothing else serves.
fn new_measures_bad(f: &Facts) -> RuleRecord {
    use RuleName::NewIsBad as NAME;
    let signal = f.s.signal.as_ref();
    let limited = |rule: RuleRecord| match signal {
        Some(signal) => rule.limited(signal.limit),
        None => rule,
    };
    let apart = f.s.measurement.new_value;
    let Some(value) = apart.or(f.value).filter(|it| f.can_be(*it)) else {
        return limited(unknown(NAME, Reason::NotMeasured));
    };
    let alone = f.old.is_empty() && f.strangers.is_empty();
    let rule = match () {
        () if !f.fires(value) => fail(NAME, Reason::NewIsGood),
        () if apart.is_none() && !alone => unknown(NAME, Reason::RevisionsMixed),
        () => match any_well(f, &f.new) {
            Verdict::Pass => pass(NAME, Reason::NewOutsideLimit),
            Verdict::Fail => fail(NAME, Reason::BadOnWeakNodes),
            Verdict::Unknown => unknown(NAME, Reason::NodesUnknown),
        },
    };
    limited(rule.found(value))
}

pub(super) fn old_was_good(f: &Facts) -> RuleRecord {
    use RuleName::OldWasGood as NAME;
    if f.s.pods.is_none() {
        return unknown(NAME, Reason::PodsUnknown);
    }
    let bad = f.old.iter().filter(|it| it.bad.is_some()).count();
    let measured = f.s.measurement.old_value.filter(|_| f.is_measured());
    let by_measurement = f.is_measured() && f.new.iter().all(|it| it.bad.is_none());
    let rule = match () {
        () if bad > 0 => fail(NAME, Reason::OldIsBad),
        () if measured.is_some_and(|it| f.fires(it)) => fail(NAME, Reason::OldOutsideLimit),
        () if !f.strangers.is_empty() => unknown(NAME, Reason::PodsOfUnknownRevision),
        () if f.old.is_empty() => pass(NAME, Reason::NoOldPods),
        () if !f.old.iter().all(|it| it.is_good()) => unknown(NAME, Reason::OldUnclear),
        // Where only a measurement speaks against the new one, only a measurement clears the old one.
        () if by_measurement && !measured.is_some_and(|it| f.can_be(it)) => {
            unknown(NAME, Reason::RevisionsMixed)
        }
        () => pass(NAME, Reason::OldIsGood),
    };
    rule.of(Cow::Owned(format!("{} pods", f.old.len()))).found(bad as f64).limited(0.0)
}

pub(super) fn enough_traffic(f: &Facts) -> RuleRecord {
    use RuleName::EnoughTraffic as NAME;
    let Some(signal) = &f.s.signal else { return pass(NAME, Reason::NoShare) };
    let ratio = matches!(signal.source, Source::Ratio { .. });
    let latency = is_latency(&signal.unit) && matches!(signal.source, Source::Value { .. });
    let requests = f.s.measurement.requests_in_window;
    let rule = match requests {
        None if ratio => unknown(NAME, Reason::TrafficUnknown),
        Some(_) if (ratio || latency) && f.too_few_requests() => {
            unknown(NAME, Reason::TooLittleTraffic)
        }
        Some(_) if ratio || latency => pass(NAME, Reason::EnoughTraffic),
        _ => pass(NAME, Reason::NoShare),
    };
    let rule = rule.limited(f64::from(f.s.policy.gates.min_requests));
    match requests {
        Some(requests) => rule.found(requests),
        None => rule,
    }
}

/// A latency over three requests says as little as a share of them.
fn is_latency(unit: &str) -> bool {
    matches!(unit, "s" | "ms" | "seconds" | "milliseconds")
}

pub(super) fn second_source(f: &Facts) -> RuleRecord {
    use RuleName::SecondSource as NAME;
    let alert = &f.s.alert;
    let limit = f.s.policy.gates.second_source_s;
    let own = |it: &Confirmation| matches!(it.by, Noticed::Promql | Noticed::Watch);
    let patience = TimeDelta::seconds(i64::from(limit));
    // What we saw ourselves stands until we look again and do not see it, or cannot look for longer than a second
    // source may take.
    let just_seen = alert.received_at.is_some_and(|it| (f.s.at - it).abs() <= patience);
    let doubted = alert.second_source.as_ref().filter(|it| own(it)).is_some_and(|it| {
        it.verdict == Verdict::Fail || (it.verdict == Verdict::Unknown && !just_seen)
    });
    if f.is_first_hand() && !doubted {
        return pass(NAME, Reason::SeenFirstHand).of(sources(&alert.sources));
    }
    let Some(second) = &alert.second_source else {
        let key = match (&f.s.request, alert.sources.is_empty()) {
            (Some(_), true) => Reason::OnlyAPerson,
            _ => Reason::NobodyConfirms,
        };
        return unknown(NAME, key).of(sources(&alert.sources));
    };
    let late = second.checked_at - alert.received_at.unwrap_or(f.s.at);
    let in_time = late.abs() <= patience;
    let age = f.s.at - second.checked_at;
    let rule = match second.verdict {
        Verdict::Fail => fail(NAME, Reason::SecondDisagrees),
        Verdict::Unknown => unknown(NAME, Reason::SecondUnknown),
        Verdict::Pass if !own(second) => unknown(NAME, Reason::SecondIsNotOurs),
        Verdict::Pass if !in_time => unknown(NAME, Reason::SecondTooLate),
        Verdict::Pass if age < -patience => unknown(NAME, Reason::ClockWrong),
        Verdict::Pass if age > STALE => unknown(NAME, Reason::SecondStale),
        Verdict::Pass => pass(NAME, Reason::SecondAgrees),
    };
    rule.of(second.by.as_str()).found(late.as_seconds_f64()).limited(f64::from(limit))
}

fn sources(sources: &[Noticed]) -> String {
    let mut words: Vec<_> = sources.iter().map(|it| it.as_str()).collect();
    words.sort_unstable();
    words.join(", ")
}

pub(super) fn young(f: &Facts) -> RuleRecord {
    use RuleName::Young as NAME;
    let limit = f.s.policy.gates.alert_age_s;
    let Some(onset) = f.s.alert.onset else {
        return unknown(NAME, Reason::OnsetUnknown).limited(f64::from(limit));
    };
    let age = f.s.at - onset;
    let rule = match age {
        age if age < -CLOCK_SLACK => unknown(NAME, Reason::OnsetInTheFuture),
        age if age < TimeDelta::seconds(i64::from(limit)) => pass(NAME, Reason::Young),
        _ => fail(NAME, Reason::TooOld),
    };
    rule.found(age.as_seconds_f64()).limited(f64::from(limit))
}
