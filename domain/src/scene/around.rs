//! What is wrong around the workload, and whose pods it hits.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Scene;
use crate::decide::situation::{Hits, Trouble, TroubleKind};
use crate::pods::{BadReason, Pod};
use crate::surroundings::{Concerns, Surrounding};
use crate::workloads::{Event, Node, Rollout};

/// What the cluster said so long before the trouble began may still have to do with it.
const SHORTLY_BEFORE: TimeDelta = TimeDelta::minutes(10);

impl Scene {
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = Vec::new();
        for (reason, kind) in [
            (BadReason::Unschedulable, TroubleKind::Scheduling),
            (BadReason::Failed, TroubleKind::Eviction),
        ] {
            let hit: Vec<&Pod> = self
                .pods
                .iter()
                .filter(|it| {
                    !it.terminating && it.bad.as_ref().is_some_and(|bad| bad.reason == reason)
                })
                .collect();
            let Some(bad) = hit.first().and_then(|it| it.bad.as_ref()) else { continue };
            if kind == TroubleKind::Eviction && !bad.message.contains("Evicted") {
                continue;
            }
            // The scheduler says the same of a pod whose claim is not bound.
            let lacks_volume = kind == TroubleKind::Scheduling && bad.message.contains("olume");
            let kind = if lacks_volume { TroubleKind::Volume } else { kind };
            let hits = self.hits(hit.iter().copied());
            let message = Some(bad.message.clone());
            troubles.push(Trouble { kind, hits, since: Some(bad.since), message });
        }
        troubles.extend(self.quota().or_else(|| self.quota_of_set()));
        troubles.extend(self.told());
        troubles.extend(self.surrounding());
        let mut bad = self.pods.iter().filter(|it| !it.terminating && it.bad.is_some());
        let weak = |name: &str| {
            self.nodes.iter().flatten().any(|it| it.name == name && (it.pressure || !it.ready))
        };
        // Where a pod is bad on a node that is well, no other node's pressure explains it.
        let elsewhere = bad.any(|it| !it.node.is_empty() && !weak(&it.node));
        let pressed = |it: &&Node| it.pressure && !elsewhere && self.runs_on(it);
        for node in self.nodes.iter().flatten().filter(pressed) {
            troubles.push(Trouble {
                kind: TroubleKind::NodePressure,
                hits: Hits::Unknown,
                since: None,
                message: Some(format!("node {} is under pressure", node.name)),
            });
        }
        troubles
    }

    /// A quota lets no pod come into being, so only the workload itself tells of it.
    fn quota(&self) -> Option<Trouble> {
        let refused = self.workload.conditions.iter().find(|it| {
            it.kind == "ReplicaFailure" && it.status == "True" && it.message.contains("quota")
        })?;
        Some(self.out_of_quota(refused.message.clone()))
    }

    /// What the cluster says of pods that are not well, where their own state does not.
    fn told(&self) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = Vec::new();
        for (kind, reasons) in [
            (TroubleKind::Volume, &["FailedMount", "FailedAttachVolume", "FailedMapVolume"][..]),
            (TroubleKind::PullSecret, &["FailedToRetrieveImagePullSecret"]),
        ] {
            let about = |it: &Event| {
                let name = it.object.strip_prefix("Pod/")?;
                let pod = self.pods.iter().find(|it| it.name == name && !it.terminating)?;
                let suffers = match kind {
                    TroubleKind::PullSecret => {
                        pod.bad.as_ref().is_some_and(|it| it.reason == BadReason::ImagePull)
                    }
                    // A volume that came late has come once the pod is ready.
                    _ => !pod.ready,
                };
                suffers.then_some(pod)
            };
            let said = self.events.iter().filter(|it| reasons.contains(&&*it.reason));
            let hit: Vec<(&Event, &Pod)> = said.filter_map(|it| Some((it, about(it)?))).collect();
            let Some((first, _)) = hit.iter().min_by_key(|(it, _)| it.first_at) else { continue };
            troubles.push(Trouble {
                kind,
                hits: self.hits(hit.iter().map(|(_, pod)| *pod)),
                since: Some(first.first_at),
                message: Some(first.message.clone()),
            });
        }
        troubles.extend(self.evicted());
        troubles
    }

    /// Pods that were sent away are gone, so only the cluster's word is left of them.
    fn evicted(&self) -> Option<Trouble> {
        let begin = self.onset()? - SHORTLY_BEFORE;
        let sent_away = |it: &&Event| {
            matches!(&*it.reason, "Evicted" | "Preempted" | "TaintManagerEviction")
                && it.last_at >= begin
        };
        let first = self.events.iter().filter(sent_away).min_by_key(|it| it.first_at)?;
        Some(Trouble {
            kind: TroubleKind::Eviction,
            hits: Hits::Unknown,
            since: Some(first.first_at),
            message: Some(first.message.clone()),
        })
    }

    fn onset(&self) -> Option<DateTime<Utc>> {
        let alert = self.alert.as_ref();
        let seen = self.sighting.as_ref().map(|it| it.onset);
        seen.or_else(|| alert.map(|it| it.onset_at.unwrap_or(it.starts_at)))
    }

    /// A set makes its pods itself, and says in an event why it may not.
    fn quota_of_set(&self) -> Option<Trouble> {
        let missing = self.pods.iter().filter(|it| !it.terminating).count();
        let wanted = usize::try_from(self.workload.replicas).unwrap_or_default();
        let refused =
            |it: &&Event| it.reason == "FailedCreate" && it.message.contains("exceeded quota");
        let said = self.events.iter().find(refused).filter(|_| missing < wanted)?;
        Some(self.out_of_quota(said.message.clone()))
    }

    fn out_of_quota(&self, message: String) -> Trouble {
        let rolls_out = self.workload.rollout != Rollout::Settled;
        Trouble {
            kind: TroubleKind::Quota,
            hits: if rolls_out { Hits::New } else { Hits::Unknown },
            since: None,
            message: Some(message),
        }
    }

    /// Objects of the namespace that concern this workload.
    fn surrounding(&self) -> Vec<Trouble> {
        let concerning = self.surroundings.iter().filter_map(|it| {
            let hits = self.concerned(it)?;
            let message = Some(it.message.clone());
            Some(Trouble { kind: it.trouble, hits, since: it.since, message })
        });
        concerning.collect()
    }

    /// Whose pods an object concerns; None where it has nothing to do with them, or not with this trouble.
    fn concerned(&self, it: &Surrounding) -> Option<Hits> {
        let (kind, name) = (self.workload.kind, self.workload.name.as_str());
        let takes = |template: &Value| it.concerns.take_in(kind, name, template);
        if let Concerns::Workload { .. } = it.concerns {
            return takes(&Value::Null).then_some(Hits::Both);
        }
        let live = &self.workload.live.digest;
        let new =
            self.revisions.iter().filter(|it| it.digest == *live).any(|it| takes(&it.template));
        let runs = |digest| self.pods.iter().any(|pod| pod.digest.as_ref() == Some(digest));
        let older = || self.revisions.iter().filter(|it| it.digest != *live);
        // Where none of the older pods is left, what ran before the live one stands for them.
        let before = older().max_by_key(|it| it.seen_at).map(|it| &it.digest);
        let old = older()
            .filter(|it| runs(&it.digest) || Some(&it.digest) == before)
            .any(|it| takes(&it.template));
        if it.trouble == TroubleKind::NetworkPolicy && !self.is_recent(it.since) {
            return None;
        }
        match (new, old) {
            (true, true) => Some(Hits::Both),
            (true, false) => Some(Hits::New),
            (false, true) => Some(Hits::Old),
            (false, false) => None,
        }
    }

    /// Changed early enough to have brought the trouble, and late enough.
    fn is_recent(&self, changed_at: Option<DateTime<Utc>>) -> bool {
        let (Some(onset), Some(at)) = (self.onset(), changed_at) else { return false };
        let window = TimeDelta::seconds(i64::from(self.policy.gates.attribution_s));
        at <= onset && onset - at <= window
    }

    fn hits<'a>(&self, pods: impl Iterator<Item = &'a Pod>) -> Hits {
        let live = &self.workload.live.digest;
        let (mut new, mut old) = (false, false);
        for pod in pods {
            match pod.digest.as_ref() == Some(live) {
                true => new = true,
                false => old = true,
            }
        }
        match (new, old) {
            (true, false) => Hits::New,
            (false, true) => Hits::Old,
            (true, true) => Hits::Both,
            (false, false) => Hits::Unknown,
        }
    }
}
