//! What several rules need, read off a situation once.

use chrono::{DateTime, TimeDelta, Utc};

use super::situation::{Change, Measurement, Node, Noticed, Pod, Situation, Version};
use crate::canonical::Digest;
use crate::changes::Part;
use crate::signals::{Signal, Source, WatchSignal};
use crate::workloads::Rollout;

/// Clocks of a cluster and of ours never agree to the second, and Kubernetes writes whole seconds.
pub(super) const CLOCK_SLACK: TimeDelta = TimeDelta::seconds(5);

/// What is done in one go is seen in pieces: a chart's ConfigMap some seconds beside its Deployment.
const TOGETHER: TimeDelta = TimeDelta::seconds(60);

pub(super) struct Facts<'a> {
    pub(super) s: &'a Situation,
    /// The newest change that can alter what the pods do.
    pub(super) change: Option<&'a Change>,
    /// What was changed with it, material or not.
    pub(super) parts: Vec<Part>,
    /// One of the changes that belong together was a rollback of ours.
    pub(super) ours: bool,
    /// When the first of the changes was made that belong together with the newest.
    since: Option<DateTime<Utc>>,
    /// A change that nobody described belongs to it or is newer.
    pub(super) unclear_change: bool,
    /// Pods of the live version, and of others; without those that are being deleted.
    pub(super) new: Vec<&'a Pod>,
    pub(super) old: Vec<&'a Pod>,
    /// Pods whose revision is not known.
    pub(super) strangers: Vec<&'a Pod>,
    /// The signal's value; None where it could not be measured.
    pub(super) value: Option<f64>,
}

/// How the newest material change lies to the onset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribution {
    /// Nobody knows what changed, or when the trouble began.
    Unknown,
    Nothing,
    Immaterial,
    AfterOnset,
    TooLongAgo,
    Within,
}

impl<'a> Facts<'a> {
    pub(super) fn new(s: &'a Situation) -> Self {
        let changes = s.changes.as_deref().unwrap_or_default();
        let material = || changes.iter().filter(|it| it.is_material());
        let change = material().max_by_key(|it| it.at);
        let belongs = |it: &&Change| change.is_none_or(|newest| newest.at - it.at <= TOGETHER);
        let mut parts: Vec<_> =
            material().filter(belongs).flat_map(|it| it.what.iter().copied()).collect();
        parts.sort_unstable();
        parts.dedup();
        let mut res = Self {
            s,
            change,
            parts,
            ours: material().filter(belongs).any(|it| it.ours),
            since: material().filter(belongs).map(|it| it.at).min(),
            unclear_change: changes.iter().filter(belongs).any(|it| it.what.is_empty()),
            new: vec![],
            old: vec![],
            strangers: vec![],
            value: None,
        };
        for pod in s.pods.iter().flatten().filter(|it| !it.terminating) {
            match s.is_new(pod) {
                Some(true) => res.new.push(pod),
                Some(false) => res.old.push(pod),
                None => res.strangers.push(pod),
            }
        }
        // The order in which a cluster tells its pods means nothing.
        for pods in [&mut res.new, &mut res.old, &mut res.strangers] {
            pods.sort_by_key(|it| (&it.node, &it.name, it.bad, it.ready));
        }
        res.value = s.signal.as_ref().and_then(|it| res.measure(it)).filter(|it| res.can_be(*it));
        res
    }

    /// Nothing lies below zero on a scale that begins there, and no measured value is infinite.
    pub(super) fn can_be(&self, value: f64) -> bool {
        let from_zero =
            self.s.signal.as_ref().is_some_and(|it| {
                [it.limit, it.ceiling, it.baseline].into_iter().all(|it| it >= 0.0)
            });
        value.is_finite() && (value >= 0.0 || !from_zero)
    }

