//! What several rules need, read off a situation once.

use chrono::{DateTime, TimeDelta, Utc};

use super::situation::{Change, Noticed, Pod, Situation, Version};
use crate::canonical::Digest;
use crate::changes::Part;
use crate::signals::{Signal, Source, WatchSignal};
use crate::workloads::Rollout;

/// Clocks of a cluster and of ours never agree to the second, and Kubernetes writes whole seconds.
pub(super) const CLOCK_SLACK: TimeDelta = TimeDelta::seconds(5);

pub(super) struct Facts<'a> {
    pub(super) s: &'a Situation,
    /// The newest change that can alter what the pods do.
    pub(super) change: Option<&'a Change>,
    /// A change that nobody described is newer than that.
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
        let newest = |changes: &mut dyn Iterator<Item = &'a Change>| changes.max_by_key(|it| it.at);
        let change = newest(&mut changes.iter().filter(|it| it.is_material()));
        let unclear = newest(&mut changes.iter().filter(|it| it.what.is_empty()));
        let unclear_change =
            unclear.is_some_and(|it| change.is_none_or(|material| material.at < it.at));
        let mut res = Self {
            s,
            change,
            unclear_change,
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
        res.value = s.signal.as_ref().and_then(|it| res.measure(it)).filter(|it| it.is_finite());
        res
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
            Source::Ratio { .. } => measured.value.or_else(|| {
                let denominator = measured.denominator.filter(|it| *it > 0.0)?;
                Some(measured.numerator.unwrap_or(0.0) / denominator)
            }),
            Source::Value { .. } | Source::None => measured.value,
        }
    }

    /// The share of the new revision's pods that are bad; None where there are none to look at.
    pub(super) fn bad_share(&self, watch: WatchSignal) -> Option<f64> {
        let waits = matches!(watch, WatchSignal::Stuck | WatchSignal::NotReady);
        let counts = |it: &&&Pod| {
            it.bad.is_some() || (waits && it.ready == Some(false)) || self.is_stuck(it)
        };
        let bad = self.new.iter().filter(counts).count();
        (!self.new.is_empty()).then(|| bad as f64 / self.new.len() as f64)
    }

    fn is_stuck(&self, pod: &Pod) -> bool {
        self.rollout_is_stuck() && pod.ready == Some(false)
    }

    pub(super) fn rollout_is_stuck(&self) -> bool {
        matches!(self.s.workload.rollout, Some(Rollout::Stuck { .. }))
    }

    pub(super) fn too_few_requests(&self) -> bool {
        let least = f64::from(self.s.policy.gates.min_requests);
        let requests = self.s.measurement.requests_in_window;
        requests.is_some_and(|it| it < least || it.is_nan())
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
        match onset - change.at {
            age if age < -CLOCK_SLACK => Attribution::AfterOnset,
            age if age > window => Attribution::TooLongAgo,
            _ => Attribution::Within,
        }
    }

    /// The parts that were changed that explains the onset; none where no change does.
    pub(super) fn explained_by(&self) -> &'a [Part] {
        match self.change {
            Some(change) if self.attribution() == Attribution::Within => &change.what,
            _ => &[],
        }
    }

    /// Whether a node is well; None where that is not known.
    pub(super) fn is_healthy(&self, name: &str) -> Option<bool> {
        let node = self.s.nodes.as_ref()?.iter().find(|it| it.name == name)?;
        if node.ready == Some(false) || node.pressure == Some(true) {
            return Some(false);
        }
        if node.rebooted_at.is_some_and(|it| self.is_recent(it)) {
            return Some(false);
        }
        Some(node.ready? && !node.pressure?)
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

    pub(super) fn is_live(&self, version: &Version) -> bool {
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

    /// Only what lies outside the template.
    pub(super) fn is_config_only(&self) -> bool {
        self.what.iter().filter(|it| it.material()).all(|it| *it == Part::Config)
    }

    /// `image, env`, for people.
    pub(super) fn words(&self) -> String {
        let words: Vec<_> = self.what.iter().map(|it| it.as_str()).collect();
        words.join(", ")
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