    fn measure(&self, signal: &Signal) -> Option<f64> {
        let measured = &self.s.measurement;
        match &signal.source {
            Source::Watch(watch) => match self.bad_share(*watch) {
                Some(share) if signal.unit == "pods" => Some(share * self.new.len() as f64),
                Some(share) => Some(share),
                None => measured.value,
            },
            Source::Ratio { .. } if self.too_few_requests() => None,
            Source::Ratio { .. } => share(measured),
            Source::Value { .. } | Source::None => measured.value,
        }
    }

    /// The share of the new revision's pods that are bad; None where there are none to look at.
    pub(super) fn bad_share(&self, watch: WatchSignal) -> Option<f64> {
        let waits = matches!(watch, WatchSignal::Stuck | WatchSignal::NotReady);
        let counts = |it: &&&Pod| self.suffers(it) || (waits && it.ready == Some(false));
        let bad = self.new.iter().filter(counts).count();
        (!self.new.is_empty()).then(|| bad as f64 / self.new.len() as f64)
    }

    /// It is bad, or its rollout has given up waiting for it.
    pub(super) fn suffers(&self, pod: &Pod) -> bool {
        pod.bad.is_some() || (self.rollout_is_stuck() && pod.ready == Some(false))
    }

    pub(super) fn rollout_is_stuck(&self) -> bool {
        matches!(self.s.workload.rollout, Some(Rollout::Stuck { .. }))
    }

    pub(super) fn too_few_requests(&self) -> bool {
        let least = f64::from(self.s.policy.gates.min_requests);
        let requests = self.s.measurement.requests_in_window;
        requests.is_some_and(|it| it < least || !it.is_finite())
    }

    /// The signal is about measurements of the whole service, not about single pods.
    pub(super) fn is_measured(&self) -> bool {
        let source = self.s.signal.as_ref().map(|it| &it.source);
        matches!(source, Some(Source::Ratio { .. } | Source::Value { .. } | Source::None))
    }

    pub(super) fn fires(&self, value: f64) -> bool {
        self.s.signal.as_ref().is_some_and(|it| it.fires(value))
    }

    /// Memory, processor time, connections: what fills up, in contrast to a share of requests or a latency.
    pub(super) fn is_saturation(&self) -> bool {
        const UNITS: &[&str] = &["ratio", "percent", "%", "bytes", "cores"];
        let oom = |it: &&Pod| it.bad == Some(crate::pods::BadReason::Oom);
        self.s.signal.as_ref().is_some_and(|signal| match &signal.source {
            Source::Watch(watch) => *watch == WatchSignal::Oom,
            Source::Value { .. } => {
                signal.comparison == crate::signals::Comparison::Greater
                    && UNITS.contains(&signal.unit.as_str())
            }
            Source::Ratio { .. } | Source::None => false,
        }) || self.new.iter().any(oom)
    }

    /// The policy makes this signal automatic whatever the score.
    pub(super) fn is_named(&self) -> bool {
        let rules = &self.s.policy.automatic_rules;
        self.s.signal.as_ref().is_some_and(|signal| rules.contains(&signal.name))
    }

    pub(super) fn attribution(&self) -> Attribution {
        let Some(changes) = &self.s.changes else { return Attribution::Unknown };
        if self.unclear_change {
            return Attribution::Unknown;
        }
        let Some(change) = self.change else {
            return if changes.is_empty() { Attribution::Nothing } else { Attribution::Immaterial };
        };
        let Some(onset) = self.s.alert.onset else { return Attribution::Unknown };
        let window = TimeDelta::seconds(i64::from(self.s.policy.gates.attribution_s));
        match () {
            () if onset - self.since.unwrap_or(change.at) < -CLOCK_SLACK => Attribution::AfterOnset,
            () if onset - change.at > window => Attribution::TooLongAgo,
            () => Attribution::Within,
        }
    }

    /// The parts that were changed that explains the onset; none where no change does.
    pub(super) fn explained_by(&self) -> &[Part] {
        match self.attribution() {
            Attribution::Within => &self.parts,
            _ => &[],
        }
    }

    /// The parts of that change that matter are all of this kind.
    pub(super) fn changed_only(&self, part: Part) -> bool {
        self.parts.iter().filter(|it| it.material()).all(|it| *it == part)
    }

    /// Whether a node is well; None where that is not known.
    pub(super) fn is_healthy(&self, name: &str) -> Option<bool> {
        let told = || self.s.nodes.iter().flatten().filter(|it| it.name == name);
        let weak = |it: &Node| {
            it.ready == Some(false)
                || it.pressure == Some(true)
                || it.rebooted_at.is_some_and(|at| self.is_recent(at))
        };
        if told().any(weak) {
            return Some(false);
        }
        let well = |it: &Node| it.ready == Some(true) && it.pressure == Some(false);
        (told().next().is_some() && told().all(well)).then_some(true)
    }

    /// Late enough to have to do with the trouble.
    fn is_recent(&self, at: DateTime<Utc>) -> bool {
        let window = TimeDelta::seconds(i64::from(self.s.policy.gates.attribution_s));
        self.s.alert.onset.unwrap_or(self.s.at) - at <= window
    }

    /// Our own PromQL or the watch says so itself.
    pub(super) fn is_first_hand(&self) -> bool {
        let own = |it: &Noticed| matches!(it, Noticed::Promql | Noticed::Watch);
        self.s.alert.sources.iter().any(own)
    }
}

impl Situation {
    /// Whether a pod is of the live version; None where its revision is not known.
    fn is_new(&self, pod: &Pod) -> Option<bool> {
        let live = &self.workload.live;
        let digest = pod.digest.as_ref()?;
        Some(same(digest, pod.config_digest.as_ref(), &live.digest, live.config_digest.as_ref()))
    }

    pub(crate) fn is_live(&self, version: &Version) -> bool {
        let live = &self.workload.live;
        let (digest, config) = (&version.digest, version.config_digest.as_ref());
        same(digest, config, &live.digest, live.config_digest.as_ref())
    }
}

/// Two versions are one unless template or configuration are known to differ.
pub(super) fn same(
    a: &Digest,
    a_config: Option<&Digest>,
    b: &Digest,
    b_config: Option<&Digest>,
) -> bool {
    a == b && (a_config.is_none() || b_config.is_none() || a_config == b_config)
}

impl Change {
    pub(super) fn is_material(&self) -> bool {
        self.what.iter().any(|it| it.material())
    }
}

/// `image, env`, for people, in whatever order they were told.
pub(super) fn words(mut parts: Vec<Part>) -> String {
    parts.sort_unstable();
    parts.dedup();
    let words: Vec<_> = parts.iter().map(|it| it.as_str()).collect();
    words.join(", ")
}

/// A share as it was measured or is computed here; None where the two contradict each other, and where there was
/// nothing to have a share of.
fn share(measured: &Measurement) -> Option<f64> {
    let Measurement { value, numerator, denominator, .. } = *measured;
    let count = |it: f64| it.is_finite() && it >= 0.0;
    if ![numerator, denominator].into_iter().flatten().all(count) {
        return None;
    }
    match (value, denominator) {
        (Some(value), None) => Some(value),
        (value, Some(below)) if below > 0.0 => {
            let computed = numerator.unwrap_or(0.0) / below;
            // What was written down rounded is still the same.
            let agrees = |it: f64| (it - computed).abs() <= 0.01 * it.abs().max(computed.abs());
            value.is_none_or(agrees).then_some(computed)
        }
        _ => None,
    }
}

impl Pod {
    pub(super) fn is_good(&self) -> bool {
        self.bad.is_none() && self.ready == Some(true)
    }

    pub(super) fn node(&self) -> Option<&str> {
        self.node.as_deref().filter(|it| !it.is_empty())
    }
}
